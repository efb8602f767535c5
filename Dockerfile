# Four images from one file: `cpu` and `gpu` train and judge, `upload` holds the W&B key and runs no
# model, `test` is cpu with the tests. Build them with `kit image build`: it passes the arguments and
# adds the labels that say what is inside. No submission is ever in an image; it is mounted.
#
# Works with and without BuildKit. The old builder makes every stage that stands above the one asked
# for, so they stand in the order of their size.
ARG BASE_IMAGE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

# Packages are unpacked by a pip that stays in this stage. The system's certificates, not pip's own:
# so a base image with an organisation's authority among them works behind its proxy. (--no-compile
# below is no variable here: PIP_NO_COMPILE=1 means the opposite.)
FROM ${BASE_IMAGE} AS installer
ENV PIP_PYTHON=/opt/stopwatch/bin/python PIP_REQUIRE_HASHES=1 PIP_NO_DEPS=1 PIP_ONLY_BINARY=:all: \
    PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_PROGRESS_BAR=off \
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 \
    PATH=/opt/installer/bin:/usr/local/bin:/usr/bin:/bin
RUN python3 -m venv /opt/installer && python3 -m venv --without-pip /opt/stopwatch && \
    echo /stopwatch >/opt/stopwatch/lib/python3.11/site-packages/stopwatch.pth && \
    printf '#!/opt/stopwatch/bin/python\nfrom kit.cli.main import main\n\nmain()\n' >/opt/stopwatch/bin/kit && \
    chmod 755 /opt/stopwatch/bin/kit
# `finish TREE DATE` makes a tree that depends on its sources alone. Byte code is compiled here because
# the root file system will be read-only; by one process, in order, and with no date inside.
RUN printf '%s\n' '#!/bin/sh -e' \
    '/opt/stopwatch/bin/python -S -m compileall -q -f -j 1 --invalidation-mode unchecked-hash "$1"' \
    'chmod -R u=rwX,go=rX "$1"' \
    'find "$1" -exec touch --no-dereference --date="@$2" {} +' >/opt/installer/bin/finish && \
    chmod 755 /opt/installer/bin/finish

# What every image starts from. Whatever changes user or installs is taken from the base; its standard
# library is compiled where it is not yet (the official images leave that to the first import).
FROM ${BASE_IMAGE} AS base
RUN find / -xdev '(' -type f -o -type d ')' -perm /6000 -exec chmod ug-s {} + && \
    rm -rf /usr/local/bin/pip* /usr/local/bin/wheel /usr/local/lib/python3.*/site-packages/* \
    /usr/local/lib/python3.*/ensurepip /usr/lib/python3.*/ensurepip /usr/share/python-wheels && \
    python3 -m compileall -q -x '/(test|tests|lib2to3)/' "$(python3 -c 'import os; print(os.path.dirname(os.__file__))')" && \
    echo 'trainer:x:10001:' >>/etc/group && \
    echo 'trainer:x:10001:10001::/tmp:/usr/sbin/nologin' >>/etc/passwd && \
    mkdir /data /results /config
ENV PATH=/opt/stopwatch/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 KERAS_BACKEND=tensorflow \
    STOPWATCH_DATA=/data STOPWATCH_RESULTS=/results STOPWATCH_CONFIG=/config
WORKDIR /stopwatch
USER 10001:10001
CMD ["kit", "--help"]

# The kit itself, copied last into every image: a changed line is a new image within seconds.
FROM installer AS source
COPY pyproject.toml /stopwatch/
COPY requirements/*.lock /stopwatch/requirements/
COPY rules /stopwatch/rules
COPY workloads /stopwatch/workloads
COPY kit /stopwatch/kit
ARG SOURCE_DATE_EPOCH=0
RUN finish /stopwatch "$SOURCE_DATE_EPOCH"

# Packages are dated 1980 instead of like the commit, or each commit would make them anew.
FROM installer AS upload-packages
COPY requirements/upload.lock /tmp/
RUN pip install --no-compile --requirement /tmp/upload.lock && finish /opt/stopwatch 315532800

FROM base AS upload
COPY --from=upload-packages /opt/stopwatch /opt/stopwatch
COPY --from=source /stopwatch /stopwatch
ARG REVISION=unknown
ARG DIRTY=unknown
ENV STOPWATCH_SOURCE_REVISION=${REVISION} STOPWATCH_SOURCE_DIRTY=${DIRTY}

# TensorFlow's C++ headers, a fifth of it, are read by compilers alone, and there is none here.
FROM installer AS cpu-packages
COPY requirements/cpu.lock /tmp/
RUN pip install --no-compile --requirement /tmp/cpu.lock && \
    rm -r /opt/stopwatch/lib/python3.11/site-packages/tensorflow/include && \
    finish /opt/stopwatch 315532800

FROM base AS cpu
COPY --from=cpu-packages /opt/stopwatch /opt/stopwatch
COPY --from=source /stopwatch /stopwatch
ARG REVISION=unknown
ARG DIRTY=unknown
ENV STOPWATCH_SOURCE_REVISION=${REVISION} STOPWATCH_SOURCE_DIRTY=${DIRTY}

# The same environment folder with the development packages alone: copied over cpu's, it adds them.
FROM installer AS test-packages
COPY requirements/dev.lock /tmp/
RUN pip install --no-compile --requirement /tmp/dev.lock && finish /opt/stopwatch 315532800

FROM installer AS test-source
COPY . /stopwatch
ARG SOURCE_DATE_EPOCH=0
RUN finish /stopwatch "$SOURCE_DATE_EPOCH"

FROM cpu AS test
COPY --from=test-packages /opt/stopwatch /opt/stopwatch
COPY --from=test-source /stopwatch /stopwatch
ENV PYTEST_ADDOPTS="-p no:cacheprovider" HYPOTHESIS_STORAGE_DIRECTORY=/tmp/hypothesis
CMD ["python", "-m", "pytest", "-q", "-m", "not slow and not docker and not gpu and not browser"]

FROM installer AS gpu-packages
COPY requirements/gpu.lock /tmp/
RUN pip install --no-compile --requirement /tmp/gpu.lock && \
    rm -r /opt/stopwatch/lib/python3.11/site-packages/tensorflow/include && \
    finish /opt/stopwatch 315532800

FROM base AS gpu
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=gpu-packages /opt/stopwatch /opt/stopwatch
COPY --from=source /stopwatch /stopwatch
ARG REVISION=unknown
ARG DIRTY=unknown
ENV STOPWATCH_SOURCE_REVISION=${REVISION} STOPWATCH_SOURCE_DIRTY=${DIRTY}
