"""Files that were made to do harm, signed by whoever made them: one line, or what they hold."""

from __future__ import annotations

import functools
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kit.errors import InvalidFile, KitError, VerificationError
from kit.records.archive import pack, unpack
from kit.records.chain import verify_chain
from kit.records.evaluations import decode_evaluations, encode_evaluations
from kit.records.files import (
    ATTESTATION,
    ATTESTED,
    EVALUATIONS,
    TRIAL,
    decode_record,
    encode_record,
    read_regular,
)
from kit.records.ledger import LEDGER, Ledger
from kit.records.ledger_entry import Identification, parse_entry
from kit.records.record import Evaluation, TrialRecord, TrialState
from kit.records.verify import verify_record
from tests.records.factory import SOURCE, Results, make_trial

SOUND = json.loads(encode_record(make_trial(state=TrialState.FAILED).record))
TABLE = encode_evaluations(make_trial().evaluations).decode()
SPARSE_BYTES = 6 << 30
DEEP = 900  # json reads it, and a function that calls itself for each level does not get through
AWKWARD = (
    "inf", "-inf", "nan", "", "x" * 100_000, "1e5", "\u202e\n", "../../etc", 10**400, 10**4000,
    -1, -(10**400), 2**63, True, False, None, 1.5, 1e308, -1e308, 1e-320, [], {}, [[]],
    "2026-01-01", "9999-99-99T00:00:00+00:00",
)  # fmt: skip


def nested(depth: int = DEEP) -> list[Any]:
    """Return lists in lists."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def places(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to every value in plain JSON."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in inside:
        yield (*before, key)
        if isinstance(item, dict | list):
            yield from places(item, (*before, key))


def changed(content: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return plain JSON with one value replaced."""
    copy = json.loads(json.dumps(content))
    inside = copy
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return copy


def as_file(content: Any) -> bytes:
    return json.dumps(content, indent=2).encode() + b"\n"


def one_line(read: Callable[[], Any], error: type[Exception]) -> Any:
    """Return what `read` returns, or None after an error of one line; any other error is raised."""
    try:
        return read()
    except error as caught:
        message = str(caught)
    assert "\n" not in message
    assert len(message) < 1000
    return None


def check_record(data: bytes) -> TrialRecord | None:
    record: TrialRecord | None = one_line(lambda: decode_record(data, Path(TRIAL)), InvalidFile)
    return record


