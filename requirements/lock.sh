#!/usr/bin/env bash
# Regenerates the hash-locked files beside this script from their .in files (`make lock`).
# Versions stay as they are unless an .in file demands another; `make lock UPGRADE=1` takes the newest.
set -euo pipefail
uv=$(realpath "$1")
cd "$(dirname "$0")"

compile() { # NAME [OPTION…]
    local name=$1
    shift
    echo "  requirements/$name.lock"
    "$uv" pip compile "$name.in" --output-file "$name.lock" "$@" \
        --generate-hashes --no-emit-index-url --no-emit-find-links \
        --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
        --custom-compile-command "make lock" --no-progress --quiet ${UPGRADE:+--upgrade}
}

compile cpu # first: the others are constrained by it
compile gpu
compile dev
compile upload
if [ -f data.in ]; then compile data --no-deps; fi # archives to read, never installed
