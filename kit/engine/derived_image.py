"""A trainer's image with a submission's extra packages: the base's layers and one more.

The layer is files that are put into a container which is never started, so nothing runs while the
image is made. The referee stays on the base image.
"""

from __future__ import annotations

import hashlib
import tarfile
import tempfile
from io import BufferedRandom
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit.errors import TrialError

if TYPE_CHECKING:
    import docker

EXTRAS = "/stopwatch-extras"  # in the image; the trainer's third argument
BASE_LABEL = "org.stopwatch.base"
CONTENT_LABEL = "org.stopwatch.extras.sha256"
REPOSITORY = "stopwatch-extras"
# The engine makes no container without a command. It is never run, and stays in the image only
# where the base has none either.
_NO_COMMAND = ["false"]


def derive_image(client: docker.DockerClient, base_image_id: str, folder: Path) -> str:
    """Return the id of the image that adds `folder` to the base at `EXTRAS`; made only once.

    User, environment, command and entry point are the base's.

    Raises:
        TrialError: the engine refuses, or what it made does not begin with the base's layers.
    """
    from docker.errors import DockerException

    try:
        with tempfile.TemporaryFile() as archive:
            digest = _write(archive, folder)
            base = client.images.get(base_image_id)
            labels = {BASE_LABEL: base.id, CONTENT_LABEL: digest}
            image = _existing(client, base, labels) or _make(client, base, labels, archive)
    except (DockerException, OSError) as error:
        reason = " ".join(str(error).split())
        raise TrialError(
            f"The image with the submission's extra packages cannot be made: {reason}. Check the "
            "engine and its free space."
        ) from None
    if not _adds_one_layer(base, image):
        raise TrialError(
            f"Image {image.id} is not {base.id} with one more layer, so it is not used. Remove it "
            f"with: docker image rm {image.id}"
        )
    return str(image.id)


def _existing(client: docker.DockerClient, base: Any, labels: dict[str, str]) -> Any:
    """Return an image that was made before from the same base and the same files, or None."""
    wanted = [f"{name}={value}" for name, value in labels.items()]
    images = client.images.list(filters={"label": wanted})
    return next((image for image in images if _adds_one_layer(base, image)), None)


def _make(
    client: docker.DockerClient, base: Any, labels: dict[str, str], archive: BufferedRandom
) -> Any:
    settings = base.attrs["Config"]
    command = None if settings.get("Cmd") or settings.get("Entrypoint") else _NO_COMMAND
    container = client.containers.create(base.id, command)
    try:
        archive.seek(0)
        container.put_archive("/", archive)
        return container.commit(
            repository=REPOSITORY,
            tag=f"{labels[BASE_LABEL][-12:]}-{labels[CONTENT_LABEL][:12]}",
            changes="\n".join(f'LABEL {name}="{value}"' for name, value in labels.items()),
        )
    finally:
        container.remove(v=True)


def _adds_one_layer(base: Any, image: Any) -> bool:
    below, all_layers = (each.attrs["RootFS"].get("Layers") or [] for each in (base, image))
    return bool(all_layers[:-1] == below)


def _write(archive: BufferedRandom, folder: Path) -> str:
    """Write `folder` as a tar file that depends on names and contents alone; return its sha256."""
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.add(folder, arcname=EXTRAS.lstrip("/"), recursive=False, filter=_plain)
        for path in sorted(folder.rglob("*")):
            if "__pycache__" not in path.parts:
                name = f"{EXTRAS.lstrip('/')}/{path.relative_to(folder).as_posix()}"
                tar.add(path, arcname=name, recursive=False, filter=_plain)
    archive.seek(0)
    return hashlib.file_digest(archive, "sha256").hexdigest()


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = "root"
    entry.mode = 0o755 if entry.isdir() else 0o444
    return entry
