"""What differs between two descriptions of where trials ran, and what may change their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# Releases of these compute the numbers; other packages only carry them.
_COMPUTES = re.compile(r"tensorflow|keras|numpy|nvidia|jax|ml-dtypes", re.IGNORECASE)
_FACTS = {  # key in `environment.json` -> (words, whether it bears on the bits of a result)
    "kit_version": ("version of the kit", True),
    "image_digest": ("the referee's image", False),
    "trainer_image_digest": ("the trainer's image", False),
    "data_manifest_sha256": ("prepared data", True),
    "extra_requirements": ("extra packages of the submission", True),
    "python": ("Python", True),
    "cpu": ("processor", True),
    "cpu_cores": ("cores", True),
    "operating_system": ("operating system", False),
    "isolation": ("isolation", False),
}
_PLACES = {"STOPWATCH_DATA"}  # where prepared data lies; what it holds is compared by its digest
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same in both."""

    what: str
    recorded: str
    here: str
    bears: bool  # may change the bits of a result

    def __str__(self) -> str:
        return f"{self.what}: {_short(self.recorded)} in the record, {_short(self.here)} here"


def environment_differences(
    recorded: Mapping[str, Any], here: Mapping[str, Any]
) -> tuple[Difference, ...]:
    """Compare what two `environment.json` hold."""
    return tuple(_differences(recorded, here))


def xla_difference(recorded: Mapping[str, bool], here: Mapping[str, bool]) -> Difference | None:
    """Compare which functions were compiled with XLA; None where that is the same."""
    if dict(recorded) == dict(here):
        return None
    return Difference("compiled with XLA", _text(recorded), _text(here), bears=True)


def doubts_about_bits(
    recorded: Mapping[str, Any], here: Mapping[str, Any], differences: tuple[Difference, ...]
) -> list[str]:
    """Return why bitwise equality cannot be expected; nothing where it can.

    It can where neither machine has a GPU and nothing differs that bears on the bits. On a GPU
    TensorFlow adds in an order that it does not fix.
    """
    doubts = [f"{difference.what} differs" for difference in differences if difference.bears]
    if recorded.get("gpus") or here.get("gpus"):
        doubts.append("GPUs do not add in a fixed order")
    return doubts


def _differences(recorded: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[Difference]:
    for key, (words, bears) in _FACTS.items():
        if recorded.get(key) != here.get(key):
            yield Difference(words, _text(recorded.get(key)), _text(here.get(key)), bears)
    yield from _variables(
        _mapping(recorded, "trainer_environment"), _mapping(here, "trainer_environment")
    )
    sources = [_revision(_mapping(one, "source")) for one in (recorded, here)]
    if sources[0] != sources[1]:
        yield Difference("the kit's source", sources[0], sources[1], bears=False)
    yield from _locks(_mapping(recorded, "lock_sha256"), _mapping(here, "lock_sha256"))
    devices = [_devices(one) for one in (recorded, here)]
    if devices[0] != devices[1]:
        yield Difference("GPUs", devices[0], devices[1], bears=True)
    yield from _packages(_mapping(recorded, "packages"), _mapping(here, "packages"))


def _variables(recorded: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[Difference]:
    for name in sorted({*recorded, *here} - _PLACES):
        was, now = _text(recorded.get(name)), _text(here.get(name))
        if was != now:
            yield Difference(f"the trainer's variable {name}", was, now, bears=True)


def _locks(recorded: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield lock files that differ; what is installed of them is compared by version."""
    for name in sorted({*recorded, *here}):
        if recorded.get(name) != here.get(name):
            was, now = (str(one.get(name, "none"))[:12] for one in (recorded, here))
            yield Difference(f"the lock file {name}", was, now, bears=False)


def _packages(recorded: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[Difference]:
    others = 0
    for name in sorted({*recorded, *here}):
        if recorded.get(name) == here.get(name):
            continue
        if _COMPUTES.search(name):
            yield Difference(name, _text(recorded.get(name)), _text(here.get(name)), bears=True)
        else:
            others += 1
    if others:
        yield Difference(
            f"versions of {others} packages that compute nothing", "some", "others", bears=False
        )


def _mapping(environment: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = environment.get(key)
    return value if isinstance(value, Mapping) else {}


def _devices(environment: Mapping[str, Any]) -> str:
    found = environment.get("gpus")
    gpus = found if isinstance(found, list) else []
    return (
        ", ".join(
            f"{gpu.get('name')} (driver {gpu.get('driver')})"
            for gpu in gpus
            if isinstance(gpu, Mapping)
        )
        or "none"
    )


def _revision(source: Mapping[str, Any]) -> str:
    revision = str(source.get("revision") or "unknown")[:12]
    return f"{revision} with changes" if source.get("dirty") else revision


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{k}={v}" for k, v in sorted(value.items())) or "none"
    return str(value)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
