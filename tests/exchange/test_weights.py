"""The weights file: one layout, private memory, and everything else refused."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from kit.errors import RuleViolation
from kit.exchange.directory import WEIGHTS
from kit.exchange.weights import TensorSpec, WeightsInbox, WeightsLayout, WeightsOutbox

SPECS = [
    TensorSpec("param/Dense_0/kernel", (3, 4), "float32"),
    TensorSpec("param/Dense_0/bias", (4,), "float32"),
    TensorSpec("state/count", (), "int32"),
]


def arrays() -> list[np.ndarray]:
    return [
        np.arange(12, dtype=np.float32).reshape(3, 4),
        np.full(4, np.nan, np.float32),
        np.asarray(7, np.int32),
    ]


@pytest.fixture
def inbox(tmp_path: Path) -> WeightsInbox:
    return WeightsInbox(tmp_path, WeightsLayout(SPECS), WEIGHTS)


def test_what_the_trainer_writes_is_what_the_referee_reads(
    inbox: WeightsInbox, tmp_path: Path
) -> None:
    size = WeightsOutbox(tmp_path, WeightsLayout(SPECS)).write(arrays())
    for spec, expected in zip(SPECS, arrays(), strict=True):
        np.testing.assert_array_equal(inbox.read(size)[spec.name], expected)


def test_rewriting_after_the_reading_changes_nothing(inbox: WeightsInbox, tmp_path: Path) -> None:
    outbox = WeightsOutbox(tmp_path, WeightsLayout(SPECS))
    read = inbox.read(outbox.write(arrays()))
    outbox.write([array * 0 for array in arrays()])
    np.testing.assert_array_equal(read["param/Dense_0/kernel"], arrays()[0])


def test_a_file_put_in_the_place_of_ours_is_not_read(inbox: WeightsInbox, tmp_path: Path) -> None:
    size = WeightsOutbox(tmp_path, WeightsLayout(SPECS)).write(arrays())
    (tmp_path / WEIGHTS).unlink()
    (tmp_path / WEIGHTS).symlink_to("/etc/passwd")
    np.testing.assert_array_equal(inbox.read(size)["param/Dense_0/kernel"], arrays()[0])


named = dict(zip([spec.name for spec in SPECS], arrays(), strict=True))
KERNEL = "param/Dense_0/kernel"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "announced weights of 0 bytes"),
        (b"x" * 100, "not safetensors"),
        (save({**named, "param/extra": np.ones(1, np.float32)}), r"extra \['param/extra'\]"),
        (save({KERNEL: named[KERNEL]}), "missing"),
        (save({**named, KERNEL: np.ones((4, 3), np.float32)}), r"float32\[4, 3\]; the model has"),
        (save({**named, KERNEL: np.ones((3, 4), np.float64)}), r"float64\[3, 4\]"),
    ],
)
def test_anything_else_is_a_violation(
    inbox: WeightsInbox, tmp_path: Path, content: bytes, message: str
) -> None:
    with (tmp_path / WEIGHTS).open("r+b") as file:
        file.write(content)
    with pytest.raises(RuleViolation, match=message):
        inbox.read(len(content))


def test_a_truncated_file_and_a_false_size_are_violations(
    inbox: WeightsInbox, tmp_path: Path
) -> None:
    size = WeightsOutbox(tmp_path, WeightsLayout(SPECS)).write(arrays())
    with pytest.raises(RuleViolation, match="announced weights of"):
        inbox.read(10**12)
    os.truncate(tmp_path / WEIGHTS, 20)
    with pytest.raises(RuleViolation, match="ends after 20 of"):
        inbox.read(size)


@settings(max_examples=200)
@given(st.data())
def test_no_bytes_crash_the_reader(data: st.DataObject) -> None:
    layout = WeightsLayout(SPECS)
    content = bytearray(layout.size_bytes)
    layout.write_into(memoryview(content), arrays())
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=5)):
        content[position] = data.draw(st.integers(0, 255))
    descriptor = os.memfd_create("weights")
    try:
        os.write(descriptor, content)
        inbox = WeightsInbox.__new__(WeightsInbox)
        inbox._layout, inbox._descriptor = layout, descriptor
        with contextlib.suppress(RuleViolation):
            layout.check(inbox.read(len(content)))
    finally:
        os.close(descriptor)
