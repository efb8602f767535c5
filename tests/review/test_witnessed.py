"""Heads that a server dated, against a ledger: what is witnessed, and what contradicts it."""

from __future__ import annotations

import itertools
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from kit.mirror.witness import ENTRY, WITNESS_TYPE
from kit.records.chain import verify_chain
from kit.records.record import TrialState
from kit.review.copies import VersionCopy
from kit.review.witnessed import TOLERANCE_SECONDS, hear
from tests.records.factory import Results, make_trial

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)  # the first entry's time in the factory; one a second


@pytest.fixture
def results(tmp_path):
    """Return a ledger with two trials: genesis, study, start, end, start, end."""
    found = Results(tmp_path / "own")
    found.run(make_trial())
    found.run(make_trial(trial=2, state=TrialState.OUT_OF_TIME))
    return found


@pytest.fixture
def seen(tmp_path):
    """Return a function that makes what a server has of an entry."""
    numbers = itertools.count()

    def make(entry, *, seconds_late=1.0, number=None):
        number = next(numbers) if number is None else number
        folder = tmp_path / f"head-{number}"
        folder.mkdir()
        (folder / ENTRY).write_bytes(entry.line)
        time = BEGIN + timedelta(seconds=entry.index + seconds_late)
        return VersionCopy("witness-x", WITNESS_TYPE, number, frozenset(), time.isoformat(), folder)

    return make


def said(testimony):
    return [f.sentence for f in testimony.findings if f.status == "problem"]


def test_attempts_whose_heads_were_dated_in_time_are_witnessed(results, seen):
    chain = verify_chain(results.ledger.path)
    heard = hear("x", chain, [seen(entry) for entry in chain.entries])
    assert said(heard) == []
    assert heard.witnessed == {attempt.identification for attempt in chain.attempts()}


def test_later_head_stands_for_the_lines_before_it(results, seen):
    chain = verify_chain(results.ledger.path)
    heard = hear("x", chain, [seen(chain.entries[i]) for i in (2, 5, 7)])
    assert len(heard.witnessed) == 2  # the end of the first is seen with the start of the second


def test_start_that_is_seen_only_with_its_end_is_not_witnessed(results, seen):
    chain = verify_chain(results.ledger.path)
    heard = hear("x", chain, [seen(chain.entries[i]) for i in (4, 5, 7)])
    assert [which.trial for which in heard.witnessed] == [2]


@pytest.mark.parametrize("seconds", [TOLERANCE_SECONDS + 1, -TOLERANCE_SECONDS - 1])
def test_heads_far_from_the_ledgers_own_times_witness_nothing(results, seen, seconds):
    chain = verify_chain(results.ledger.path)
    heard = hear("x", chain, [seen(entry, seconds_late=seconds) for entry in chain.entries])
    assert heard.witnessed == frozenset()


def test_rewritten_ledger_is_named(results, seen, tmp_path):
    lines = results.ledger.path.read_bytes().splitlines(keepends=True)
    before = verify_chain(results.ledger.path)
    results.ledger.path.write_bytes(b"".join(lines[:2]))
    shutil.rmtree(results.folder(make_trial().record).parent)
    results.run(make_trial())  # the first attempt again, as if it had never been
    heard = hear("x", verify_chain(results.ledger.path), [seen(e) for e in before.entries])
    assert any("The ledger was rewritten" in text and "start of" in text for text in said(heard))
    assert any("it was cut off" in text for text in said(heard))


def test_dropped_attempt_is_named(results, seen):
    before = verify_chain(results.ledger.path)
    lines = results.ledger.path.read_bytes().splitlines(keepends=True)
    results.ledger.path.write_bytes(b"".join(lines[:4]))
    heard = hear("x", verify_chain(results.ledger.path), [seen(e) for e in before.entries])
    assert any("trial 2" in text and "it was cut off" in text for text in said(heard))


def test_deleted_heads_are_named(results, seen):
    chain = verify_chain(results.ledger.path)
    heard = hear("x", chain, [seen(chain.entries[i], number=i) for i in (0, 1, 4, 5)])
    assert said(heard) == ["Heads that W&B had recorded were deleted there: v2, v3."]


def test_head_of_another_key_contradicts_nothing_and_is_named(results, seen, tmp_path):
    other = Results(tmp_path / "other")
    other.run(make_trial())
    chain = verify_chain(results.ledger.path)
    heard = hear("x", chain, [seen(verify_chain(other.ledger.path).entries[3])])
    assert said(heard) == ["The head was signed by a key that signed nothing in this ledger."]


def test_without_heads_all_attempts_are_self_attested(results):
    heard = hear("x", verify_chain(results.ledger.path), [])
    assert (heard.witnessed, said(heard)) == (frozenset(), [])
    assert "self-attested" in heard.findings[0].sentence
