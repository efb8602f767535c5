"""The ledger: one chain, whatever happens to the process or the machine."""

from __future__ import annotations

import fcntl
import itertools
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner

from kit.errors import TrialError, UsageError, VerificationError
from kit.records.chain import repeated_without_interruption, verify_chain
from kit.records.ledger import Ledger
from kit.records.ledger_entry import GENESIS, Identification, make_entry
from kit.records.record import TrialState
from kit.records.signing import SigningKey
from tests.records.factory import make_trial

KEY = SigningKey("test key", CryptoSigner.generate_ed25519())
TIME = "2026-01-01T00:00:00+00:00"
NAMES = st.from_regex(r"\A[a-z0-9][a-z0-9._-]{0,20}\Z")
FIRST = Identification.of(make_trial().record)
APPENDER = """
import sys
from pathlib import Path
from kit.records.ledger import Ledger
from kit.records.signing import load_or_create_key
key = load_or_create_key(Path(sys.argv[2]))
print("ready", flush=True)
sys.stdin.readline()
for n in range(int(sys.argv[4])):
    body = {"ruleset": "r" * (1 + n % 50), "submission": sys.argv[3], "study": n + 1}
    entry = Ledger(Path(sys.argv[1])).append("study", {**body, "commitment": "a" * 64}, key)
    print(entry.index, flush=True)
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.jsonl")


def attempt(number: int, **fields: Any) -> Identification:
    return FIRST.model_copy(update={"attempt": number, **fields})


def appender(folder: Path, name: str, count: int) -> subprocess.Popen[bytes]:
    words = [str(folder / "ledger.jsonl"), str(folder / "config"), name, str(count)]
    command = [sys.executable, "-c", APPENDER, *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def let_go(processes: list[subprocess.Popen[bytes]]) -> None:
    """Wait until all have imported what they need, then let them append."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()


def lines_of(ledger: Ledger) -> list[bytes]:
    return ledger.path.read_bytes().splitlines(keepends=True)


def fill(ledger: Ledger, count: int) -> None:
    """Enter a genesis entry and `count` starts."""
    for number in range(1, count + 1):
        ledger.start(attempt(number), KEY)


def test_new_ledger_begins_with_a_genesis_entry(ledger: Ledger) -> None:
    assert ledger.head() == GENESIS
    assert ledger.entries() == []
    entry = ledger.start(FIRST, KEY)
    genesis = ledger.entries()[0]
    assert (genesis.kind, genesis.previous) == ("genesis", GENESIS)
    assert (entry.index, entry.previous) == (1, genesis.sha256)
    assert ledger.head() == entry.sha256
    assert verify_chain(ledger.path).problem is None


def test_two_ledgers_have_different_names(tmp_path: Path) -> None:
    ledgers = [Ledger(tmp_path / name) for name in ("a.jsonl", "b.jsonl")]
    for ledger in ledgers:
        ledger.start(FIRST, KEY)
    assert len({ledger.entries()[0].body["ledger"] for ledger in ledgers}) == 2


def test_attempts_are_paired_with_their_ends(ledger: Ledger) -> None:
    ledger.start(FIRST, KEY)
    ledger.end(FIRST, TrialState.INTERRUPTED, None, KEY)
    ledger.start(attempt(1, trial=2), KEY)
    ledger.start(attempt(2), KEY)
    assert [a.state for a in ledger.attempts(FIRST)] == [TrialState.INTERRUPTED, None]
    assert [a.identification.trial for a in ledger.attempts()] == [1, 2, 1]


def test_the_ledger_tells_whether_the_clock_started(ledger: Ledger) -> None:
    fill(ledger, 2)
    ledger.clock(attempt(2), KEY)
    assert [a.tried.clock_started for a in ledger.attempts()] == [False, True]
    assert verify_chain(ledger.path).problem is None


def test_attempts_of_an_older_ledger_count_as_started(ledger: Ledger) -> None:
    """Their start entries state no format, and their clocks are not entered."""
    ledger.append("start", FIRST, KEY)
    (only,) = ledger.attempts()
    assert "format" not in only.start.body
    assert only.tried.clock_started
    assert verify_chain(ledger.path).problem is None


