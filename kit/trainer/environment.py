"""The environment variables of a trainer, wherever it runs."""

from __future__ import annotations

from pathlib import Path


def environment(scratch: str, data: Path) -> dict[str, str]:
    """Return the whole environment of a trainer: nothing is inherited but what is listed here.

    Args:
        scratch: its own empty folder, as it sees it.
        data: the root of prepared data, of which it sees one training split.
    """
    return {
        "HOME": scratch,
        "KERAS_BACKEND": "tensorflow",
        "KERAS_HOME": f"{scratch}/keras",
        "LANG": "C.UTF-8",
        "PATH": "/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "STOPWATCH_DATA": str(data),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TMPDIR": scratch,
        "XDG_CACHE_HOME": f"{scratch}/cache",
    }
