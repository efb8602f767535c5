"""What is owed follows from the attempts alone, whatever interrupted them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.contracts.trial_id import TrialId
from kit.records.record import TrialState
from kit.study.owed import Attempt, Board, Phase, Standing, board_of
from kit.study.scheduling import Done, InOrder, Run

FINISHING = [state for state in TrialState if state is not TrialState.INTERRUPTED]
# What a run of one trial can leave behind: nothing, a start without an end, an end.
EVENTS = st.sampled_from(["nothing", None, TrialState.INTERRUPTED, *FINISHING])


def trial_ids(count: int) -> list[TrialId]:
    return [TrialId("sprint", "mine", "mnist", None, 1, trial) for trial in range(1, count + 1)]


def standing(*states: TrialState | None, max_attempts: int = 2) -> Standing:
    attempts = tuple(Attempt(n, state) for n, state in enumerate(states, start=1))
    return Standing(trial_ids(1)[0], attempts, max_attempts)


@given(
    count=st.integers(1, 6), max_attempts=st.integers(1, 4), events=st.lists(EVENTS, max_size=60)
)
def test_any_history_of_interruptions_leads_to_the_end_in_order_and_repeats_nothing(
    count: int, max_attempts: int, events: list[TrialState | str | None]
) -> None:
    attempts: dict[TrialId, list[Attempt]] = {}
    ran: list[TrialId] = []
    coming = iter([*events, *[TrialState.TARGET_REACHED] * count])
    while not isinstance(
        decision := InOrder().next_decision(board_of(trial_ids(count), attempts, max_attempts)),
        Done,
    ):
        before = board_of(trial_ids(count), attempts, max_attempts)[decision.id]
        assert before.phase is Phase.OWED
        assert before.decided is None
        event = next(coming)
        if event == "nothing":  # killed before the ledger knew
            continue
        assert event is None or isinstance(event, TrialState)
        attempts.setdefault(decision.id, []).append(Attempt(before.next_attempt, event))
        ran.append(decision.id)
    final = board_of(trial_ids(count), attempts, max_attempts)
    assert final.owed == ()
    assert ran == sorted(ran), "a trial came before one that precedes it"
    for one in final.standings:
        assert [a.number for a in one.attempts] == list(range(1, len(one.attempts) + 1))
        assert len(one.attempts) <= max_attempts
        open_attempts = [a for a in one.attempts if a.state in (None, TrialState.INTERRUPTED)]
        if one.phase is Phase.DONE:
            assert one.attempts == (*open_attempts, one.decided), "something followed a result"
        else:
            assert len(open_attempts) == max_attempts


@pytest.mark.parametrize("state", FINISHING)
def test_every_result_finishes_a_trial_failures_too(state: TrialState) -> None:
    assert standing(state).phase is Phase.DONE
    assert standing(None, state).phase is Phase.DONE


@pytest.mark.parametrize(
    ("states", "phase"),
    [
        ((), Phase.OWED),
        ((None,), Phase.OWED),
        ((TrialState.INTERRUPTED,), Phase.OWED),
        ((None, TrialState.INTERRUPTED), Phase.GIVEN_UP),
        ((None, None, TrialState.TARGET_REACHED), Phase.GIVEN_UP),  # the third was one too many
    ],
)
def test_open_attempts_are_repeated_as_often_as_allowed(states, phase: Phase) -> None:
    assert standing(*states).phase is phase


def test_the_first_result_counts() -> None:
    again = standing(TrialState.OUT_OF_TIME, TrialState.TARGET_REACHED)
    assert again.decided is again.attempts[0]


@pytest.mark.parametrize(
    ("one", "forfeited"),
    [
        (standing(TrialState.FAILED), True),
        (standing(TrialState.RULE_VIOLATION), True),
        (standing(None, None), True),
        (standing(TrialState.OUT_OF_TIME), False),
        (standing(TrialState.STOPPED_EARLY), False),
        (standing(None), False),
    ],
)
def test_what_went_wrong_is_told_from_a_miss(one: Standing, forfeited: bool) -> None:
    assert one.is_forfeited is forfeited


def test_the_default_scheduler_stops_nothing_early() -> None:
    board = board_of(trial_ids(2), {trial_ids(2)[0]: [Attempt(1, TrialState.TARGET_REACHED)]}, 2)
    assert InOrder().next_decision(board) == Run(trial_ids(2)[1])
    assert InOrder().next_decision(Board(())) == Done()