@pytest.mark.parametrize(
    ("kinds", "problem"),
    [
        (["clock"], "line 2: .* started its clock, but no such attempt was started"),
        (["start", "clock", "clock"], "line 4: .* started its clock twice"),
        (["start", "end", "clock"], "line 4: .* started its clock after its end"),
        (["start", "clock", "end", "end"], "line 5: .* ended twice"),
    ],
)
def test_clock_entries_that_cannot_be_are_found(
    ledger: Ledger, kinds: list[str], problem: str
) -> None:
    enter = {
        "start": lambda: ledger.start(FIRST, KEY),
        "clock": lambda: ledger.clock(FIRST, KEY),
        "end": lambda: ledger.end(FIRST, TrialState.FAILED, None, KEY),
    }
    for kind in kinds:
        enter[kind]()
    assert re.match(problem, verify_chain(ledger.path).problem or "")


def test_only_an_interrupted_attempt_may_be_repeated(ledger: Ledger) -> None:
    fill(ledger, 2)
    ledger.end(attempt(1), TrialState.INTERRUPTED, None, KEY)
    ledger.end(attempt(2), TrialState.OUT_OF_TIME, None, KEY)
    assert repeated_without_interruption(ledger.attempts()) == []
    ledger.start(attempt(3), KEY)
    repeated = repeated_without_interruption(ledger.attempts())
    assert [a.identification.attempt for a in repeated] == [3]


@settings(deadline=None, max_examples=25)
@given(
    bodies=st.lists(
        st.builds(
            dict,
            ruleset=NAMES,
            submission=NAMES,
            study=st.integers(1, 2**40),
            commitment=st.from_regex(r"\A[0-9a-f]{64}\Z"),
        ),
        max_size=5,
    ),
    torn=st.binary(max_size=60).filter(lambda b: b"\n" not in b),
)
def test_what_is_appended_is_what_is_read(bodies: list[dict[str, Any]], torn: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / "ledger.jsonl")
        ledger.start(FIRST, KEY)
        for body in bodies:
            with ledger.path.open("ab") as file:
                file.write(torn)
            entry = ledger.append("study", body, KEY)
            assert ledger.head() == entry.sha256
        assert [entry.body for entry in ledger.entries()[2:]] == bodies
        assert verify_chain(ledger.path).problem is None
        kept = sorted(Path(folder).glob("ledger.torn-*"))
        assert [path.read_bytes() for path in kept] == ([torn] * len(bodies) if torn else [])


def test_torn_last_line_is_cut_off_and_kept(ledger: Ledger, tmp_path: Path) -> None:
    fill(ledger, 3)
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(whole[:-10])
    assert verify_chain(ledger.path).problem == (
        "line 4: the line is incomplete: no newline at its end"
    )
    assert len(ledger.entries()) == 3
    ledger.start(attempt(3), KEY)
    assert (tmp_path / "ledger.torn-1").read_bytes() == lines_of_bytes(whole)[-1][:-10]
    chain = verify_chain(ledger.path)
    assert chain.problem is None
    assert [a.identification.attempt for a in chain.attempts()] == [1, 2, 3]


