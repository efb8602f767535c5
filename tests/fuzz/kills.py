"""`kill -9` at random moments of a study, of referees and trainers in real trials, of an upload.

After each the ledger is valid, and the same command goes on to the end.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import kit.data
from kit.records.chain import verify_chain
from kit.records.ledger import LEDGER
from tests.records.factory import Results, make_trial
from tests.study.conftest import RULESET, Place, write_racer
from tests.study.test_runner import check_history, kill_until_all_is_done
from tests.wandb_server import WandbServer

KIT = [sys.executable, "-c", "from kit.cli.main import main; main()"]
SECONDS = {"referee": 6.0, "trainer": 6.0, "upload": 4.0}  # within which a process is killed


def kill_everything(folder: Path, kills: int, seed: int) -> dict[str, int]:
    """Kill half of the times a study of short trials, a sixth each of the others; return counts.

    Raises:
        AssertionError: something was lost, or did not go on.
    """
    os.environ |= {"STOPWATCH_CONFIG": str(folder / "config"), "HOME": str(folder)}
    kit.data.prepare("mnist", "mini")
    draw, each = random.Random(seed), kills // 6
    counts = {"study": 0, "referee": 0, "trainer": 0, "upload": 0}
    while counts["study"] < kills - 3 * each:
        os.environ["SECONDS"] = "0.2"
        place = _place(folder / f"study-{counts['study']}")
        counts["study"] += kill_until_all_is_done(place, draw)
        check_history(place)
    for victim in ("referee", "trainer"):
        while counts[victim] < each:
            place = _place(folder / f"{victim}-{counts[victim]}")
            counts[victim] += _kill_in_trials(place, victim, draw, most=each - counts[victim])
    counts["upload"] = _kill_uploads(folder / "upload", draw, each)
    return counts


def _place(root: Path) -> Place:
    place = Place(root)
    write_racer(place.submission)
    return place


def _kill_in_trials(place: Place, victim: str, draw: random.Random, *, most: int) -> int:
    """Run a study of real trials, kill up to `most` processes of one kind, and see it through."""
    words = ["study", "--submission", str(place.submission), "--ruleset", str(RULESET)]
    words += ["--workloads", "mnist", "--results", str(place.results)]
    kills = 0
    while not kills or place.evidence().board().owed:
        with _quietly(words) as study:
            killed: set[int] = set()
            while study.poll() is None:
                new = [pid for pid in _of_kind(study.pid, victim) if pid not in killed]
                if kills < most and new:
                    time.sleep(draw.uniform(0, SECONDS[victim]))
                    alive = set(_of_kind(study.pid, victim))  # a number may have been given again
                    kills += _kill(new[0]) if new[0] in alive else 0
                    killed.update(new)
                    _check_ledger(place)
                time.sleep(0.05)
        _check_ledger(place)
    attempts = len(place.attempts())
    with _quietly(words) as study:
        study.wait()
    assert len(place.attempts()) == attempts, "a finished study ran something again"
    place.verify()
    return kills


def _quietly(words: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*KIT, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:  # it came to its end before
        return False
    return True


def _of_kind(root: int, victim: str) -> Iterator[int]:
    """Yield the processes below `root` that are referees, or trainers."""
    parents, commands = {}, {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            stat = (path / "stat").read_text()
            commands[int(path.name)] = (path / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        parents[int(path.name)] = int(stat.rpartition(")")[2].split()[1])
    for pid, words in commands.items():
        above = pid
        while above in parents and above != root:
            above = parents[above]
        is_trainer = b"kit.trainer" in words and words[0].rpartition(b"/")[2].startswith(b"python")
        is_referee = parents.get(pid) == root
        if above == root and pid != root and (is_trainer if victim == "trainer" else is_referee):
            yield pid


def _check_ledger(place: Place) -> None:
    """A line that was being written may be torn; it is mended by who appends next."""
    path = place.results / LEDGER
    if path.exists() and path.stat().st_size:
        whole = path.read_bytes()
        copy = path.with_name("ledger-as-left.jsonl")
        copy.write_bytes(whole[: whole.rfind(b"\n") + 1])
        problem = verify_chain(copy).problem
        copy.unlink()
        assert not problem or "is empty" in problem, problem


def _kill_uploads(folder: Path, draw: random.Random, kills: int) -> int:
    folder.mkdir()
    results = Results(folder)
    for trial in range(1, 7):
        results.run(make_trial(trial=trial))
    words = ["upload", str(results.root), "--entity", "team", "--project", "stopwatch"]
    done = 0
    with WandbServer() as server:
        os.environ |= server.environment
        while done < kills:
            with _quietly(words) as upload:
                time.sleep(draw.uniform(0, SECONDS["upload"]))
                done += _kill(upload.pid) if upload.poll() is None else 0
                upload.kill()
            assert upload.returncode in (0, -signal.SIGKILL)
            if upload.returncode == 0:  # all had arrived: from the beginning
                server.state.runs.clear()
                server.state.artifacts.clear()
        with _quietly(words) as upload:
            assert upload.wait(600) == 0
        trials = [run for run in server.state.runs.values() if run.name.startswith("sw-")]
        assert len(trials) == 6, len(trials)
        for run in trials:
            assert [row["_step"] for row in run.history] == [1, 2, 3, 4], run.name
    assert not verify_chain(results.root / LEDGER).problem
    return done
