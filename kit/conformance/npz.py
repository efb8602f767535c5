"""Read an `.npz` file that may be damaged or not one at all."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from kit.errors import InvalidFile

Arrays = dict[str, np.ndarray[Any, Any]]


def read_npz(path: Path) -> Arrays:
    """Read every array of `path`; nothing in it is ever unpickled.

    Raises:
        InvalidFile: it is missing, damaged or not an archive of arrays.
    """
    try:
        if path.is_file() and not zipfile.is_zipfile(path):
            raise zipfile.BadZipFile("it is no archive, or cut off")
        # Opened here, because NumPy leaves a file open that it cannot read.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            return {name: content[name] for name in content.files}
    except FileNotFoundError:
        raise InvalidFile(f"{path}: no such file. Check the name.") from None
    except (OSError, ValueError, EOFError, KeyError, AttributeError, TypeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
    except (zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        reason = str(error)
    raise InvalidFile(f"{path}: not a readable .npz file: {reason}. Copy it again.")
