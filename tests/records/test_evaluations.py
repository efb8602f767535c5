"""`evaluations.csv` keeps every bit of every number."""

from __future__ import annotations

import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from kit.records.evaluations import decode_evaluations, encode_evaluations
from kit.records.record import Evaluation

NAMES = st.builds(
    "{}/{}".format,
    st.sampled_from(["train", "validation", "test"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8),
)


@st.composite
def evaluations(draw: st.DrawFn) -> list[Evaluation]:
    names = draw(st.lists(NAMES, unique=True, max_size=4))
    return [
        Evaluation(
            index=index,
            step=draw(st.integers(0, 2**62)),
            submission_ns=draw(st.integers(0, 10**18)),
            total_ns=draw(st.integers(0, 10**18)),
            evaluation_ns=draw(st.integers(0, 10**18)),
            due_ns=draw(st.integers(0, 10**18)),
            freeze_ns=draw(st.integers(0, 10**18)),
            pause_cpu_seconds=draw(st.floats(0, 1e9)),
            distance_from_initial=draw(st.floats()),
            finite=draw(st.booleans()),
            weights_sha256=draw(st.text("0123456789abcdef", min_size=64, max_size=64)),
            metrics={name: draw(st.floats()) for name in names},
        )
        for index in range(1, draw(st.integers(0, 3)) + 1)
    ]


def bits(value: float) -> bytes:
    return b"nan" if value != value else struct.pack("<d", value)


@settings(deadline=None, max_examples=60)
@given(rows=evaluations())
def test_rows_survive_exactly(rows: list[Evaluation]) -> None:
    read = decode_evaluations(encode_evaluations(rows))
    assert [row.model_dump(exclude={"metrics", "distance_from_initial"}) for row in read] == [
        row.model_dump(exclude={"metrics", "distance_from_initial"}) for row in rows
    ]
    for before, after in zip(rows, read, strict=True):
        assert bits(before.distance_from_initial) == bits(after.distance_from_initial)
        assert before.metrics.keys() == after.metrics.keys()
        for name, value in before.metrics.items():
            assert bits(value) == bits(after.metrics[name])


def test_metric_columns_are_sorted_by_split() -> None:
    row = Evaluation(
        index=1,
        step=1,
        submission_ns=1,
        total_ns=1,
        evaluation_ns=1,
        due_ns=0,
        freeze_ns=0,
        pause_cpu_seconds=0.0,
        distance_from_initial=0.1,
        finite=True,
        weights_sha256="0" * 64,
        metrics={"test/a": 1.0, "validation/b": 2.0, "validation/a": 0.1 + 0.2, "train/z": 4.0},
    )
    header, values = encode_evaluations([row]).decode().splitlines()
    assert header.endswith(",finite,weights_sha256,train/z,validation/a,validation/b,test/a")
    assert values.endswith(",0.1,true," + "0" * 64 + ",4.0,0.30000000000000004,2.0,1.0")
