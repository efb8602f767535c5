"""Stderr for the view alone: compiled libraries write there too, past Python and any setting."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from kit.errors import KitError

STDERR = 2
TAIL_BYTES = 4000


def stream_for_view() -> TextIO:
    """Return stderr under a file descriptor of its own, so that the original can be turned away."""
    if not _is_descriptor_2(sys.stderr):
        return sys.stderr
    return os.fdopen(os.dup(STDERR), "w", encoding=sys.stderr.encoding, errors="replace")


@contextmanager
def libraries_silenced() -> Iterator[None]:
    """Collect what is written to file descriptor 2; show its end if a crash comes out."""
    if not _is_descriptor_2(sys.stderr):
        yield
        return
    sys.stderr.flush()
    original = os.dup(STDERR)
    with tempfile.TemporaryFile() as collected:
        os.dup2(collected.fileno(), STDERR)
        failed = True
        try:
            yield
            failed = False
        except KitError:  # its one line says all
            failed = False
            raise
        finally:
            sys.stderr.flush()
            os.dup2(original, STDERR)
            os.close(original)
            if failed:
                collected.seek(max(0, collected.seek(0, os.SEEK_END) - TAIL_BYTES))
                os.write(STDERR, collected.read())


def _is_descriptor_2(stream: TextIO) -> bool:
    try:
        return stream.fileno() == STDERR
    except (io.UnsupportedOperation, AttributeError, ValueError):
        return False
