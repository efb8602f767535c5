"""A stop that somebody asks for has a time, words and digests."""

from __future__ import annotations

import math

import pytest

from kit.errors import UsageError
from kit.rules.plan import EarlyStop

DIGEST = "ab" * 32


def test_a_stop_is_what_was_asked_for() -> None:
    assert EarlyStop.given(0.0, "too slow", [DIGEST]) == EarlyStop(0.0, "too slow", (DIGEST,))


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf])
def test_a_time_is_seconds(seconds: float) -> None:
    with pytest.raises(UsageError, match=r"--stop-after takes seconds, 0 or more. Received: "):
        EarlyStop.given(seconds, "too slow")


@pytest.mark.parametrize("rule", ["", "  ", "two\nlines", "\x1b[2J"])
def test_a_reason_is_one_line_of_words(rule: str) -> None:
    with pytest.raises(UsageError, match="needs the reason in words, on one line: --stop-rule"):
        EarlyStop.given(1.0, rule)


@pytest.mark.parametrize("digest", ["", "ab", "AB" * 32, DIGEST + "0"])
def test_evidence_is_digests(digest: str) -> None:
    with pytest.raises(UsageError, match="--stop-evidence takes the sha256 of an attestation"):
        EarlyStop.given(1.0, "too slow", [DIGEST, digest])
