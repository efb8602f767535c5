"""What somebody may do at W&B, and the check that names it; nothing is downloaded here."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from kit.mirror.plan import plan_upload
from kit.records.trusted_keys import load_trusted_keys
from kit.review.board import load_believed
from kit.review.examination import examine
from tests.review.conftest import Mirrored
from tests.review.mirrored import ENTITY, PROJECT, copies_of, put_artifact
from tests.wandb_server.state import HISTORY


def summary(m: Mirrored) -> None:
    m.trials[0].summary["time_to_target_seconds"] = 1.0


def configuration(m: Mirrored) -> None:
    m.trials[0].config["batch_size"]["value"] = 256


def tag(m: Mirrored) -> None:
    m.trials[0].fields["tags"].append("record-breaking")


def group(m: Mirrored) -> None:
    m.trials[0].fields["groupName"] = "another"


def curve(m: Mirrored) -> None:
    row = json.loads(m.trials[0].lines[HISTORY][1])
    m.trials[0].lines[HISTORY][1] = json.dumps(row | {"validation/accuracy": 0.99})


def lost_row(m: Mirrored) -> None:
    del m.trials[0].lines[HISTORY][2]


def added_row(m: Mirrored) -> None:
    m.trials[0].lines[HISTORY][4] = json.dumps({"_step": 5, "validation/accuracy": 1.0})


def renamed_alias(m: Mirrored) -> None:
    m.evidence(m.trials[0]).aliases = {"latest", "SW-AAAA-BBBB"}


def moved_alias(m: Mirrored) -> None:
    before = m.evidence(m.trials[0])
    task = next(
        t
        for t in plan_upload([m.results.root]).tasks
        if before.collection.endswith(t.make().run_id)
    )
    put_artifact(task.make().bundle, m.server.state, log_txt=b"another")


def altered_file(m: Mirrored) -> None:
    artifact = m.evidence(m.trials[0])
    m.server.state.stored[artifact.paths["log.txt"]] = b"another"


def altered_attestation(m: Mirrored) -> None:
    artifact = m.evidence(m.trials[0])
    content = m.server.state.stored[artifact.paths["attestation.json"]]
    m.server.state.stored[artifact.paths["attestation.json"]] = content.replace(b"a", b"b", 1)


def lost_artifact(m: Mirrored) -> None:
    del m.server.state.artifacts[m.evidence(m.trials[0]).node_id]


def lost_file(m: Mirrored) -> None:
    del m.server.state.stored[m.evidence(m.trials[0]).paths["trial.json"]]


def lost_run(m: Mirrored) -> None:
    run = m.trials[0]
    del m.server.state.runs[run.entity, run.project, run.name]


def lost_run_and_artifact(m: Mirrored) -> None:
    lost_artifact(m)
    lost_run(m)


def extra_run(m: Mirrored) -> None:
    m.server.state.run(ENTITY, PROJECT, "sw-" + "0" * 32).fields = {"jobType": "trial"}


def trial_as_leaderboard(m: Mirrored) -> None:
    extra = m.server.state.run(ENTITY, PROJECT, "sw-" + "0" * 32)
    extra.fields = {"jobType": "leaderboard", "groupName": "leaderboard"}
    extra.config = m.trials[0].config


def lost_ledger(m: Mirrored) -> None:
    del m.server.state.artifacts[m.ledger.node_id]


def cut_ledger(m: Mirrored) -> None:
    key = m.ledger.paths["ledger.jsonl"]
    content = m.server.state.stored[key]
    m.server.state.stored[key] = b"".join(content.splitlines(keepends=True)[:-1])


def edited_ledger(m: Mirrored) -> None:
    key = m.ledger.paths["ledger.jsonl"]
    m.server.state.stored[key] = m.server.state.stored[key].replace(b"target", b"TARGET", 1)


def unknown_key(m: Mirrored) -> None:
    m.trust(key="ab" * 32)


CASES: list[tuple[Callable[[Mirrored], None], str, str, int]] = [
    # what somebody does, the check that names it, what it says, records that are believed still
    (summary, "summary", "time_to_target_seconds is 1.0 at W&B; the record says 6.01234567", 2),
    (configuration, "config", "batch_size is 256 at W&B; the record says 128", 2),
    (tag, "tags", "'record-breaking' was added at W&B", 2),
    (group, "run", "shows the group 'another'", 2),
    (curve, "history", "evaluation 2: validation/accuracy is 0.99", 2),
    (lost_row, "history", "the row of evaluation 3 is missing", 2),
    (added_row, "history", "a row of step 5 was added", 2),
    (renamed_alias, "alias", "is missing at W&B; aliases there: 'SW-AAAA-BBBB'", 2),
    (moved_alias, "alias", "was moved to", 2),
    (altered_file, "digests", "log.txt: The file was changed", 1),
    (altered_attestation, "evidence", "No version holds the signed attestation", 1),
    (lost_artifact, "evidence", "its evidence cannot be found at W&B", 1),
    (lost_file, "evidence", "cannot be downloaded", 1),
    (lost_run, "run", "W&B has no run of this record", 2),
    (lost_run_and_artifact, "evidence", "its run and its evidence cannot be found", 1),
    (extra_run, "run", "No signed record stands behind this run", 2),
    (trial_as_leaderboard, "run", "No signed record stands behind this run", 2),
    (lost_ledger, "ledger", "There is no sound ledger", 0),
    (cut_ledger, "ledger", "of its head is missing at W&B", 1),
    (edited_ledger, "ledger", "The chain is not sound", 0),
    (unknown_key, "key", "which is not on the list", 0),
]


@pytest.mark.parametrize(
    ("change", "check", "says", "believed"), CASES, ids=[case[0].__name__ for case in CASES]
)
def test_what_was_changed_at_wandb_is_named(mirrored, change, check, says, believed):
    change(mirrored)
    found = examined(mirrored)
    assert not found.ok
    named = [f"{p.check}: {p.file}: {p.sentence}" for p in found.problems]
    assert any(text.startswith(f"{check}:") and says in text for text in named), named
    assert sum(record.sound for record in found.records) == believed


def test_nothing_changed_is_nothing_named(mirrored):
    assert examined(mirrored).problems == []


def examined(mirrored):
    """Examine what a server has, without the SDK in between."""
    copies = copies_of(mirrored.server.state, mirrored.folder / "downloads")
    keys = load_trusted_keys(mirrored.folder / "keys.yaml")
    return examine(copies, keys, mirrored.folder / "evidence")


def test_record_that_is_not_believed_counts_as_missing(mirrored):
    keys = load_trusted_keys(mirrored.folder / "keys.yaml")
    altered_file(mirrored)
    loaded = load_believed(
        examined(mirrored), keys, mirrored.folder / "believed", ruleset=mirrored.ruleset
    )
    assert [trial.id.study for trial in loaded.results.trials.values()] == [2]
    assert any(entry.study == 1 for entry in loaded.results.missing())


def test_self_reporter_makes_nothing_official(mirrored):
    mirrored.trust(role="self_reporter")
    found = examined(mirrored)
    assert found.ok
    assert {record.counts_as for record in found.records} == {"self-reported"}
