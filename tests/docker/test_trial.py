"""Whole trials in containers, as an organiser runs them."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.engine import settings as of_containers
from kit.engine.access import granted
from kit.engine.compose import Compose
from kit.engine.image import describe
from kit.errors import NotAvailable, TrialError, UsageError
from kit.planning.plan import plan_trial
from kit.planning.request import EarlyStop, open_request
from kit.records.ledger import LEDGER, Ledger
from kit.records.record import TrialState
from kit.records.tree import verify_tree
from kit.referee.environment import lock_digests
from tests.conftest import CHEATING, COMPOSE_FILE, replaced, write_attack

pytestmark = pytest.mark.docker


@pytest.fixture
def command(tmp_path: Path, image: str, mnist_data: None) -> Any:
    """Return a function that gives the command line of a trial in containers."""

    def build(name: str, *options: str) -> list[str]:
        folder = write_attack(tmp_path / "submissions" / name, name)
        arguments = ["run", "--engine", "docker", "--workload", "mnist", "--submission"]
        arguments += [str(folder), "--ruleset", str(CHEATING / "cheating.yaml"), *options]
        return [sys.executable, "-c", "from kit.cli.main import main; main()", *arguments]

    return build


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """Return an environment whose results and keys are this test's own."""
    places = {"STOPWATCH_RESULTS": "results", "STOPWATCH_CONFIG": "config"}
    return {**os.environ, **{name: str(tmp_path / folder) for name, folder in places.items()}}


