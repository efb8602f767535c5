"""Studies that stop what can change no score: the same scores, with reasons, and resumable."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.contracts.trial_id import TrialId
from kit.errors import UsageError
from kit.records.record import TrialRecord, TrialState
from kit.scoring.censoring import score_bounds
from kit.scoring.results import collect
from kit.scoring.trial import MISSED, TrialResult, exact
from kit.study import exact as exact_module
from kit.study.assignment import Part
from kit.study.exact import ScoreExact, assigned_rules
from kit.study.medians import outcome_of
from kit.study.owed import Attempt, Result, board_of
from kit.study.rivals import Rivals, read_rivals
from kit.study.scheduling import Done
from tests.scoring.boards import make_rules
from tests.study.conftest import NoSignals, Place, Told, run_study, untrained_executor

BUDGET = 1000.0
OWN_RULESET = ["the ruleset is not one of the kit's"]  # and nothing else
TIMES = st.one_of(st.integers(1, 40).map(float), st.just(math.inf))


def attempt(seconds: float, stop_after: float | None, budget: float = BUDGET) -> Attempt:
    """Return how a trial ends that reaches its target after `seconds` if nobody stops it."""
    if seconds <= min(budget, math.inf if stop_after is None else stop_after):
        state, time, spent = TrialState.TARGET_REACHED, seconds, seconds
    elif stop_after is not None:
        state, time, spent = TrialState.STOPPED_EARLY, None, stop_after
    else:
        state, time, spent = TrialState.OUT_OF_TIME, None, budget
    return Attempt(1, state, Result(time, spent, spent, "0" * 64, "folder", (), "a rule"))


def known(trial_id: TrialId, seconds: float) -> TrialResult:
    return TrialResult(trial_id, MISSED if math.isinf(seconds) else exact(seconds), "known")


@settings(deadline=None)
@given(data=st.data())
def test_scores_are_those_of_the_whole_study(data: st.DataObject) -> None:
    studies, trials = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    asked = data.draw(st.sets(st.integers(1, studies), min_size=1))
    variant = data.draw(st.booleans())
    rules = make_rules(["w", "z"], {"w": "v"} if variant else {}, studies=studies, trials=trials)
    labels = [("w", None), ("z", None), *([("w", "v")] if variant else [])]
    every = {
        name: {
            TrialId("example", name, base, side, study, trial): data.draw(TIMES)
            for base, side in labels
            for study in range(1, studies + 1)
            for trial in range(1, trials + 1)
        }
        for name in ("own", "rival", "third")
    }
    mine = [trial_id for trial_id in every["own"] if trial_id.study in asked]
    others = [known(*item) for name in ("rival", "third") for item in every[name].items()]
    assignment = SimpleNamespace(
        submission=SimpleNamespace(name="own"),
        parts=tuple(Part(base, side, None) for base, side in labels),
        ruleset=SimpleNamespace(name="example"),
        trial_ids=lambda: tuple(mine),
        trials=trials,
    )
    scheduler = ScoreExact(assignment, Rivals(tuple(others)))  # type: ignore[arg-type]
    attempts: dict[TrialId, list[Attempt]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact_module, "assigned_rules", lambda assignment: rules)
        while not isinstance(
            decision := scheduler.next_decision(board := board_of(mine, attempts, 2)), Done
        ):
            assert decision.id not in attempts
            time = every["own"][decision.id]
            attempts[decision.id] = [attempt(time, decision.stop_after_seconds)]
    assert board.owed == ()
    rest = [
        known(trial_id, time)
        for trial_id, time in every["own"].items()
        if trial_id.study not in asked
    ]
    stopped = [TrialResult(s.id, outcome_of(s), "ran") for s in board.standings]
    full = [known(trial_id, every["own"][trial_id]) for trial_id in mine]
    bounds = score_bounds(collect([*stopped, *rest, *others], rules))
    truth = score_bounds(collect([*full, *rest, *others], rules))
    assert (bounds.lowest == bounds.highest).all()
    assert (bounds.lowest == truth.lowest).all()


def test_trials_beyond_the_last_declared_point_count_as_missed(place: Place) -> None:
    assignment = replace(place.evidence().assignment, trials=1)
    left_out = ScoreExact(assignment)._left_out(assigned_rules(assignment))
    assert {(r.id.study, r.id.trial): r.outcome for r in left_out} == {
        (1, 2): MISSED,
        (2, 2): MISSED,
    }


def first_attempts(place: Place) -> dict[tuple[int, int], TrialRecord]:
    return {key[:2]: record for key, record in place.records().items() if key[2] == 1}


def run_exactly(place: Place, **changes: object) -> Told:
    told = Told()
    with untrained_executor() as executor:
        study = place.study(executor=executor, **changes)  # type: ignore[arg-type]
        exact = replace(study, scheduler=ScoreExact(study.assignment))
        run_study(exact, observer=told, signals=NoSignals())
    return told


def digest_of(place: Place, study: int, trial: int) -> str:
    board = place.evidence().board()
    standing = next(s for s in board.standings if (s.id.study, s.id.trial) == (study, trial))
    assert standing.decided is not None
    assert standing.decided.result is not None
    return standing.decided.result.attestation_sha256


def test_a_slower_trial_is_stopped_with_its_reason_and_resumed_on_request(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECONDS", "30 1.1=0.2")
    told = run_exactly(place, studies=[1])
    assert told.started_trials() == [(1, 1, 1), (1, 2, 1)]
    record = first_attempts(place)[1, 2]
    assert record.state is TrialState.STOPPED_EARLY
    assert record.unofficial_reasons == OWN_RULESET
    (reason,) = record.stop_reasons
    assert reason.rule == "slower than the study's best"
    assert reason.evidence == [digest_of(place, 1, 1)]
    place.verify()
    assert run_exactly(place, studies=[1]).started_trials() == [], "nothing is repeated"
    monkeypatch.setenv("SECONDS", "0.05")
    again = Told()
    place.run(again, studies=[1], complete=True)
    assert again.started_trials() == [(1, 2, 2)]
    resumed = place.records()[1, 2, 2]
    assert resumed.unofficial_reasons == OWN_RULESET
    assert resumed.seeds == record.seeds
    assert resumed.time_to_target_seconds is not None
    assert resumed.time_to_target_seconds < record.submission_seconds
    board = place.evidence().board()
    assert outcome_of(board.standings[1]) == exact(record.submission_seconds), "not before the stop"
    place.verify()


def test_a_needless_trial_leaves_a_record_of_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE", "completed_without_target")
    run_exactly(place)
    states = {key: record.state for key, record in first_attempts(place).items()}
    missed, needless = TrialState.COMPLETED_WITHOUT_TARGET, TrialState.STOPPED_EARLY
    assert states == {(1, 1): missed, (1, 2): missed, (2, 1): needless, (2, 2): needless}
    record = first_attempts(place)[2, 2]
    assert (record.submission_seconds, record.steps) == (0.0, 0)
    assert record.unofficial_reasons == OWN_RULESET
    assert "Not started, because no result could change a score" in record.reason
    assert set(record.stop_reasons[0].evidence) == {digest_of(place, 1, 1), digest_of(place, 1, 2)}
    place.verify()


def test_known_results_are_refused_where_they_could_mislead(place: Place) -> None:
    assignment = place.evidence().assignment
    rules = assigned_rules(assignment)
    with pytest.raises(UsageError, match="--known takes folders with records"):
        read_rivals([place.root], assignment, rules, trusted=[], machine={})
    place.run(studies=[1])
    with pytest.raises(UsageError, match="Times compare only on one kind of machine"):
        other = replace(assignment, submission=SimpleNamespace(name="other"))  # type: ignore[arg-type]
        read_rivals([place.results], other, rules, trusted=[], machine={"cpu": "another"})
    assert read_rivals([place.results], assignment, rules, trusted=[], machine={}).trials == ()
    policy = assignment.ruleset.model_copy(update={"held_out": object()})
    with pytest.raises(UsageError, match="only once the held-out variants are known"):
        read_rivals([place.results], replace(assignment, ruleset=policy), rules,
                    trusted=[], machine={})  # fmt: skip