def lines_of_bytes(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


def test_repair_cuts_a_torn_line_off_and_leaves_a_sound_ledger_alone(
    ledger: Ledger, tmp_path: Path
) -> None:
    ledger.repair()
    assert not ledger.path.exists()
    ledger.start(attempt(1), KEY)
    whole = ledger.path.read_bytes()
    ledger.repair()
    assert ledger.path.read_bytes() == whole
    ledger.path.write_bytes(whole + b'{"index"')
    ledger.repair()
    assert ledger.path.read_bytes() == whole
    assert (tmp_path / "ledger.torn-1").read_bytes() == b'{"index"'


def test_ledger_torn_in_its_first_line_starts_anew(ledger: Ledger) -> None:
    fill(ledger, 1)
    ledger.path.write_bytes(ledger.path.read_bytes()[:20])
    ledger.start(FIRST, KEY)
    assert [entry.kind for entry in ledger.entries()] == ["genesis", "start"]
    assert verify_chain(ledger.path).problem is None


def test_append_refuses_to_build_on_a_damaged_line(ledger: Ledger) -> None:
    fill(ledger, 1)
    ledger.path.write_bytes(ledger.path.read_bytes()[:-2] + b"\0\n")
    before = ledger.path.read_bytes()
    with pytest.raises(VerificationError, match=r"the last line is not an entry: not JSON.*`kit v"):
        ledger.start(FIRST, KEY)
    with pytest.raises(VerificationError, match=r"line 2 is not an entry: not JSON"):
        ledger.entries()
    assert ledger.path.read_bytes() == before


def test_every_changed_byte_is_found_with_its_line(ledger: Ledger) -> None:
    fill(ledger, 2)
    content = ledger.path.read_bytes()
    for position in range(0, len(content), 3):
        altered = bytearray(content)
        altered[position] ^= 1
        ledger.path.write_bytes(bytes(altered))
        problem = verify_chain(ledger.path).problem
        assert problem is not None
        assert problem.startswith(f"line {content.count(10, 0, position) + 1}: ")


@pytest.mark.parametrize("removed", [0, 1, 2, 3])
def test_deleted_line_is_found(ledger: Ledger, removed: int) -> None:
    fill(ledger, 4)
    lines = lines_of(ledger)
    ledger.path.write_bytes(b"".join(lines[:removed] + lines[removed + 1 :]))
    problem = verify_chain(ledger.path).problem
    assert problem is not None
    assert problem.startswith(f"line {removed + 1}: index is {removed + 1}, but {removed} comes")


def test_reordered_lines_are_found(ledger: Ledger) -> None:
    fill(ledger, 3)
    lines = lines_of(ledger)
    for one, other in itertools.combinations(range(len(lines)), 2):
        swapped = list(lines)
        swapped[one], swapped[other] = swapped[other], swapped[one]
        ledger.path.write_bytes(b"".join(swapped))
        problem = verify_chain(ledger.path).problem
        assert problem is not None
        assert problem.startswith(f"line {one + 1}: index is {other}")


def test_rewritten_entry_breaks_the_link_behind_it(ledger: Ledger) -> None:
    fill(ledger, 3)
    entries = ledger.entries()
    forged = make_entry("start", attempt(9), KEY, after=entries[1], time=TIME)
    ledger.path.write_bytes(b"".join(e.line for e in [*entries[:2], forged, entries[3]]))
    problem = verify_chain(ledger.path).problem
    assert problem == "line 4: previous is not the digest of the line before it"


def test_signature_of_another_entry_is_found(ledger: Ledger) -> None:
    fill(ledger, 1)
    genesis, start = ledger.entries()
    forged = start.model_copy(update={"signature": genesis.signature})
    ledger.path.write_bytes(genesis.line + forged.line)
    assert "line 2: the signature does not match" in str(verify_chain(ledger.path).problem)


def test_claimed_key_id_is_found(ledger: Ledger) -> None:
    fill(ledger, 1)
    genesis, start = ledger.entries()
    forged = start.model_copy(update={"key_id": "a" * 64})
    ledger.path.write_bytes(genesis.line + forged.line)
    assert verify_chain(ledger.path).problem == "line 2: key_id is not that of public_key"


def test_empty_or_missing_ledger_is_no_sound_chain(ledger: Ledger) -> None:
    assert verify_chain(ledger.path).problem == (
        "The file cannot be read: No such file or directory"
    )
    ledger.path.write_bytes(b"")
    assert verify_chain(ledger.path).problem == "is empty: it has lost its entries"


@pytest.mark.parametrize(
    ("bodies", "message"),
    [
        (
            [("end", 1)],
            "line 2: example: example, mnist, study 1, trial 1, attempt 1 ended, but no",
        ),
        ([("start", 1), ("start", 1)], "attempt 1 was started twice"),
        ([("start", 1), ("end", 1), ("end", 1)], "attempt 1 ended twice"),
    ],
)
def test_impossible_history_is_found(
    ledger: Ledger, bodies: list[tuple[str, int]], message: str
) -> None:
    for kind, number in bodies:
        if kind == "start":
            ledger.start(attempt(number), KEY)
        else:
            ledger.end(attempt(number), TrialState.FAILED, None, KEY)
    assert message in str(verify_chain(ledger.path).problem)


def test_second_genesis_is_found(ledger: Ledger) -> None:
    fill(ledger, 1)
    entries = ledger.entries()
    second = make_entry("genesis", {"ledger": "a" * 32}, KEY, after=entries[-1], time=TIME)
    ledger.path.write_bytes(b"".join(entry.line for entry in [*entries, second]))
    message = "line 3: the first entry, and no other, must be of kind 'genesis'"
    assert verify_chain(ledger.path).problem == message


def test_body_that_does_not_fit_is_refused(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match=r"body of kind 'study': submission: Field required"):
        ledger.append("study", {"ruleset": "mini"}, KEY)
    with pytest.raises(UsageError, match="makes its genesis entry itself"):
        ledger.append("genesis", {"ledger": "a" * 32}, KEY)
    with pytest.raises(UsageError, match="submission: String should have at most 80 characters"):
        ledger.start(attempt(1, submission="x" * 70_000), KEY)
    assert verify_chain(ledger.path).problem is None


def test_held_lock_is_named(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl", lock_seconds=0.05)
    with (tmp_path / "ledger.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        message = r"ledger.lock has been held by another process for 0.05 s.*Wait for it or end it"
        with pytest.raises(TrialError, match=message):
            ledger.start(FIRST, KEY)
    ledger.start(FIRST, KEY)


def test_lock_is_held_only_during_an_append(ledger: Ledger) -> None:
    fill(ledger, 1)
    with ledger.path.with_suffix(".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_append_reads_only_the_end(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(ledger, 1)
    line = lines_of(ledger)[-1]
    with ledger.path.open("wb") as file:
        file.write(b"x" * (1 << 22) + b"\n" + line)  # would not parse, if it were read
    read_bytes = 0
    pread = os.pread

    def counted(descriptor: int, length: int, offset: int) -> bytes:
        nonlocal read_bytes
        read_bytes += length
        return pread(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", counted)
    assert ledger.start(attempt(2), KEY).index == 2
    assert read_bytes <= 1 << 18


def test_processes_append_one_after_the_other(tmp_path: Path) -> None:
    processes = [appender(tmp_path, f"process-{n}", 40) for n in range(4)]
    let_go(processes)
    assert [process.wait() for process in processes] == [0] * 4
    outputs = [process.communicate()[0].split() for process in processes]
    chain = verify_chain(tmp_path / "ledger.jsonl")
    assert chain.problem is None
    assert sorted(int(index) for output in outputs for index in output) == list(range(1, 161))
    for number in range(4):
        own = [
            e.body["study"] for e in chain.entries[1:] if e.body["submission"][-1] == f"{number}"
        ]
        assert own == list(range(1, 41))


def test_kill_in_the_middle_of_appends_leaves_a_valid_chain(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    randomness = random.Random(0)
    acknowledged = 0
    for round_ in range(8):
        process = appender(tmp_path, f"round-{round_}", 100_000)
        let_go([process])
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(randomness.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        rest = process.communicate()[0].split()
        acknowledged = max(acknowledged, int(rest[-1]) if rest else 0)
        if ledger.path.read_bytes().endswith(b"\n"):  # else: torn, and cut off by the next round
            assert verify_chain(ledger.path).problem is None
        assert len(ledger.entries()) > acknowledged
    ledger.start(FIRST, KEY)
    assert verify_chain(ledger.path).problem is None
    assert len(ledger.entries()) > acknowledged + 1
