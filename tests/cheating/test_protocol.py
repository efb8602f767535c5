"""What a trainer says and hands over is checked, and it cannot harm the referee."""

from __future__ import annotations

import math
import re

import pytest

from kit.records.record import TrialState


@pytest.mark.parametrize(
    ("kind", "named", "level"),
    [
        pytest.param("shape", "float32", "auto", marks=pytest.mark.slow),
        ("dtype", "int32", "auto"),
        ("dtype", "int32", "inline"),
        pytest.param("name", "other tensors", "auto", marks=pytest.mark.slow),
        pytest.param("extra", "param/extra", "auto", marks=pytest.mark.slow),
        ("garbage", "not safetensors", "auto"),
    ],
)
def test_other_weights_than_the_models_are_a_violation(
    attack, kind: str, named: str, level: str
) -> None:
    outcome = attack("bad_weights", KIND=kind, level=level)
    assert outcome.record.state is TrialState.RULE_VIOLATION
    assert named in outcome.record.reason


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        pytest.param("garbage", "not of the protocol", marks=pytest.mark.slow),
        pytest.param("oversized", "more than 65536 bytes", marks=pytest.mark.slow),
        ("endless", "more than 65536 bytes"),
        ("unasked_ready", "nobody asked for"),
        # If the first evaluation is due when these arrive, something else is wrong with them.
        pytest.param("unasked_weights", "nobody asked for|not safetensors", marks=pytest.mark.slow),
        pytest.param("step_zero", "did not advance|another message", marks=pytest.mark.slow),
        pytest.param("unknown_field", "accuracy", marks=pytest.mark.slow),
        pytest.param("of_the_referee", "resume", marks=pytest.mark.slow),
    ],
)
def test_messages_past_the_protocol_are_a_violation(attack, kind: str, named: str) -> None:
    outcome = attack("bad_messages", KIND=kind)
    assert outcome.record.state is TrialState.RULE_VIOLATION
    assert re.search(named, outcome.record.reason)


@pytest.mark.parametrize("level", ["auto", "inline"])
def test_a_step_count_that_stands_still_is_a_violation(attack, level: str) -> None:
    outcome = attack("step_back", level=level)
    assert outcome.record.state is TrialState.RULE_VIOLATION
    assert "did not advance" in outcome.record.reason


def test_a_closed_connection_is_a_violation(attack) -> None:
    outcome = attack("close_connection")
    assert outcome.record.state is TrialState.RULE_VIOLATION
    assert "closed its connection" in outcome.record.reason


def test_weights_that_are_no_numbers_reach_no_target(attack) -> None:
    outcome = attack("nan_weights")
    assert outcome.record.state is TrialState.COMPLETED_WITHOUT_TARGET, outcome.record.reason
    assert not outcome.evaluations[0].finite
    assert math.isnan(outcome.evaluations[0].metrics["validation/loss"])


def test_weights_rewritten_after_the_hand_over_change_nothing(attack) -> None:
    outcome = attack("rewrite_weights")
    assert outcome.record.state is TrialState.COMPLETED_WITHOUT_TARGET, outcome.record.reason
    assert all(e.finite and e.pause_cpu_seconds <= 0.02 for e in outcome.evaluations)


def test_a_submission_hears_no_test_metric_and_no_name(attack) -> None:
    outcome = attack("spy")
    heard = outcome.record.failure.traceback
    assert "train/accuracy" in heard
    assert "validation/accuracy" in heard
    assert "test/" not in heard.rpartition("HEARD")[2]
    assert '"name' not in heard.rpartition("HEARD")[2]