@pytest.fixture
def start(command: Any, variables: dict[str, str]) -> Iterator[Any]:
    """Return a function that starts `kit run --engine docker` and waits for its first step."""
    started: list[subprocess.Popen[str]] = []

    def begin(name: str, *options: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command(name, "--json", *options),
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stderr is not None
        for line in process.stderr:
            if json.loads(line).get("step", 0) > 0:
                break
        threading.Thread(target=process.stderr.read, daemon=True).start()
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def containers(engine: Any, role: str) -> list[Any]:
    labels = [f"com.docker.compose.service={role}"]
    found = engine.containers.list(all=True, filters={"label": labels})
    return [c for c in found if c.name.startswith("stopwatch-")]


@pytest.mark.parametrize("compose", ["docker-compose", "docker compose"])
def test_a_trial_is_run_signed_and_verified_outside(
    compose: str, command: Any, variables: dict[str, str], tmp_path: Path, image: str, engine: Any
) -> None:
    try:
        subprocess.run([*compose.split(), "version"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"{compose} is not installed here")
    variables = {**variables, "STOPWATCH_COMPOSE": compose}
    done = subprocess.run(
        command("honest", "--json"), env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["state"] == "completed_without_target"
    events = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert next(event for event in events if event != "note") == "started"
    assert {"progress", "evaluated"} <= set(events)

    folder = tmp_path / "results/cheating/honest/mnist/study_1/trial_1"
    assert said["folder"] == str(folder)
    assert verify_tree(tmp_path / "results").ok
    record, facts = said["trial"], json.loads((folder / "environment.json").read_text())
    assert record["isolation"] == facts["isolation"] == "container"
    assert facts["image_digest"] == facts["trainer_image_digest"] == image
    assert facts["lock_sha256"]["cpu.lock"] == lock_digests()["cpu.lock"]
    built = describe(image)
    assert facts["source"] == {"revision": built.revision, "dirty": built.dirty}
    assert facts["walls"]["trainer"]["Uid"] == "10001 10001 10001 10001"
    assert facts["walls"]["referee"]["CapEff"] == f"{1 << 5:016x}"
    assert facts["gpus"] == []
    evidence = facts["walls"]["engine"]
    assert evidence["policy_sha256"] == hashlib.sha256(COMPOSE_FILE.read_bytes()).hexdigest()
    assert evidence["engine"] == engine.version()["Version"]
    assert record["unofficial_reasons"] == ["the ruleset is not one of the kit's"]


def test_by_hand_no_one_inspects_and_the_record_is_unofficial(
    engine: Any, image: str, mnist_data: None, tmp_path: Path
) -> None:
    places = {"results": tmp_path / "results", "config": tmp_path / "config"}
    folder = write_attack(tmp_path / "submissions" / "honest", "honest")
    request = plan_trial(
        workload="mnist", submission=folder, ruleset=CHEATING / "cheating.yaml", **places
    )
    plan = open_request(request.quick())
    with granted(engine, **places) as access:
        told = of_containers.variables(
            plan,
            images=of_containers.Images(image, image),
            access=access,
            memory_bytes=8 << 30,
        )
        del told["INSPECTION_FILE"]
        compose = Compose("stopwatch-by-hand", profile="cpu", variables=told, file=COMPOSE_FILE)
        try:
            compose.up()
            (referee,) = (
                c for c in engine.containers.list(all=True) if "by-hand_referee" in c.name
            )
            assert referee.wait(timeout=300)["StatusCode"] == 0, referee.logs().decode()
        finally:
            compose.down()
    (report,) = verify_tree(places["results"]).records
    assert report.record is not None
    assert not report.record.official
    assert any("were not inspected" in reason for reason in report.record.unofficial_reasons)
    facts = json.loads(next(places["results"].rglob("environment.json")).read_text())
    assert facts["walls"]["engine"] is None


@pytest.mark.parametrize(("after", "steps"), [(3.0, True), (0.0, False)])
def test_an_early_stop_reaches_the_referee(
    attack: Any, tmp_path: Path, after: float, steps: bool
) -> None:
    rule, evidence = "slower than the study's best", ("ab" * 32,)
    stop = EarlyStop(after_seconds=after, rule=rule, evidence=evidence)
    attack("patient", level="container", change=lambda plan: replaced(plan, stop=stop))
    (report,) = verify_tree(tmp_path / "results").records
    assert report.ok
    assert report.record is not None
    assert report.record.state is TrialState.STOPPED_EARLY
    assert report.record.stop_reasons[0].evidence == ["ab" * 32]
    assert bool(report.evaluations) is steps
    assert (report.record.submission_seconds > 0) is steps


def test_ctrl_c_leaves_a_record_and_nothing_running(
    start: Any, engine: Any, tmp_path: Path
) -> None:
    process = start("patient")
    process.send_signal(signal.SIGINT)
    stdout, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert json.loads(stdout)["state"] == "interrupted"
    assert verify_tree(tmp_path / "results").ok
    assert containers(engine, "referee") == containers(engine, "trainer") == []


def test_a_client_that_is_killed_loses_nothing(
    start: Any, command: Any, variables: dict[str, str], engine: Any, tmp_path: Path
) -> None:
    start("patient").kill()
    again = subprocess.run(
        command("patient"), env=variables, capture_output=True, text=True, check=False
    )
    assert again.returncode == 1
    assert "already running in containers" in again.stderr
    (referee,) = containers(engine, "referee")
    assert f"docker kill --signal INT {referee.name}" in again.stderr
    referee.kill("SIGINT")
    assert referee.wait()["StatusCode"] == 130
    attempts = Ledger(tmp_path / "results" / LEDGER).attempts()
    assert [a.state for a in attempts] == [TrialState.INTERRUPTED]
    assert verify_tree(tmp_path / "results").ok

    repeated = subprocess.run(
        command("patient", "--quick"), env=variables, capture_output=True, text=True, check=False
    )
    assert repeated.returncode == 0, repeated.stderr
    for left in (*containers(engine, "referee"), *containers(engine, "trainer")):
        left.remove(force=True, v=True)


def test_a_referee_that_is_killed_takes_the_trainer_with_it_and_the_attempt_is_listed(
    start: Any, engine: Any, tmp_path: Path
) -> None:
    process = start("patient")
    (referee,), (trainer,) = containers(engine, "referee"), containers(engine, "trainer")
    referee.kill("SIGKILL")
    trainer.wait(timeout=30)
    process.communicate(timeout=120)
    assert process.returncode == 1
    (attempt,) = Ledger(tmp_path / "results" / LEDGER).attempts()
    assert attempt.end is None

    again = start("patient")
    again.send_signal(signal.SIGINT)
    stdout, _ = again.communicate(timeout=120)
    assert json.loads(stdout)["trial"]["attempt"] == 2
    states = [a.state for a in Ledger(tmp_path / "results" / LEDGER).attempts()]
    assert states == [None, TrialState.INTERRUPTED]


def test_who_stops_both_containers_interrupts_the_trial_and_does_not_fail_it(
    start: Any, engine: Any
) -> None:
    process = start("patient")
    (referee,), (trainer,) = containers(engine, "referee"), containers(engine, "trainer")
    trainer.stop(timeout=5)  # the order in which compose stops them
    referee.stop(timeout=60)
    stdout, _ = process.communicate(timeout=120)
    assert json.loads(stdout)["state"] == "interrupted"


def test_a_trainer_that_is_killed_has_failed(start: Any, engine: Any) -> None:
    process = start("patient")
    (trainer,) = containers(engine, "trainer")
    trainer.kill("SIGKILL")
    stdout, _ = process.communicate(timeout=120)
    assert json.loads(stdout)["state"] == "failed"


def test_the_trainers_output_is_in_the_record(attack: Any) -> None:
    outcome = attack("dies", level="container", KIND="raise")
    assert "an ordinary mistake" in (outcome.folder / "log.txt").read_text()
    assert "an ordinary mistake" in outcome.record.failure.log_tail
    assert outcome.record.failure.exit_status == "exit status 1"


def test_an_image_of_other_sources_is_refused(
    attack: Any, image: str, engine: Any, tmp_path: Path
) -> None:
    recipe = f"FROM {image}\nLABEL org.stopwatch.source.sha256=other\n"
    (tmp_path / "Dockerfile").write_text(recipe)
    other, _ = engine.images.build(path=str(tmp_path), tag="stopwatch:cpu")
    try:
        with pytest.raises(UsageError, match=r"other sources .* than this checkout"):
            attack("honest", level="container")
    finally:
        engine.images.get(image).tag("stopwatch:cpu")
        engine.images.remove(other.id, force=True)


def test_a_missing_image_names_the_command_that_builds_it(
    attack: Any, monkeypatch: pytest.MonkeyPatch, image: str
) -> None:
    monkeypatch.setattr("kit.engine.trial.tag", lambda device: f"stopwatch:{device}-absent")
    with pytest.raises(NotAvailable, match="kit image build"):
        attack("honest", level="container")


def test_a_gpu_that_the_engine_cannot_give_is_named_before_anything_starts(
    command: Any, variables: dict[str, str], engine: Any, tmp_path: Path
) -> None:
    if "nvidia" in engine.info()["Runtimes"]:
        pytest.skip("this engine has a GPU runtime")
    done = subprocess.run(
        command("honest", "--device", "gpu"), env=variables, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "no GPU runtime" in done.stderr
    assert "nvidia-ctk" in done.stderr
    assert Ledger(tmp_path / "results" / LEDGER).attempts() == []


def test_containers_that_do_not_start_say_why(
    attack: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "docker-compose.yml"
    file.write_text("services:\n  referee: {image: 'stopwatch:never-built', profiles: [cpu]}\n")
    started = time.monotonic()
    with pytest.raises(TrialError, match="The containers did not start"):
        attack("honest", level="container", compose_file=file)
    assert time.monotonic() - started < 60
