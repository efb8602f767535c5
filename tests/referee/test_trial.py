"""One trial from plan to record: attempts, budgets, determinism, and being interrupted."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kit.data import evaluation_folder
from kit.errors import DataError, TrialError
from kit.paths import data_root
from kit.planning.request import EarlyStop, TrialPlan
from kit.records.chain import verify_chain
from kit.records.files import read_record
from kit.records.folders import only_run_at
from kit.records.ledger import LEDGER, Ledger
from kit.records.record import TrialState
from kit.records.tree import verify_tree
from kit.records.verify import verify_record
from kit.referee.environment import gpus
from kit.referee.proc import cpu_clock
from kit.rules.seeds import TrialSeeds
from kit.trainer.environment import environment
from tests.conftest import replaced, write_attack


def short(plan: TrialPlan, seconds: float = 8.0) -> TrialPlan:
    rules = plan.request.rules.model_copy(update={"max_runtime_seconds": seconds})
    return replaced(plan, rules=rules)


def test_a_record_verifies_and_a_repeated_trial_is_not_official(attack, tmp_path: Path) -> None:
    first, second = attack("honest"), attack("honest")
    assert first.record.attempt == 1
    assert second.record.attempt == 2
    assert second.folder.name == "trial_1_attempt_2"
    assert any("earlier attempt" in reason for reason in second.record.unofficial_reasons)
    assert first.record.seeds == second.record.seeds
    assert first.record.initial_metrics == second.record.initial_metrics
    assert first.record.initial_metrics.keys() == first.evaluations[0].metrics.keys()
    report = verify_record(first.folder)
    assert not [str(f) for f in report.findings if f.status == "problem"], report
    assert verify_chain(tmp_path / "results" / LEDGER).problem is None


def test_no_evaluation_is_granted_past_the_budget(attack) -> None:
    outcome = attack("patient", change=short)
    assert outcome.record.state is TrialState.OUT_OF_TIME
    assert outcome.evaluations
    assert all(e.submission_seconds <= 8.0 for e in outcome.evaluations)
    assert outcome.record.time_to_target_seconds is None


def test_a_reached_target_ends_the_trial_at_that_evaluation(attack) -> None:
    def easy(plan: TrialPlan) -> TrialPlan:
        target = plan.request.rules.target.model_copy(update={"validation": 0.0})
        return replaced(plan, rules=plan.request.rules.model_copy(update={"target": target}))

    outcome = attack("patient", change=easy)
    assert outcome.record.state is TrialState.TARGET_REACHED
    assert len(outcome.evaluations) == 1
    assert outcome.record.time_to_target_seconds == outcome.evaluations[0].submission_seconds


def test_the_trainers_environment_is_an_allow_list(attack, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ["TF_ENABLE_ONEDNN_OPTS", "XLA_FLAGS"]
    for name in (*settings, "LD_PRELOAD_CANARY"):
        monkeypatch.setenv(name, "0")
    outcome = attack("honest")
    recorded = json.loads((outcome.folder / "environment.json").read_text())
    assert recorded["trainer_environment"].keys() == environment("x", Path("data")).keys()
    assert set(settings) <= set(recorded["ignored_variables"])
    assert recorded["isolation"] == outcome.record.isolation
    assert recorded["lock_sha256"]["cpu.lock"]
    assert recorded["data_manifest_sha256"].keys() == {"train", "evaluation"}


@pytest.mark.slow
def test_a_ruleset_for_a_gpu_is_not_official_without_one(attack) -> None:
    def on_gpu(plan: TrialPlan) -> TrialPlan:
        device = plan.ruleset.evaluation.model_copy(update={"device": "gpu"})
        return replace(plan, ruleset=plan.ruleset.model_copy(update={"evaluation": device}))

    if gpus():
        pytest.skip("this machine has a GPU")
    record = attack("honest", change=on_gpu).record
    assert record.state is TrialState.COMPLETED_WITHOUT_TARGET
    assert any("evaluates on a GPU" in reason for reason in record.unofficial_reasons)


def test_a_trial_runs_once_at_a_time(attack) -> None:
    def while_running(plan: TrialPlan) -> TrialPlan:
        stack.enter_context(
            only_run_at(
                Path(plan.submission.folder).parents[1] / "results", plan.id.folder, str(plan.id)
            )
        )
        return plan

    with contextlib.ExitStack() as stack:
        message = "honest, mnist, study 1, trial 1 is already running"
        with pytest.raises(TrialError, match=message):
            attack("honest", change=while_running)


def test_altered_evaluation_data_is_refused_before_anything_is_entered(
    attack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(data_root() / "mnist", tmp_path / "data" / "mnist")
    monkeypatch.setenv("STOPWATCH_DATA", str(tmp_path / "data"))
    labels = next((evaluation_folder("mnist", "mini") / "validation").glob("*.npy"))
    content = bytearray(labels.read_bytes())
    content[-1] ^= 1
    labels.write_bytes(content)
    with pytest.raises(DataError, match=r"has been altered. Run: .*kit data prepare mnist"):
        attack("honest")
    assert Ledger(tmp_path / "results" / LEDGER).attempts() == []


@pytest.mark.slow
def test_what_holds_the_trainer_less_than_the_ruleset_asks_for_is_not_official(
    attack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.referee.trial.cpu_clock", lambda: "ticks")

    def strict(plan: TrialPlan) -> TrialPlan:
        asked = {"isolation": "container", "pause_cpu_clock": "schedstat"}
        return replace(plan, ruleset=plan.ruleset.model_copy(update=asked))

    record = attack("honest", level="process", change=strict).record
    assert "the ruleset asks for isolation 'container' at least" in record.unofficial_reasons
    assert any("this kernel counts ticks" in reason for reason in record.unofficial_reasons)
    assert record.freezing.seccomp
    assert record.freezing.cpu_clock == cpu_clock()


@pytest.mark.slow
def test_data_may_lie_elsewhere(attack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(data_root() / "mnist", tmp_path / "data" / "mnist")
    monkeypatch.setenv("STOPWATCH_DATA", str(tmp_path / "data"))
    outcome = attack("honest")
    assert outcome.record.state is TrialState.COMPLETED_WITHOUT_TARGET, outcome.record.reason


@pytest.mark.parametrize("level", [pytest.param("auto", marks=pytest.mark.slow), "inline"])
def test_one_seed_gives_one_curve_bit_for_bit(attack, level: str) -> None:
    def seeded(plan: TrialPlan) -> TrialPlan:
        request = plan.request.changed(seeds=TrialSeeds.by_hand(7)).evaluated_at([1, 4, 9])
        return replace(plan, request=request)

    runs = [attack("honest", change=seeded), attack("honest", change=seeded, level=level)]
    assert (runs[1].record.isolation == "inline") == (level == "inline")
    curves = [[(e.step, e.weights_sha256, e.metrics) for e in run.evaluations] for run in runs]
    assert [step for step, *_ in curves[0]] == [1, 4, 9]
    assert curves[0] == curves[1]
    assert not runs[0].record.official


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_line_and_leaves_the_ledger_valid(attack, small_disk: Path) -> None:
    def loud(plan: TrialPlan) -> TrialPlan:
        contents = {**plan.submission.contents, "notes.txt": os.urandom(60_000).hex().encode()}
        return replace(plan, submission=replace(plan.submission, contents=contents))

    with pytest.raises(TrialError, match=r"No space left|disk") as caught:
        attack("honest", results=small_disk, change=loud)
    assert "\n" not in str(caught.value)
    assert verify_chain(small_disk / LEDGER).problem is None
    (attempt,) = Ledger(small_disk / LEDGER).attempts()
    assert attempt.state is TrialState.INTERRUPTED


RUN = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from conftest import CHEATING, Silent
from kit.referee.trial import run_trial
from kit.planning.plan import plan_trial
from kit.planning.request import open_request
class Loud(Silent):
    def evaluated(self, evaluation): print("evaluated", flush=True)
base = Path({base!r})
folders = {{"results": base / "results", "config": base / "config"}}
submission, rules = base / "submissions" / "patient", CHEATING / "cheating.yaml"
plan = plan_trial(workload="mnist", submission=submission, ruleset=rules, **folders)
run_trial(open_request(plan), config=folders["config"], observer=Loud())
"""


