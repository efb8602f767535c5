"""What is sent, and what is refused before anything is."""

from __future__ import annotations

import pytest

from kit.errors import UsageError, VerificationError
from kit.mirror.plan import plan_upload
from tests.records.factory import make_trial


def spoil(results):
    table = next(results.root.rglob("evaluations.csv"))
    table.write_bytes(table.read_bytes().replace(b"0.95", b"0.99"))
    return table.parent


def test_everything_below_the_paths_is_sent_once_and_the_ledger_last(results):
    results.run(make_trial(trial=2))
    plan = plan_upload([results.root, results.root / "example"])
    labels = [task.label for task in plan.tasks]
    assert labels[:2] == [f"example on mnist, study 1, trial {n}" for n in (1, 2)]
    assert labels[2].startswith("ledger ")
    assert len(labels) == 3
    assert plan.records == 2


def test_one_record_that_does_not_verify_stops_all(results):
    results.run(make_trial(trial=2))
    folder = spoil(results)
    with pytest.raises(VerificationError, match="nothing is sent") as raised:
        plan_upload([results.root])
    assert f"{folder / 'evaluations.csv'}: The file was changed" in str(raised.value)


def test_unverified_records_are_tagged_when_they_are_wanted(results):
    spoil(results)
    plan = plan_upload([results.root], unverified=True)
    assert plan.notices[0].startswith("UNVERIFIED: ")
    assert "unverified" in plan.tasks[0].make().tags


def test_record_that_cannot_be_read_is_left_out_and_named(results):
    (next(results.root.rglob("trial.json"))).write_bytes(b"{}")
    plan = plan_upload([results.root], unverified=True)
    assert plan.records == 0
    assert "the record cannot be read, so it is not sent" in plan.notices[-1]


def test_file_that_changes_after_verification_is_not_sent(results):
    plan = plan_upload([results.root])
    spoil(results)
    with pytest.raises(VerificationError, match="changed after it was verified"):
        plan.tasks[0].make()


def test_keys_that_are_not_trusted_are_refused_when_asked_for(results):
    with pytest.raises(VerificationError, match="Unknown key"):
        plan_upload([results.root], must_trust=True)
    assert plan_upload([results.root], trusted=[results.key.public], must_trust=True).records == 1


def test_folder_without_evidence_is_refused(tmp_path):
    with pytest.raises(UsageError, match="holds no record and no ledger"):
        plan_upload([tmp_path])
    with pytest.raises(UsageError, match="no such folder"):
        plan_upload([tmp_path / "nowhere"])