PLACES = sorted(places(SOUND), key=str)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(AWKWARD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_awkward_values_anywhere_are_one_line_or_a_record(path: tuple[Any, ...]) -> None:
    for value in (*AWKWARD, nested()):
        record = check_record(as_file(changed(SOUND, path, value)))
        if record is not None:
            assert encode_record(record) == as_file(changed(SOUND, path, value))


@settings(deadline=None, max_examples=300)
@given(path=st.sampled_from(PLACES), value=JSON)
def test_any_value_anywhere(path: tuple[Any, ...], value: Any) -> None:
    check_record(as_file(changed(SOUND, path, value)))


@settings(deadline=None, max_examples=200)
@given(data=st.binary() | JSON.map(as_file))
@example(data=b"[" * 100_000)
@example(data=b"\xff\xfe")
@example(data=b'{"a":' * 50_000)
@example(data=b"1" * 5000)
def test_any_bytes_for_a_record(data: bytes) -> None:
    assert check_record(data) is None


@pytest.mark.parametrize("name", ["submission_seconds", "time_to_target_seconds", "steps"])
@pytest.mark.parametrize("value", ["inf", "nan", 10**400, True, -1, -1.0])
def test_times_and_counts_are_finite_and_bounded(name: str, value: Any) -> None:
    assert check_record(as_file(changed(SOUND, (name,), value))) is None


def test_metrics_may_be_infinite_and_hyperparameters_not() -> None:
    for value in ("inf", "nan", "-inf"):
        content = changed(SOUND, ("initial_metrics", "validation/accuracy"), value)
        assert check_record(as_file(content)) is not None
    for value in (10**400, nested(3)):
        assert check_record(as_file(changed(SOUND, ("hyperparameters", "lr"), value))) is None


@pytest.mark.parametrize(
    ("started", "ended", "message"),
    [
        ("yesterday", None, "started_at: Value error, Invalid isoformat string: 'yesterday'"),
        ("2026-01-01T00:00:00", None, "started_at: Value error, must be a time in UTC"),
        ("2026-01-01T00:00:00+01:00", None, "started_at: Value error, must be a time in UTC"),
        (None, "2025-12-31T00:00:00.000+00:00", "ended_at: .* is before started_at, 2026-01-01T"),
    ],
)
def test_dates_are_dates_in_order(started: str | None, ended: str | None, message: str) -> None:
    content = dict(SOUND)
    content |= {"started_at": started} if started else {}
    content |= {"ended_at": ended} if ended else {}
    with pytest.raises(InvalidFile, match=message):
        decode_record(as_file(content), Path(TRIAL))


def check_table(data: bytes) -> list[Evaluation] | None:
    table: list[Evaluation] | None = one_line(lambda: decode_evaluations(data), ValueError)
    return table


CELLS = st.sampled_from([str(value) for value in AWKWARD]) | st.text() | st.floats().map(repr)


@settings(deadline=None, max_examples=300)
@given(row=st.integers(0, 4), column=st.integers(0, 15), cell=CELLS)
def test_any_cell_of_a_table(row: int, column: int, cell: str) -> None:
    lines = [line.split(",") for line in TABLE.splitlines()]
    lines[row][column % len(lines[row])] = cell
    check_table("".join(",".join(line) + "\n" for line in lines).encode(errors="surrogatepass"))


@settings(deadline=None, max_examples=100)
@given(data=st.binary() | st.text().map(lambda text: text.encode(errors="surrogatepass")))
@example(data=TABLE.encode().replace(b"nan", b"\0"))
@example(data=b'"' + b"x" * 200_000)
def test_any_bytes_for_a_table(data: bytes) -> None:
    assert check_table(data) is None


@pytest.mark.parametrize("cell", ["inf", "nan", "-1", "1e400", "1" * 400, "true", "1_0", " 1", ""])
@pytest.mark.parametrize("column", ["submission_ns", "step", "pause_cpu_seconds"])
def test_times_in_a_table_are_finite_and_bounded(column: str, cell: str) -> None:
    header, first, *rest = TABLE.splitlines()
    cells = first.split(",")
    cells[header.split(",").index(column)] = cell
    assert check_table("\n".join([header, ",".join(cells), *rest, ""]).encode()) is None


@pytest.fixture(scope="module")
def ledger_lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    results = Results(tmp_path_factory.mktemp("ledger"))
    results.run(make_trial())
    return results.ledger.path.read_bytes().splitlines(keepends=True)


@settings(
    deadline=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(number=st.integers(0, 4), data=st.data())
def test_any_line_of_a_ledger(ledger_lines: list[bytes], number: int, data: st.DataObject) -> None:
    """The chain says what is wrong; reading says so too, or gives entries."""
    content = json.loads(ledger_lines[number])
    path = data.draw(st.sampled_from(sorted(places(content), key=str)))
    forged = changed(content, path, data.draw(JSON | st.just(nested())))
    line = data.draw(
        st.just(json.dumps(forged, sort_keys=True, separators=(",", ":")).encode() + b"\n")
        | st.binary(max_size=30)
    )
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / LEDGER)
        ledger.path.write_bytes(
            b"".join([*ledger_lines[:number], line, *ledger_lines[number + 1 :]])
        )
        chain = verify_chain(ledger.path)
        assert chain.problem is None or "\n" not in chain.problem
        for read in (ledger.entries, ledger.attempts, ledger.head):
            one_line(read, KitError)


@pytest.mark.parametrize("line", [b"[" * 60_000 + b"\n", b"[" * DEEP + b"]" * DEEP + b"\n"])
def test_deep_nesting_in_a_ledger(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"nested too deep|valid dictionary"):
        parse_entry(line)


@settings(deadline=None, max_examples=200)
@given(data=st.binary(), at=st.integers(0, 3000), byte=st.integers(0, 255))
def test_any_archive(data: bytes, at: int, byte: int) -> None:
    archive = bytearray(pack(SOURCE))
    archive[at % len(archive)] ^= byte
    for content in (data, bytes(archive)):
        one_line(functools.partial(unpack, content), ValueError)


@pytest.mark.parametrize("name", [*ATTESTED, ATTESTATION])
def test_a_file_of_six_gigabytes_is_not_read(results: Results, name: str) -> None:
    folder = results.run(make_trial()).folder
    os.truncate(folder / name, SPARSE_BYTES)
    report = verify_record(folder)
    assert any(p.file == name and "is larger than" in p.sentence for p in report.problems)


def test_a_ledger_of_six_gigabytes_is_not_read(results: Results) -> None:
    folder = results.run(make_trial()).folder
    os.truncate(results.ledger.path, SPARSE_BYTES)
    assert any("larger than" in p.sentence for p in verify_record(folder).problems)
    for read in (results.ledger.entries, results.ledger.head):
        with pytest.raises(KitError, match=r"ledger.jsonl: .*(larger|longer) than"):
            read()
    with pytest.raises(VerificationError, match="longer than any entry"):
        results.ledger.start(Identification.of(make_trial(trial=2).record), results.key)


def test_no_file_is_read_through_a_link_or_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises(VerificationError, match=r"symbolic link|not a regular file"):
            read_regular(tmp_path / name)


Forge = Callable[[Path], None]


def with_values(**values: Any) -> Forge:
    """Return what changes top-level values of `trial.json`."""

    def forge(folder: Path) -> None:
        content = json.loads((folder / TRIAL).read_text())
        (folder / TRIAL).write_bytes(as_file({**content, **values}))

    return forge


def with_cell(old: str, new: str) -> Forge:
    """Return what replaces text in `evaluations.csv`."""

    def forge(folder: Path) -> None:
        text = (folder / EVALUATIONS).read_text()
        assert old in text
        (folder / EVALUATIONS).write_text(text.replace(old, new))

    return forge


FORGED: dict[str, Forge] = {
    "infinite time": with_values(submission_seconds="inf"),
    "NaN as a time": with_values(time_to_target_seconds="nan"),
    "a giant time": with_values(submission_seconds=10**400),
    "a boolean count": with_values(steps=True),
    "a negative count": with_values(steps=-5),
    "a giant count": with_values(steps=10**4000),
    "a giant study": with_values(study=10**30),
    "deep nesting": with_values(hyperparameters={"a": nested()}),
    "an unknown format": with_values(format="stopwatch/trial/9"),
    "a path as a name": with_values(submission="../../../etc"),
    "not JSON": lambda folder: (folder / TRIAL).write_bytes(b"[" * 100_000) and None,
    "an infinite cell": with_cell("\n1,1,", "\n1,inf,"),
    "a giant cell": with_cell("\n1,1,", f"\n1,{'9' * 400},"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_record_is_a_report_with_problems(results: Results, name: str) -> None:
    written = results.run(make_trial(), forge=FORGED[name])
    report = verify_record(written.folder, trusted=[results.key.public])
    assert report.problems
    assert all("\n" not in problem.sentence for problem in report.problems)
    json.dumps(report.as_dict(), allow_nan=False)