@pytest.fixture
def running(attack, tmp_path: Path, request: pytest.FixtureRequest):
    """Start an endless trial in a process of its own and wait for its first evaluation."""
    attack("patient", change=lambda plan: short(plan, 0.5))  # writes the submission's folder
    code = RUN.format(tests=str(Path(__file__).parent.parent), base=str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "evaluated\n"
        yield process
        process.kill()


def trainers_of(process: subprocess.Popen[str]) -> list[int]:
    """Return the trainers that run below `process`, or are orphans of it."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command = (path / "cmdline").read_bytes()
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if b"kit.trainer" in command and parent in (process.pid, 1):
            found.append(int(path.name))
    return found


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_a_signal_ends_the_trial_with_a_record_and_nothing_left(
    running, tmp_path: Path, number: signal.Signals
) -> None:
    running.send_signal(number)
    assert running.wait(30) == 0
    record, _ = read_record(tmp_path / "results/cheating/patient/mnist/study_1/trial_1_attempt_2")
    assert record.state is TrialState.INTERRUPTED
    assert number.name in record.reason
    assert trainers_of(running) == []
    assert verify_chain(tmp_path / "results" / LEDGER).problem is None


def test_a_killed_referee_takes_its_trainer_along_and_leaves_a_valid_ledger(
    running, tmp_path: Path
) -> None:
    assert trainers_of(running)
    running.kill()
    running.wait(10)
    deadline = time.monotonic() + 10
    while trainers_of(running):
        assert time.monotonic() < deadline, "a trainer outlived its referee"
        time.sleep(0.05)
    chain = verify_chain(tmp_path / "results" / LEDGER)
    assert chain.problem is None
    assert chain.attempts()[-1].state is None


OF_THE_TESTS = ["the ruleset is not one of the kit's"]  # reasons of every trial here
STOP_IN_SETUP = """
Silent.progress = lambda self, progress: (print(progress.phase, flush=True), sys.stdin.readline())
"""
CUT_BEFORE_GO = """
import os
from kit.referee.session import Session
send = Session._send
Session._send = lambda self, message: os._exit(9) if message.type == "go" else send(self, message)
"""


def referee_of(tmp_path: Path, change: str) -> subprocess.Popen[str]:
    """Start a trial in a process of its own, its code changed."""
    code = RUN.format(tests=str(Path(__file__).parent.parent), base=str(tmp_path))
    code = code.replace("class Loud", change + "class Loud")
    return subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_two_interruptions_in_set_up_leave_the_third_attempt_official(
    attack, tmp_path: Path
) -> None:
    write_attack(tmp_path / "submissions" / "patient", "patient")
    for number in (signal.SIGKILL, signal.SIGINT):
        with referee_of(tmp_path, STOP_IN_SETUP) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "setup\n"  # it waits for a line now
            process.send_signal(number)
            process.communicate("\n" * 100)
    outcome = attack("patient", change=lambda plan: short(plan, 0.5))
    assert outcome.record.attempt == 3
    assert outcome.record.unofficial_reasons == OF_THE_TESTS
    attempts = Ledger(tmp_path / "results" / LEDGER).attempts()
    assert [a.state for a in attempts[:2]] == [None, TrialState.INTERRUPTED]
    assert [a.clock is not None for a in attempts] == [False, False, True]
    assert verify_tree(tmp_path / "results").ok


@pytest.mark.slow
def test_a_power_cut_between_entry_and_go_uses_the_attempt_up(attack, tmp_path: Path) -> None:
    write_attack(tmp_path / "submissions" / "patient", "patient")
    for _ in range(2):
        with referee_of(tmp_path, CUT_BEFORE_GO) as process:
            assert process.wait(60) == 9
    outcome = attack("patient", change=lambda plan: short(plan, 0.5))
    assert outcome.record.unofficial_reasons == [
        *OF_THE_TESTS,
        "more than 2 attempts at this trial",
    ]


@pytest.mark.parametrize("level", ["auto", "inline"])
def test_a_trial_that_can_change_no_score_is_stopped_with_its_reasons(attack, level: str) -> None:
    def stopped(plan: TrialPlan) -> TrialPlan:
        stop = EarlyStop(
            after_seconds=1.5, rule="slower than the study's best", evidence=("ab" * 32,)
        )
        return replaced(plan, stop=stop)

    outcome = attack("patient", change=stopped, level=level)
    record = outcome.record
    assert record.state is TrialState.STOPPED_EARLY
    assert record.time_to_target_seconds is None
    assert record.submission_seconds > 1.5
    assert all(e.submission_seconds <= 1.5 for e in outcome.evaluations)
    assert [r.model_dump() for r in record.stop_reasons] == [
        {"rule": "slower than the study's best", "evidence": ["ab" * 32]}
    ]
    report = verify_record(outcome.folder)
    assert not [str(f) for f in report.findings if f.status == "problem"], report


def test_a_stop_that_never_comes_leaves_no_reasons(attack) -> None:
    late = EarlyStop(after_seconds=1000.0, rule="slower than the study's best")
    record = attack("honest", change=lambda plan: replaced(plan, stop=late)).record
    assert record.state is TrialState.COMPLETED_WITHOUT_TARGET
    assert record.stop_reasons == []
