"""What `docker-compose.yml` promises, tried by submissions that are written to break it."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kit import paths
from kit.data import evaluation_folder
from kit.errors import TrialError
from kit.records.ledger import LEDGER, Ledger
from kit.records.record import TrialState
from kit.referee.events import Outcome
from tests.conftest import COMPOSE_FILE

pytestmark = pytest.mark.docker


@pytest.fixture
def contained(attack: Any) -> Any:
    """Like `attack`, always in containers."""
    return lambda name, **options: attack(name, level="container", **options)


def said(outcome: Outcome, mark: str) -> Any:
    failure = outcome.record.failure
    assert failure is not None, outcome.record.reason
    assert mark in failure.traceback, failure
    return json.loads(failure.traceback.rpartition(mark + " ")[2].splitlines()[0])


def test_nothing_worth_stealing_is_in_reach_and_the_referee_is_out_of_it(
    contained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", "inherited")
    hidden = [
        tmp_path / "config",
        tmp_path / "results",
        evaluation_folder("mnist", "mini"),
        paths.PROJECT / "kit",
    ]
    with socket.create_server(("127.0.0.1", 0)) as server:
        outcome = contained(
            "contained_probe",
            HIDDEN=[str(path) for path in hidden],
            PORT=server.getsockname()[1],
            WORKLOAD="mnist",
        )
    found = said(outcome, "PROBED")
    assert found["worked"] == []
    assert found["refused"] > 60
    assert found["referees"] >= 2, "the attack must have seen the referee to attack it"


def test_nothing_passes_from_trial_to_trial(contained: Any) -> None:
    first = said(contained("leave_behind", trial=1), "FOUND")
    second = said(contained("leave_behind", trial=2), "FOUND")
    assert first["written"], "the attack must have been able to write somewhere"
    assert "/exchange" not in first["written"]
    assert first["found"] == second["found"] == []


def test_a_fork_bomb_ends_at_the_limit_and_with_the_trial(contained: Any) -> None:
    outcome = contained("fork_bomb")
    found = said(outcome, "FORKED")
    assert found["error"] == "BlockingIOError"
    assert 100 < found["children"] < 2048


def test_memory_ends_at_the_limit_and_the_referee_lives_to_tell(contained: Any) -> None:
    record = contained("swallow_memory", memory_limit_bytes=1 << 30).record
    assert record.state is TrialState.FAILED
    assert "memory" in record.reason
    assert "limit" in record.reason


def test_files_in_memory_count_as_memory(contained: Any) -> None:
    record = contained("fill_scratch", memory_limit_bytes=1 << 30).record
    assert record.state is TrialState.FAILED
    assert "limit of 1.0 GiB" in record.reason


def test_a_trainer_that_kills_all_it_can_kills_only_itself(contained: Any) -> None:
    record = contained("kill_everything").record
    assert record.state is TrialState.FAILED
    assert record.failure is not None
    assert record.failure.exit_status == "not reported"


def test_a_trainer_that_hides_from_being_stopped_is_frozen(contained: Any) -> None:
    outcome = contained("hide_from_stop")
    fine = (TrialState.COMPLETED_WITHOUT_TARGET, TrialState.OUT_OF_TIME)
    assert outcome.record.state in fine, outcome.record.reason
    assert len(outcome.evaluations) >= 2


@pytest.fixture
def loosened(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    """Return a function that writes the compose file with lines replaced."""

    def write(changes: dict[str, str]) -> Path:
        text = COMPOSE_FILE.read_text()
        for line, loose in changes.items():
            assert line in text
            text = text.replace(line, loose)
        file = tmp_path / "docker-compose.yml"
        file.write_text(text)
        return file

    return write


JOINS = 'pid: "service:referee"}'


@pytest.mark.parametrize(
    ("line", "loose", "refusal"),
    [
        (JOINS, f"ipc: host, {JOINS}", "the trainer's HostConfig.IpcMode is host instead of"),
        ("mode=0755,nosuid", "mode=0777,nosuid", "the exchange's Options o is size=.*,mode=0777,"),
        ("/train:ro", "/:ro", "the trainer's mount at /data/mnist/mini has bind"),
        (
            "EXCHANGE_SIZE=${EXCHANGE_SIZE:-4g}",
            "EXCHANGE_SIZE=1g",
            "the referee's Config.Env is EXCHANGE_SIZE=1g instead of",
        ),
        (
            "  upload:   ",
            "  third: {<<: *trainer, profiles: [cpu]}\n  upload:   ",
            "it starts referee, third, trainer instead of referee, trainer",
        ),
    ],
)
def test_a_loosened_compose_file_ends_before_the_trial_begins(
    contained: Any, engine: Any, loosened: Any, tmp_path: Path, line: str, loose: str, refusal: str
) -> None:
    with pytest.raises(TrialError, match=refusal) as caught:
        contained("honest", compose_file=loosened({line: loose}))
    assert str(caught.value).startswith(
        "This is not the isolation that docker-compose.yml arranges"
    )
    assert "\n" not in str(caught.value)
    assert Ledger(tmp_path / "results" / LEDGER).attempts() == []
    assert not list((tmp_path / "results").rglob("trial.json"))
    labels = {"label": "com.docker.compose.project"}
    assert [each.name for each in engine.containers.list(all=True, filters=labels)] == []


def test_the_referee_sees_what_the_engine_would_hide(
    contained: Any, loosened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second witness is the kernel: here the first one says that all is well."""
    monkeypatch.setattr("kit.engine.inspection.differences", lambda shown, wanted: iter(()))
    data = f"{evaluation_folder('mnist', 'mini')}"
    file = loosened(
        {
            JOINS: f"ipc: host, devices: [/dev/null:/dev/nvidia0, /dev/null:/dev/kmsg], {JOINS}",
            "uid=10001,gid=10001,size=4g": "uid=10001,gid=10001,size=40g",
            "mode=0755,nosuid": "mode=0777,nosuid",
            "    - exchange:/exchange                         # root": (
                "    - exchange:/exchange\n"
                + "".join(
                    f"    - '{data}:{path}:ro'\n"
                    for path in ("/nvidia-data", "/dev/shm2",
                                 "/usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15")
                )
                + "    # root"
            ),
        }
    )  # fmt: skip
    with pytest.raises(TrialError) as caught:
        contained("honest", compose_file=file)
    for said in (
        "the trainer has no ipc namespace to itself",
        "the trainer can see /dev/kmsg",
        "the trainer can see /dev/nvidia0",
        "the trainer can see /dev/shm2",
        "the trainer can see /nvidia-data",
        "the trainer can see /usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15",
        "the trainer's /exchange has ",
        "the trainer's /tmp has 42949672960 bytes with mode 0700 of 10001:10001 instead of 4294967",
        "the trainer's /dev/shm has ",
    ):
        assert said in str(caught.value)
    assert not list((tmp_path / "results").rglob("trial.json"))


def test_no_container_volume_or_copy_of_the_key_is_left(contained: Any, engine: Any) -> None:
    keys = set(Path("/dev/shm").glob("stopwatch-key-*"))
    outcome = contained("honest")
    trial = str(outcome.folder).encode()
    project = f"stopwatch-{hashlib.sha256(trial).hexdigest()[:12]}"
    labels = {"label": f"com.docker.compose.project={project}"}
    assert engine.containers.list(all=True, filters=labels) == []
    assert [v.name for v in engine.volumes.list() if project in v.name] == []
    assert set(Path("/dev/shm").glob("stopwatch-key-*")) == keys
