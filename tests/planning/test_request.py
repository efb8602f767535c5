"""A trial request is one line of JSON that comes back as it was, or one line of error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from kit.errors import UsageError
from kit.planning.plan import plan_trial
from kit.planning.request import MAX_REQUEST_BYTES, EarlyStop, TrialRequest, open_request

DIGEST = "ab" * 32


@pytest.fixture
def request_(project: Path, add_submission: Callable[..., Path], tmp_path: Path) -> TrialRequest:
    """Return a planned request with a stop."""
    add_submission()
    stop = EarlyStop(after_seconds=1.5, rule="too slow", evidence=(DIGEST,))
    folders = {"results": tmp_path / "results", "config": tmp_path / "config"}
    return plan_trial(
        workload="digits", submission="tuned", ruleset="tiny", variant="silu", stop=stop, **folders
    )


def test_a_request_survives_the_journey(request_: TrialRequest) -> None:
    text = request_.encode()
    assert "\n" not in text
    assert TrialRequest.decode(text) == request_
    assert TrialRequest.decode(text.encode()) == request_


def test_a_request_opens_only_what_was_planned_with(request_: TrialRequest, project: Path) -> None:
    plan = open_request(request_)
    assert (plan.ruleset.sha256, plan.submission.sha256) == (
        request_.ruleset_sha256,
        request_.submission_sha256,
    )
    path = request_.submission / "submission.py"
    path.write_text(path.read_text() + "# edited\n")
    with pytest.raises(UsageError, match=r"Submission 'tuned' was changed after this trial was"):
        open_request(request_)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.update(batch_siez=1), "batch_siez"),
        (lambda data: data.pop("seeds"), "seeds: Field required"),
        (lambda data: data.update(batch_size=0), "batch_size"),
        (lambda data: data.update(ruleset_sha256="no"), "ruleset_sha256"),
        (lambda data: data["stop"].update(after_seconds=-1.0), "stop.after_seconds"),
        (lambda data: data["stop"].update(evidence=["ab"]), "stop.evidence.0"),
        (lambda data: data["hyperparameters"].update(learning_rate=[1]), "hyperparameters"),
        (lambda data: data.update(format="stopwatch/trial-request/9"), "format"),
    ],
)
def test_a_bad_request_is_one_line_that_names_the_field(
    request_: TrialRequest, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    data = json.loads(request_.encode())
    change(data)
    with pytest.raises(UsageError, match=r"^Not a trial request: ") as caught:
        TrialRequest.decode(json.dumps(data))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "\ud800", "[" * 100_000])
def test_what_is_not_json_is_one_line(text: str) -> None:
    with pytest.raises(UsageError, match=r"^Not a trial request: "):
        TrialRequest.decode(text)


def test_a_long_text_is_not_parsed() -> None:
    with pytest.raises(UsageError, match="is too long"):
        TrialRequest.decode(" " * (MAX_REQUEST_BYTES + 1))


@pytest.mark.parametrize("rule", ["", "  ", "two\nlines", "\x1b[2J"])
def test_the_reason_of_a_stop_is_one_line_of_words(rule: str) -> None:
    with pytest.raises(ValidationError):
        EarlyStop(after_seconds=1.0, rule=rule)
