"""What a run says of a record: read from the record, nothing is sent."""

from __future__ import annotations

import math

import pytest

from kit.mirror.bundle import read_record_files
from kit.mirror.replay import Replay, ledger_replay, replay_of
from kit.records.chain import verify_chain
from kit.records.record import StopReason, TrialState
from kit.records.signing import PublicKey
from kit.records.verify import verify_record
from tests.records.factory import Results, Trial, make_trial


@pytest.fixture
def results(tmp_path):
    return Results(tmp_path)


def replayed(results: Results, trial: Trial, trusted: list[PublicKey] | None = None) -> Replay:
    written = results.run(trial)
    report = verify_record(written.folder, trusted=trusted or [])
    return replay_of(report, read_record_files(report))


def test_each_evaluation_is_a_row_in_its_order(results):
    trial = make_trial()
    replay = replayed(results, trial)
    assert [row["step"] for row in replay.rows] == [e.step for e in trial.evaluations]
    assert replay.rows[-1]["submission_seconds"] == trial.evaluations[-1].submission_seconds
    assert replay.rows[1]["validation/accuracy"] == 0.2
    assert math.isnan(replay.rows[1]["validation/loss"])


def test_missed_target_is_infinity_and_a_stopped_trials_time_is_unknown(results):
    missed = replayed(results, make_trial(state=TrialState.OUT_OF_TIME))
    assert missed.summary["time_to_target_seconds"] == math.inf
    stopped = replayed(
        results,
        make_trial(
            state=TrialState.STOPPED_EARLY,
            trial=2,
            stop_reasons=[StopReason(rule="slower than the study's best", evidence=["ab" * 32])],
        ),
    )
    assert stopped.summary["time_to_target_seconds"] is None
    assert stopped.summary["state"] == "stopped_early"


def test_summary_tells_where_the_time_went(results):
    trial = make_trial(peak_trainer_memory_bytes=12345)
    summary = replayed(results, trial).summary
    assert summary["peak_trainer_memory_bytes"] == 12345
    assert summary["seconds/submission"] == trial.record.submission_seconds
    assert summary["seconds/setup"] == 3.000000007


def test_tags_name_what_a_reader_filters_by(results):
    unknown = replayed(results, make_trial(isolation="container"))
    assert set(unknown.tags) == {
        "verified", "official", "unknown-key", "isolation:container", "target_reached",
    }  # fmt: skip
    unofficial = make_trial(trial=2, official=False, unofficial_reasons=["a seed by hand"])
    assert "unofficial" in replayed(results, unofficial).tags
    known = replayed(results, make_trial(trial=3), trusted=[results.key.public])
    assert "known-key" in known.tags


def test_group_is_the_study_and_the_id_is_the_attestations(results):
    first = replayed(results, make_trial())
    second = replayed(results, make_trial(trial=2, variant="wide"))
    assert first.group == "example/example/mnist/study_1"
    assert second.group == "example/example/mnist_wide/study_1"
    assert first.run_id == f"sw-{first.summary['attestation_sha256'][:32]}"
    assert first.run_id != second.run_id
    assert first.bundle.alias == first.summary["verdict_code"]


def test_seeds_and_tracebacks_stay_in_the_evidence(results):
    trial = make_trial(state=TrialState.FAILED, values=())
    replay = replayed(results, trial)
    told = str((replay.config, replay.summary, replay.rows))
    assert trial.record.seeds.secret not in told
    assert "Traceback" not in told


def test_record_that_does_not_verify_never_has_the_id_of_the_signed_one(results):
    written = results.run(make_trial())
    signed = verify_record(written.folder)
    honest = replay_of(signed, read_record_files(signed))
    table = written.folder / "evaluations.csv"
    table.write_bytes(table.read_bytes().replace(b"0.95", b"0.99"))
    report = verify_record(written.folder)
    forged = replay_of(report, read_record_files(report))
    assert forged.run_id.startswith("unverified-")
    assert forged.bundle.name != honest.bundle.name
    assert "unverified" in forged.tags
    assert "verified" not in forged.tags
    assert forged.bundle.alias == "unverified"


def test_ledger_is_a_version_for_each_head(results):
    results.run(make_trial())
    first = ledger_replay(verify_chain(results.ledger.path))
    results.start(make_trial(trial=2).record)
    second = ledger_replay(verify_chain(results.ledger.path))
    assert first.bundle.name == second.bundle.name
    assert first.bundle.alias != second.bundle.alias
    assert second.run_id != first.run_id
    assert second.summary["attempts_without_end"] == 1
    assert second.bundle.alias == f"head-{results.ledger.head()[:16]}"
