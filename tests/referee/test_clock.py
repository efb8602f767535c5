"""The clock divides all time into phases and loses none of it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.referee.clock import Clock, Phase


class FakeTime:
    """A `now_ns` that moves when told."""

    def __init__(self) -> None:
        self.ns = 5_000_000_000

    def __call__(self) -> int:
        return self.ns


def test_clock_excludes_evaluation_from_submission_time() -> None:
    time = FakeTime()
    clock = Clock(time)
    clock.switch("submission")
    time.ns += 3
    clock.switch("evaluation")
    time.ns += 1000
    assert clock.elapsed_ns("submission") == 3
    clock.switch("submission")
    time.ns += 4
    assert clock.elapsed_ns("submission") == 7
    assert clock.elapsed_ns("evaluation") == 1000


def test_a_stopped_clock_stands_still_and_cannot_run_again() -> None:
    time = FakeTime()
    clock = Clock(time)
    time.ns += 10
    clock.stop()
    time.ns += 10
    clock.stop()
    assert clock.total_ns() == 10
    assert clock.elapsed_ns("setup") == 10
    with pytest.raises(ValueError, match="cannot run again"):
        clock.switch("submission")


phases = st.sampled_from(["setup", "submission", "evaluation", "logging"])


@given(st.lists(st.tuples(phases, st.integers(0, 10**12))))
def test_segments_are_contiguous_and_sum_to_the_total(moves: list[tuple[Phase, int]]) -> None:
    time = FakeTime()
    clock = Clock(time)
    for phase, elapsed in moves:
        time.ns += elapsed
        clock.switch(phase)
    clock.stop()
    segments = clock.segments()
    assert segments[0].start_ns == 0
    assert all(a.end_ns == b.start_ns for a, b in itertools.pairwise(segments))
    assert sum(s.end_ns - s.start_ns for s in segments) == clock.total_ns()
    for phase in ("setup", "submission", "evaluation", "logging"):
        expected = sum(s.end_ns - s.start_ns for s in segments if s.phase == phase)
        assert clock.elapsed_ns(phase) == expected
