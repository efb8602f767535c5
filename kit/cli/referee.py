"""`kit referee`: one trial, refereed in a container that `docker-compose.yml` started."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, TypeVar

import click

from kit import paths
from kit.cli.trial import Request, carry_out
from kit.errors import UsageError

if TYPE_CHECKING:
    from kit.rules.plan import EarlyStop

_Default = TypeVar("_Default", int, None)
_DIGEST = re.compile(r"(?:\S+@)?sha256:[0-9a-f]{64}")
_SHIFT = {"": 0, "b": 0, "k": 10, "m": 20, "g": 30}
_GROUP_MAY_WRITE = 0o002  # the records belong to root and to the group that owns their folder


@click.command(hidden=True)
def referee() -> int:
    """Referee the trial that the environment describes; the trainer is another container.

    The trainer can read this process's command line, but not its environment.
    """
    for name in ("STOPWATCH_IMAGE_DIGEST", "STOPWATCH_TRAINER_IMAGE_DIGEST"):
        _check_digest(name)
    os.umask(_GROUP_MAY_WRITE)
    os.chdir("/")  # so that paths are shown as on the host: results/…
    return carry_out(
        Request(
            workload=_given("WORKLOAD") or "mnist",
            variant=_given("VARIANT"),
            submission=f"/submissions/{_given('SUBMISSION') or 'nadamw'}",
            ruleset=_given("RULESET") or "mini",
            study=_number("STUDY", 1),
            trial=_number("TRIAL", 1),
            seed=_number("SEED", None),
            isolation="container",
            inline=False,
            quick=_given("QUICK") is not None,
            evaluate_at_steps=_numbers("STEPS"),
            json=_given("JSON") is not None,
            results=paths.results_root(),
            memory_limit_bytes=_bytes("TRAINER_MEMORY"),
            stop=_stop("STOP"),
        )
    )


def _check_digest(name: str) -> None:
    """Refuse a tag: it says nothing about what ran, because it moves."""
    value = _given(name) or ""
    if not _DIGEST.fullmatch(value):
        raise UsageError(
            f"{name} is an image's digest, as `make image` prints it: sha256 and 64 digits. Name "
            f"the image by its digest in STOPWATCH_IMAGE and TRAINER_IMAGE. Received: {value!r}."
        )


def _given(name: str) -> str | None:
    return os.environ.get(name) or None  # compose sets what was left out to nothing


def _number(name: str, default: _Default) -> int | _Default:
    text = _given(name)
    if text is not None and not text.isdecimal():
        raise UsageError(f"{name} is a whole number. Received: {text!r}.")
    return default if text is None else int(text)


def _numbers(name: str) -> tuple[int, ...]:
    parts = (_given(name) or "").split(",") if _given(name) else []
    if not all(part.isdecimal() for part in parts):
        raise UsageError(f"{name} is whole numbers with commas. Received: {_given(name)!r}.")
    return tuple(map(int, parts))


def _stop(name: str) -> EarlyStop | None:
    """Return the early stop that the host wrote as JSON."""
    text = _given(name)
    if text is None:
        return None
    from kit.rules.plan import EarlyStop

    try:
        fields = json.loads(text)
        return EarlyStop.given(
            float(fields["after_seconds"]), str(fields["rule"]), list(map(str, fields["evidence"]))
        )
    except (ValueError, KeyError, TypeError):
        raise UsageError(
            f"{name} is JSON with after_seconds, rule and evidence. Received: {text[:200]!r}."
        ) from None


def _bytes(name: str) -> int | None:
    """Return an amount as compose writes it: 8g, 512m, 1024b."""
    found = re.fullmatch(r"(\d+)([bkmg]?)b?", (_given(name) or "").lower())
    return int(found[1]) << _SHIFT[found[2]] if found else None
