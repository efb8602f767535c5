"""Values that evidence is made of: finite, bounded, and of one form."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator

MAX_COUNT = 2**62
MAX_SECONDS = 1e9  # thirty years
MAX_TEXT_CHARACTERS = 200

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=80)]  # also a folder
Label = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=161)]  # of two names
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
Number = Annotated[int, Field(ge=1, le=MAX_COUNT)]  # counted from 1
Nanoseconds = Annotated[int, Field(ge=0, le=10**18)]
Amount = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=MAX_SECONDS, allow_inf_nan=False)]


def _utc(text: str) -> str:
    time = datetime.fromisoformat(text)
    if time.utcoffset() != timedelta(0):
        raise ValueError("must be a time in UTC")
    return text


def utc_time(text: str) -> datetime:
    """Parse a `UtcTime`."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _scalar(value: Any) -> Any:
    """Accept what a hyperparameter may be."""
    fits = value is None or isinstance(value, bool)
    fits |= isinstance(value, int) and abs(value) <= MAX_COUNT
    fits |= isinstance(value, float) and math.isfinite(value)
    fits |= isinstance(value, str) and len(value) <= MAX_TEXT_CHARACTERS
    if not fits:
        raise ValueError(
            "must be true, false, null, a finite number, or text of at most "
            f"{MAX_TEXT_CHARACTERS} characters"
        )
    return value


UtcTime = Annotated[str, Field(max_length=40), AfterValidator(_utc)]  # ISO 8601
Scalar = Annotated[bool | int | float | str | None, PlainValidator(_scalar)]
HyperparameterName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=80)]
Point = Annotated[dict[HyperparameterName, Scalar], Field(max_length=100)]
