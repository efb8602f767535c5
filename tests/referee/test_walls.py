"""What the referee believes of the kernel's account of two containers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from kit.errors import TrialError
from kit.referee import policy, walls

KILL, PTRACE, NONE = f"{1 << 5:016x}", f"{1 << 19:016x}", f"{0:016x}"
REFEREE, TRAINER, FORKED = 7, 40, 41
SHUT_IN = {"NoNewPrivs": "1", "Seccomp": "2", "Gid": "0\t0\t0\t0"}
ROOT_WITH_KILL = {**SHUT_IN, "Uid": "0\t0\t0\t0", "CapPrm": KILL, "CapEff": KILL, "CapBnd": KILL}
NOBODY = {
    **SHUT_IN,
    "Uid": "10001\t10001\t10001\t10001",
    "Gid": "10001\t10001\t10001\t10001",
    "Groups": "10001 ",
    "CapPrm": NONE,
    "CapEff": NONE,
    "CapBnd": NONE,
}
NETWORKS = ["Inter-|   Receive", " face |bytes    packets", "    lo:       0       0"]


class Kernel:
    """What `/proc` and the system calls say; a test loosens something."""

    def __init__(self) -> None:
        self.files = {"/proc/net/dev": list(NETWORKS)}
        self.pid, self.uid, self.root_flags = REFEREE, 0, walls.os.ST_RDONLY
        self.process(REFEREE, ROOT_WITH_KILL)
        self.process(TRAINER, NOBODY)
        self.process(FORKED, NOBODY)

    def process(self, pid: int, status: dict[str, str]) -> None:
        lines = ["Name:\tpython", *(f"{name}:\t{value}" for name, value in status.items())]
        self.files[f"/proc/{pid}/status"] = lines


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel()
    monkeypatch.setattr(walls, "_lines", lambda path: made.files.get(path, []))
    monkeypatch.setattr(walls.os, "getpid", lambda: made.pid)
    monkeypatch.setattr(walls.os, "getuid", lambda: made.uid)
    monkeypatch.setattr(
        walls.os, "statvfs", lambda path: SimpleNamespace(f_flag=made.root_flags | 1 << 12)
    )
    return made


def refusal(look: Callable[[], object]) -> str:
    with pytest.raises(TrialError) as caught:
        look()
    message = str(caught.value)
    assert message.startswith("This is not the isolation that docker-compose.yml arranges: ")
    assert "git checkout docker-compose.yml" in message
    assert "\n" not in message
    return message


def test_a_referee_as_the_file_arranges_it_passes(kernel):
    assert walls.referee_facts() == {
        "Uid": "0 0 0 0",
        "Gid": "0 0 0 0",
        "CapEff": KILL,
        "CapBnd": KILL,
        "NoNewPrivs": "1",
        "Seccomp": "2",
    }


def test_trainers_as_the_file_arranges_them_pass(kernel):
    assert walls.trainer_facts({FORKED, TRAINER}) == {
        "Uid": "10001 10001 10001 10001",
        "Gid": "10001 10001 10001 10001",
        "CapEff": NONE,
        "CapBnd": NONE,
        "NoNewPrivs": "1",
        "Seccomp": "2",
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"CapEff": f"{1 << 5 | 1 << 19:016x}"}, "other capabilities than KILL"),
        ({"CapBnd": PTRACE}, "other capabilities than KILL"),
        ({"CapPrm": NONE}, "other capabilities than KILL"),
        ({"NoNewPrivs": "0"}, "the referee can gain privileges"),
    ],
)
def test_a_loosened_status_of_the_referee_is_named(kernel, changes, said):
    kernel.process(REFEREE, {**ROOT_WITH_KILL, **changes})
    assert said in refusal(walls.referee_facts)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("uid", 10001, "the referee is not uid 0"),
        ("root_flags", 0, "the referee's root file system can be written"),
        ("pid", 1, "the referee is process 1 of its container (init: true is missing)"),
    ],
)
def test_what_the_system_calls_say_of_the_referee_counts(kernel, name, value, said):
    kernel.process(1, ROOT_WITH_KILL)
    setattr(kernel, name, value)
    message = refusal(walls.referee_facts)
    assert said in message
    assert message.count("the referee") == 1, "one thing was loosened, and one is named"


@pytest.mark.parametrize("networks", [[*NETWORKS, "  eth0:    1       1"], NETWORKS[:2]])
def test_any_network_but_its_own_loop_is_named(kernel, networks):
    kernel.files["/proc/net/dev"] = networks
    assert "the referee has a network" in refusal(walls.referee_facts)


def test_everything_that_is_open_is_named_at_once(kernel):
    kernel.root_flags = 0
    kernel.process(REFEREE, {**ROOT_WITH_KILL, "NoNewPrivs": "0"})
    assert "can gain privileges; the referee's root file" in refusal(walls.referee_facts)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"Uid": "0\t0\t0\t0"}, "the trainer is not user 10001 alone"),
        ({"Uid": "10001\t10001\t0\t10001"}, "the trainer is not user 10001 alone"),
        ({"Uid": "20002\t20002\t20002\t20002"}, "the trainer is not user 10001 alone"),
        ({"Gid": "0\t0\t0\t0"}, "the trainer is not in group 10001 alone"),
        ({"Groups": "0 10001 "}, "the trainer is not in group 10001 alone"),
        ({"CapEff": KILL}, "the trainer has capabilities"),
        ({"CapPrm": KILL}, "the trainer has capabilities"),
        ({"CapBnd": PTRACE}, "the trainer has capabilities"),
        ({"NoNewPrivs": "0"}, "the trainer can gain privileges"),
        ({"Seccomp": "0"}, "the trainer's system calls are not filtered"),
        ({"Seccomp_filters": "1"}, "the trainer's system calls pass only one filter"),
    ],
)
@pytest.mark.parametrize("which", [TRAINER, FORKED])
def test_one_loosened_process_of_a_trainer_is_enough(kernel, which, changes, said):
    kernel.process(which, {**NOBODY, **changes})
    message = refusal(lambda: walls.trainer_facts({TRAINER, FORKED}))
    assert said in message
    assert message.count("the trainer") == 1, "one thing was loosened, and one is named"


@pytest.mark.parametrize("name", sorted(NOBODY.keys() - {"Groups"}))
def test_what_a_kernel_does_not_tell_counts_as_open(kernel, name):
    kernel.process(TRAINER, {key: value for key, value in NOBODY.items() if key != name})
    refusal(lambda: walls.trainer_facts({TRAINER}))


@pytest.mark.parametrize("pids", [set(), {999}])
def test_a_trainer_that_cannot_be_seen_is_refused(kernel, pids):
    said = "the trainer's processes cannot be seen (pid: service:referee is missing)"
    assert said in refusal(lambda: walls.trainer_facts(pids))


def test_a_process_that_ends_meanwhile_does_not_count(kernel):
    assert walls.trainer_facts({TRAINER, 999})["NoNewPrivs"] == "1"


def test_outside_containers_this_very_process_is_refused():
    refusal(walls.referee_facts)


# What the host found about both containers.

MINE = {"referee": "0123456789ab" + 52 * "0", "trainer": 64 * "2"}


@pytest.fixture
def evidence(tmp_path, monkeypatch):
    """Return the file that the host writes its evidence to, in a container of this name."""
    file = tmp_path / "inspection.json"
    file.touch()
    monkeypatch.setattr(walls, "EVIDENCE", file)
    monkeypatch.setattr(walls.socket, "gethostname", lambda: "0123456789ab")
    return file


def written(file: Path, **changes: str) -> Path:
    file.write_text(json.dumps({**MINE, "policy_sha256": policy.digest(), **changes}) + "\n")
    return file


def test_evidence_about_this_container_is_returned(evidence):
    written(evidence)
    assert walls.engine_evidence() == json.loads(evidence.read_text())


def test_evidence_is_awaited(evidence):
    later = threading.Timer(0.2, written, [evidence])
    later.start()
    assert walls.engine_evidence()["trainer"] == MINE["trainer"]
    later.join()


def test_a_host_that_went_away_is_not_awaited_for_ever(evidence):
    with pytest.raises(TrialError, match="No one inspected the containers within 0 s"):
        walls.engine_evidence(wait_seconds=0.1)


@pytest.mark.parametrize("place", ["/dev/null", "/nowhere/inspection.json"])
def test_by_hand_there_is_no_evidence(evidence, monkeypatch, place):
    monkeypatch.setattr(walls, "EVIDENCE", Path(place))
    assert walls.engine_evidence() is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"referee": 64 * "f"}, "the container that was inspected is not this one"),
        ({"policy_sha256": 64 * "0"}, "compared with another file than the image's"),
    ],
)
def test_evidence_about_something_else_is_rejected(evidence, changes, said):
    written(evidence, **changes)
    assert said in refusal(walls.engine_evidence)
