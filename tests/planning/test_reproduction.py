"""From a record back to the plan of its trial."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kit import __version__
from kit.errors import InvalidSubmission, UsageError
from kit.planning.plan import plan_trial
from kit.planning.reproduction import (
    archived_submission,
    check_contract,
    plan_again,
    ruleset_of_record,
)
from kit.planning.request import Execution, TrialRequest
from kit.records.archive import pack
from kit.records.files import SUBMISSION
from kit.records.record import RulesRecord, TrialRecord
from kit.rules.ruleset import load_ruleset
from kit.rules.source_digest import digest_files
from kit.rules.submission import load_submission
from tests.records.factory import SCHEDULE, make_trial

Add = Callable[..., Path]
POINTS = "default: {points: [{a: 1}, {a: 2}]}"
FIXED = "default: {fixed: {a: 1}}"


def recorded(plan: TrialRequest, **changes: Any) -> TrialRecord:
    """Return a record of a plan, as far as a rerun needs it."""
    target = plan.rules.target
    fields = {
        "workload": plan.id.workload,
        "variant": plan.id.variant,
        "submission": plan.id.submission,
        "submission_sha256": plan.submission_sha256,
        "study": plan.id.study,
        "trial": plan.id.trial,
        "hyperparameters": dict(plan.hyperparameters),
        "batch_size": plan.batch_size,
        "rules": RulesRecord(
            ruleset=plan.id.ruleset,
            ruleset_sha256=plan.ruleset_sha256,
            scale="mini",
            target=target,
            max_runtime_seconds=plan.rules.max_runtime_seconds,
            eval_period_seconds=plan.rules.eval_period_seconds,
            step_hint=plan.rules.step_hint,
            schedule=SCHEDULE,
        ),
    }
    record = make_trial(**(fields | changes)).record
    seeds = record.seeds.model_copy(
        update={name: getattr(plan.seeds, name) for name in type(record.seeds).model_fields}
    )
    return record.model_copy(update={"seeds": seeds})


def archive(folder: Path, files: dict[str, bytes]) -> TrialRecord:
    """Write an archive into `folder` and return a record of it."""
    (folder / SUBMISSION).write_bytes(pack(files))
    return make_trial(submission="tuned", submission_sha256=digest_files(files)).record


REVISION = "933b705685bfca879f1605e22bc552b7dfd5d0af"


@pytest.mark.parametrize(
    ("environment", "what"),
    [
        ({"source": {"revision": REVISION}}, f"revision {REVISION}"),
        ({"source": {"revision": "--hard"}}, "version 0.1.0"),
        ({"source": None}, "version 0.1.0"),
        ({}, "version 0.1.0"),
    ],
)
def test_a_submission_of_an_earlier_contract_names_the_kit_that_it_needs(
    environment: dict[str, Any], what: str
) -> None:
    record = make_trial(kit_version="0.1.0").record
    with pytest.raises(UsageError) as caught:
        check_contract(record, environment)

    assert str(caught.value) == (
        f"The record's submission is written for contract 1, of kit 0.1.0; this is kit "
        f"{__version__} with contract 2. Check out {what} of the kit and reproduce it there."
    )
    check_contract(make_trial(kit_version=__version__).record, environment)


@pytest.mark.parametrize("tuning", [None, POINTS, FIXED], ids=["search space", "list", "self"])
@pytest.mark.parametrize("variant", [None, "silu"])
@pytest.mark.parametrize("quick", [False, True])
def test_the_plan_is_that_of_the_record(
    project: Path, add_submission: Add, tuning: str | None, variant: str | None, quick: bool
) -> None:
    add_submission(**({"tuning": tuning} if tuning else {}))
    trial = 1 if tuning == FIXED else 2
    made = plan_trial(
        workload="digits", submission="tuned", ruleset="tiny", variant=variant, trial=trial,
        results=project / "results", config=project / "config",
    )  # fmt: skip
    made = made.quick() if quick else made
    record = recorded(made)
    ruleset = ruleset_of_record(record, None)
    plan = plan_again(
        record,
        make_trial().evaluations,
        submission=load_submission("tuned"),
        ruleset=ruleset,
        results=project / "again",
        execution=Execution(),
    )
    for field in ("id", "hyperparameters", "batch_size"):
        assert getattr(plan, field) == getattr(made, field), field
    assert plan.seeds == made.seeds
    assert plan.evaluate_at_steps == (1, 101, 201, 301)
    assert plan.announced_runtime_seconds == made.rules.max_runtime_seconds
    assert plan.rules.max_runtime_seconds > made.rules.max_runtime_seconds
    assert plan.rules.target == made.rules.target
    assert plan.rules.step_hint == made.rules.step_hint
    assert "it reproduces a record" in plan.unofficial_reasons


def test_another_version_or_name_of_the_ruleset_is_refused(
    project: Path, add_submission: Add
) -> None:
    add_submission()
    made = plan_trial(
        workload="digits", submission="tuned", ruleset="tiny",
        results=project / "results", config=project / "config",
    )  # fmt: skip
    record = recorded(made)
    assert ruleset_of_record(record, "tiny").sha256 == made.ruleset_sha256
    with pytest.raises(UsageError, match=r"made under ruleset 'tiny' .*; 'huge' here has"):
        ruleset_of_record(record, "huge")
    (project / "rules" / "tiny.yaml").write_text(
        (project / "rules" / "tiny.yaml").read_text() + "# edited\n"
    )
    with pytest.raises(UsageError, match=r"Give the file of that time: --ruleset tiny.yaml\."):
        ruleset_of_record(record, None)
    (project / "rules" / "tiny.yaml").unlink()
    with pytest.raises(UsageError, match="ruleset 'tiny', which is not one of the kit's: huge"):
        ruleset_of_record(record, None)


@pytest.mark.parametrize(
    "name", ["../escaped.py", "/tmp/escaped.py", "a/../../escaped.py", "a//b.py", ".hidden.py", ""]
)
def test_an_archive_with_a_path_that_escapes_is_refused(
    project: Path, add_submission: Add, tmp_path: Path, name: str
) -> None:
    folder = add_submission()
    files = {path.name: path.read_bytes() for path in folder.iterdir()} | {name: b"x = 1\n"}
    record = archive(tmp_path, files)
    into = tmp_path / "unpacked" / "submission"
    with pytest.raises(InvalidSubmission, match="is no path that a submission may hold"):
        archived_submission(tmp_path, record, load_ruleset("tiny"), into=into)
    assert not into.exists()
    assert not list(tmp_path.rglob("escaped.py"))


def test_an_archive_is_read_as_it_ran_or_not_at_all(
    project: Path, add_submission: Add, tmp_path: Path
) -> None:
    folder = add_submission(files={"parts/schedule.py": b"x = 1\n"})
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    record, ruleset = archive(tmp_path, files), load_ruleset("tiny")
    read = archived_submission(tmp_path, record, ruleset, into=tmp_path / "one")
    assert dict(read.contents) == files

    other = record.model_copy(update={"submission": "another"})
    with pytest.raises(InvalidSubmission, match="holds submission 'tuned', the record names 'ano"):
        archived_submission(tmp_path, other, ruleset, into=tmp_path / "two")
    (tmp_path / SUBMISSION).write_bytes(pack(files | {"more.py": b""}))
    with pytest.raises(InvalidSubmission, match="not the source that ran, by its digest"):
        archived_submission(tmp_path, record, ruleset, into=tmp_path / "three")
    (tmp_path / SUBMISSION).write_bytes(b"no archive")
    with pytest.raises(InvalidSubmission, match="the archive does not open"):
        archived_submission(tmp_path, record, ruleset, into=tmp_path / "four")


def test_an_archive_whose_file_is_also_a_folder_is_refused(
    project: Path, add_submission: Add, tmp_path: Path
) -> None:
    folder = add_submission()
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    record = archive(tmp_path, files | {"a": b"", "a/b.py": b""})
    with pytest.raises(InvalidSubmission, match="cannot be unpacked"):
        archived_submission(tmp_path, record, load_ruleset("tiny"), into=tmp_path / "one")
