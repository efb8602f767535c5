"""Values that evidence is made of: finite, bounded, and of one form."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

MAX_COUNT = 2**62
MAX_SECONDS = 1e9  # thirty years

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


UtcTime = Annotated[str, Field(max_length=40), AfterValidator(_utc)]  # ISO 8601
