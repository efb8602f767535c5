#!/usr/bin/env bash
# Makes a virtual environment with exactly the locked packages and the `kit` command (`make setup`).
# Usage: install.sh ENVIRONMENT cpu|gpu STAMP_TEXT
# The stamp is written last; an environment that was left half-made is made again.
set -euo pipefail
venv=$1 device=$2 stamp=$3
cd "$(dirname "$0")/.."

complain() {
    echo "Error: $*" >&2
    exit 1
}

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.11 python3 python; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    complain "Python 3.11 was not found; the locked packages are for 3.11 only." \
        "Install it (on Debian 12: apt-get install python3.11-venv), or say where it is:" \
        "make setup PYTHON=/path/to/python3.11. Received: $(python3 --version 2>&1 | head -n 1)."
}

make_environment() {
    local python
    python=$(find_python)
    "$python" -c 'import ensurepip, venv' 2>/dev/null || complain \
        "$python has no venv module. Install it (on Debian 12: apt-get install python3.11-venv)."
    rm -rf "$venv"
    "$python" -m venv "$venv"
}

# pip's own lines, cut down to one that counts: a download of several hundred megabytes is not silence.
show_progress() {
    awk -v total="$1" -v terminal="$([ -t 1 ] && echo 1)" '
        function name(path) { sub(".*/", "", path); return path }
        function show(text) {
            if (terminal) { printf "\r\033[K  %s", text } else { print "  " text }
            fflush()
        }
        /^(Collecting|Processing) / { show(sprintf("[%d/%d] %s", ++seen, total, name($2))) }
        /^ *Downloading .*\(([0-9.]+ GB|[0-9][0-9]+\.[0-9] MB)\)/ {
            show(sprintf("[%d/%d] downloading %s %s %s", seen, total, name($2), $(NF-1), $NF))
        }
        /^Installing collected/ { show("unpacking " seen " packages (about a minute)") }
        END { if (terminal) printf "\r\033[K" }'
}

# An installation that was interrupted leaves this mark behind.
if [ -e "$venv/.installing" ] || ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
    make_environment
elif [ -e "$venv/.stamp" ] && [ "$(cut -d' ' -f2- "$venv/.stamp")" != "${stamp#* }" ]; then
    echo "The environment was made in another folder; making it again."
    make_environment
elif [ -e "$venv/.stamp" ] && [ "$(cut -d' ' -f1 "$venv/.stamp")" != "$device" ]; then
    echo "Changing the environment to $device."
    make_environment
fi
touch "$venv/.installing"
rm -f "$venv/.stamp"

locks=("requirements/$device.lock" requirements/dev.lock)
echo "Installing the locked packages into $venv (a few minutes the first time) …"
"$venv/bin/python" -m pip install --require-hashes --no-deps --no-input --progress-bar off \
    --disable-pip-version-check -r "${locks[0]}" -r "${locks[1]}" |
    show_progress "$(grep -hoE '^[A-Za-z0-9._-]+==' "${locks[@]}" | sort -u | wc -l)"
"$venv/bin/python" -m pip install --quiet --no-deps --no-build-isolation --no-input \
    --disable-pip-version-check --editable .
echo "$stamp" >"$venv/.stamp.new"
rm -f "$venv/.installing"
mv "$venv/.stamp.new" "$venv/.stamp"
echo "Ready: $venv/bin/kit --help"
