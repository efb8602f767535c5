"""What a sandbox must hide in the folders that it shows: evaluation data and private folders.

Not found, because nothing points to them: copies in archives or under other names, and what an
editable installation keeps elsewhere.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from importlib.metadata import distributions
from pathlib import Path

from packaging.utils import canonicalize_name

from kit import paths
from kit.rules.data_sources import data_files, data_packages

_DATA_SETS = Path("/usr/share/datasets")  # of Debian's packages dataset-*
_INSTALLED = "lib*/python3*/*-packages"  # below a prefix: site-packages, and Debian's dist-packages
_ARCHIVES = "pkgs"  # below a prefix of Conda
_CACHE_VARIABLES = ("PIP_CACHE_DIR", "UV_CACHE_DIR", "XDG_CACHE_HOME")


def hidden_paths(shown: Collection[Path]) -> list[Path]:
    """Return every file and folder in one of `shown` that a trainer must not see.

    They are the project and its data, results, cache and keys, the user's home and package caches,
    the data of system packages, and every installed Python package that data is read from.
    """
    prefixes = {Path(sys.prefix), Path(sys.base_prefix), Path("/usr"), Path("/usr/local")}
    prefixes |= {*Path("/opt").glob("*"), *Path("/opt").glob("*/envs/*")}
    candidates = {
        paths.PROJECT,
        paths.data_root(),
        paths.results_root(),
        paths.cache_root(),
        paths.config_root(),
        Path.home(),
        *(Path(os.environ[name]) for name in _CACHE_VARIABLES if os.environ.get(name)),
        _DATA_SETS,
        *data_files(),
        *(prefix / _ARCHIVES for prefix in prefixes),
        *_installed_packages(prefixes),
    }
    real = {path.resolve() for path in candidates if path.exists()}
    # /lib may be a link to /usr/lib: the sandbox shows both, each with mounts of its own.
    return sorted(
        root / path.relative_to(root.resolve())
        for root in shown
        for path in real
        if path.is_relative_to(root.resolve())
    )


def _installed_packages(prefixes: Collection[Path]) -> Iterator[Path]:
    """Yield the modules and metadata of every installed package that data is read from."""
    names = data_packages()
    for folder in (folder for prefix in prefixes for folder in prefix.glob(_INSTALLED)):
        for entry in folder.iterdir():
            if canonicalize_name(entry.name.partition("-")[0]) in names:
                yield entry
        for distribution in distributions(path=[str(folder)]):
            if canonicalize_name(distribution.name or "") in names:
                for file in distribution.files or ():
                    package = folder / file.parts[0]  # or a namespace that others share
                    yield package if (package / "__init__.py").exists() else folder / file
