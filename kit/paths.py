"""Where things are on disk: one function for each place."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
WORKLOADS = PROJECT / "workloads"
SUBMISSIONS = PROJECT / "submissions"
RULES = PROJECT / "rules"
TRUSTED_KEYS = RULES / "trusted_keys.yaml"
REQUIREMENTS = PROJECT / "requirements"


def data_root() -> Path:
    """Return the folder of prepared data; `STOPWATCH_DATA` overrides it."""
    return Path(os.environ.get("STOPWATCH_DATA") or PROJECT / "data").absolute()


def results_root() -> Path:
    """Return the folder of records and the ledger; `STOPWATCH_RESULTS` overrides it."""
    return Path(os.environ.get("STOPWATCH_RESULTS") or PROJECT / "results").absolute()


def held_out_root() -> Path:
    """Return the folder of public statements about held-out variants, one folder per ruleset."""
    return PROJECT / "held-out"


def cache_root() -> Path:
    """Return the folder of what can be made again; `STOPWATCH_CACHE` overrides it."""
    return Path(os.environ.get("STOPWATCH_CACHE") or PROJECT / ".stopwatch").absolute()


def config_root() -> Path:
    """Return the private folder of keys, outside the repository.

    `STOPWATCH_CONFIG` overrides it; otherwise `$XDG_CONFIG_HOME/stopwatch`.
    """
    override = os.environ.get("STOPWATCH_CONFIG")
    if override:
        return Path(override).absolute()
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base).absolute() / "stopwatch"
