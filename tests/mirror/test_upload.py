"""Uploads with the real SDK: what arrives, once and again, undisturbed and disturbed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kit.mirror.upload import Status
from kit.records.findings import VerificationReport
from kit.records.record import TrialState
from kit.records.verify import verify_record
from tests.mirror.conftest import PROJECT
from tests.records.factory import make_trial
from tests.wandb_server import Fault, Run, WandbServer
from tests.wandb_server.operations import HANDLERS

LEAN = {  # all that a server needs to know; it refuses everything else
    "Viewer", "GetDefaultEntity", "RunResumeStatus", "UpsertBucket", "CreateArtifact",
    "CreateArtifactManifest", "CreateArtifactFiles", "CommitArtifact", "ArtifactByID",
    "ArtifactMembershipByName", "FetchArtifactManifest", "GetArtifactMembershipFileUrls",
}  # fmt: skip
# In the order of the requests. The SDK asks for more, but goes on without.
STAGES = (
    "RunResumeStatus", "UpsertBucket", "file_stream", "CreateArtifact", "CreateArtifactManifest",
    "CreateArtifactFiles", "put", "CommitArtifact", "ArtifactByID", "ArtifactMembershipByName",
    "FetchArtifactManifest", "GetArtifactMembershipFileUrls", "get",
)  # fmt: skip
SENT = [Status.SENT, Status.SENT]  # the trial's run and the ledger's


def trial_run(server: WandbServer) -> Run:
    (run,) = [r for r in server.state.runs.values() if r.fields["jobType"] == "trial"]
    return run


def evidence(server: WandbServer, folder: Path) -> VerificationReport:
    """Download the evidence of the trial and verify it as it is."""
    name = trial_run(server).summary["evidence"]
    artifact = server.state.find("team", PROJECT, name)
    folder.mkdir()
    for path, content in server.state.files_of(artifact).items():
        (folder / path).write_bytes(content)
    return verify_record(folder)


def check_arrived(server: WandbServer, folder: Path) -> None:
    """Check that the trial is there once, with each evaluation once, and verifies."""
    run = trial_run(server)
    assert [row["_step"] for row in run.history] == [1, 2, 3, 4]
    assert run.state == "finished"
    assert len(server.state.runs) == 2  # and the ledger's
    assert evidence(server, folder).ok


def statuses(results):
    return [result.status for result in results]


def test_upload_replays_the_trial_beside_evidence_that_verifies(
    server, results, upload, tmp_path, monkeypatch
):
    monkeypatch.setenv("WANDB_TAGS", "verified-by-nasa")
    monkeypatch.setenv("WANDB_RUN_ID", "everything-in-one")
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    sent = upload(results)
    assert statuses(sent) == SENT, sent
    check_arrived(server, tmp_path / "copy")
    run = trial_run(server)
    assert run.name == sent[0].run_id
    assert run.history[-1]["submission_seconds"] == 6.01234567
    assert run.history[0]["validation/loss"] == "NaN"
    assert run.fields["groupName"] == "example/example/mnist/study_1"
    assert run.values["hyperparameters"]["learning_rate"] == 1e-3
    assert run.summary["time_to_target_seconds"] == 6.01234567
    assert run.summary["validation/accuracy"] == {"max": 0.95, "last": 0.95}
    definitions = run.config["_wandb"]["value"]["m"]
    (curve,) = [metric for metric in definitions if metric.get("2") == "validation/*"]
    assert definitions[curve["5"] - 1]["1"] == "submission_seconds"

    everything = b"\n".join(server.bodies)
    host, key = f'"{os.uname().nodename}"', os.environ["WANDB_API_KEY"]
    folders = str(results.root), str(results.config)
    for private in (key, host, *folders, "hunter2", "nasa", "everything-in-one"):
        assert private.encode() not in everything, private
    assert b"config.yaml" not in everything  # no files beside the evidence


@pytest.mark.slow
def test_second_upload_sends_only_what_is_new(server, results, upload, monkeypatch):
    for name in HANDLERS.keys() - LEAN:
        monkeypatch.delitem(HANDLERS, name)
    assert statuses(upload(results)) == SENT
    server.seen.clear()
    results.run(make_trial(trial=2, state=TrialState.FAILED, values=()))
    more = upload(results)
    assert statuses(more) == [Status.WAS_THERE, Status.SENT, Status.SENT]
    assert server.seen.count("CommitArtifact") == 2
    assert server.seen.index("ArtifactMembershipByName") < server.seen.index("UpsertBucket")
    failed = server.state.runs["team", PROJECT, more[1].run_id]
    assert failed.summary["time_to_target_seconds"] == "Infinity"
    ledger = server.state.versions("team", PROJECT, more[-1].evidence.partition(":")[0])
    assert [version.version for version in ledger] == [0, 1]
    content = server.state.files_of(ledger[-1])["ledger.jsonl"]
    assert content == results.ledger.path.read_bytes()


@pytest.mark.slow
def test_upload_survives_faults_that_pass(server, results, upload, tmp_path):
    server.faults.inject(Fault("file_stream", status=429), Fault("CommitArtifact", "cut_after"))
    assert statuses(upload(results)) == SENT
    assert len(server.faults.hits) == 2
    check_arrived(server, tmp_path / "copy")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cut_after", 429])  # cut and 500 take no other way
def test_upload_survives_a_fault_at_every_stage(server, results, upload, tmp_path, kind):
    cut = isinstance(kind, str)
    faults = [Fault(stage, kind) if cut else Fault(stage, status=kind) for stage in STAGES]
    server.faults.inject(*faults)
    assert statuses(upload(results)) == SENT
    assert len(server.faults.hits) == len(STAGES)
    check_arrived(server, tmp_path / "copy")


@pytest.mark.slow
def test_upload_goes_on_when_a_server_that_was_gone_is_back(server, results, upload, tmp_path):
    server.stop()
    lost = upload(results, timeout_seconds=1)
    assert statuses(lost) == [Status.FAILED, Status.FAILED]
    assert "W&B does not let us in" in lost[0].problem
    server.start()
    assert statuses(upload(results)) == SENT
    check_arrived(server, tmp_path / "copy")


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["UpsertBucket", "file_stream", "put", "CommitArtifact"])
def test_upload_goes_on_after_the_connection_was_lost_at(server, results, upload, tmp_path, stage):
    server.faults.inject(Fault(stage, "cut", times=None))
    lost = upload(results, timeout_seconds=1)
    assert statuses(lost) == [Status.FAILED, Status.FAILED], lost
    server.faults.clear()
    assert set(statuses(upload(results))) <= {Status.SENT, Status.WAS_THERE}
    check_arrived(server, tmp_path / "copy")


@pytest.mark.slow
def test_run_that_was_cut_off_behind_its_evidence_is_ended(server, results, upload, tmp_path):
    upload(results)
    trial_run(server).state = "crashed"
    server.seen.clear()
    assert statuses(upload(results)) == [Status.SENT, Status.WAS_THERE]
    assert "CreateArtifact" not in server.seen
    check_arrived(server, tmp_path / "copy")


@pytest.mark.slow
@pytest.mark.parametrize(("state", "again"), [("running", Status.SENT), (None, Status.WAS_THERE)])
def test_run_that_the_server_never_calls_finished_is_sent_all_the_same(
    server, results, upload, tmp_path, monkeypatch, state, again
):
    def never(*given):
        answer = original(*given)
        answer["project"]["run"]["state"] = state
        return answer

    original = HANDLERS["Run"]
    monkeypatch.setitem(HANDLERS, "Run", never)
    first, second = upload(results), upload(results)
    assert statuses(first) == SENT
    assert statuses(second) == [again, again]
    notes = {result.note for result in (*first, *second)}
    told = "W&B shows the run as running, although its session was ended."
    assert notes == ({told} if state else {""})
    check_arrived(server, tmp_path / "copy")


@pytest.mark.slow
def test_second_attempt_repeats_what_the_first_could_not_send(server, results, upload, tmp_path):
    """After HTTP 400 the SDK drops the rows and ends a run as if nothing were wrong."""
    server.faults.inject(Fault("file_stream", status=400))
    first = upload(results)
    assert statuses(first) == [Status.FAILED, Status.SENT]
    assert "goes on at step 0 of 5: not all evaluations arrived" in first[0].problem
    assert statuses(upload(results)) == [Status.SENT, Status.WAS_THERE]
    check_arrived(server, tmp_path / "copy")


@pytest.mark.slow
def test_file_of_which_half_arrived_is_noticed_and_named(server, results, upload):
    server.faults.inject(Fault("put", "half", after=2))
    halved = upload(results)
    assert statuses(halved) == [Status.FAILED, Status.SENT]
    assert "is not the signed one" in halved[0].problem
    assert "Delete it there, then repeat." in halved[0].problem


@pytest.mark.slow
def test_half_a_file_is_sent_again_to_a_server_that_takes_it(server, results, upload, tmp_path):
    server.state.finds_same_content = False
    server.faults.inject(Fault("put", "half", after=1))
    assert upload(results)[0].status is Status.FAILED
    again = upload(results)
    assert again[0].status is Status.SENT
    assert "was not the signed one" in again[0].note
    check_arrived(server, tmp_path / "copy")


@pytest.mark.slow
def test_parallel_uploads_do_not_disturb_each_other(server, results, upload, tmp_path):
    with ThreadPoolExecutor(3) as pool:
        for sent in pool.map(lambda _: upload(results, attempts=3), range(3)):
            assert set(statuses(sent)) <= {Status.SENT, Status.WAS_THERE}, sent
    check_arrived(server, tmp_path / "copy")


@pytest.mark.slow
def test_upload_that_was_killed_goes_on(server, results, upload, tmp_path):
    stage = "CommitArtifact"
    server.faults.inject(Fault(stage, "cut", times=None))
    command = [sys.executable, "-c", "from kit.cli.main import main; main()", "upload"]
    process = subprocess.Popen([*command, str(results.root), "--entity", "team"])
    while stage not in server.seen:
        time.sleep(0.05)
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    server.faults.clear()
    assert statuses(upload(results)) == SENT
    check_arrived(server, tmp_path / "copy")


def test_offline_run_is_written_once_and_needs_no_server(results, upload, tmp_path):
    folder = tmp_path / "wandb"
    assert statuses(upload(results, offline=folder)) == SENT
    assert len(list(folder.glob("offline-run-*"))) == 2
    assert statuses(upload(results, offline=folder)) == [Status.WAS_THERE, Status.WAS_THERE]
    assert not list(folder.glob(".*"))


@pytest.mark.slow
def test_offline_runs_can_be_sent_with_wandb_sync(server, results, upload, tmp_path):
    folder = tmp_path / "wandb"
    upload(results, offline=folder)
    runs = [str(path) for path in folder.glob("offline-run-*")]
    command = [sys.executable, "-m", "wandb", "sync", *runs]
    subprocess.run(command, check=True, timeout=120, stdout=subprocess.DEVNULL, cwd=tmp_path)
    check_arrived(server, tmp_path / "copy")
    assert statuses(upload(results)) == [Status.WAS_THERE, Status.WAS_THERE]
