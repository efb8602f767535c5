"""A small part of `make fuzz`, with other inputs."""

from __future__ import annotations

import pytest

from tests.fuzz.__main__ import fuzz
from tests.fuzz.parsers import Parser, all_parsers


@pytest.fixture(scope="module")
def parsers(tmp_path_factory: pytest.TempPathFactory) -> list[Parser]:
    return all_parsers(tmp_path_factory.mktemp("fuzz"))


def test_every_input_gives_a_value_or_the_documented_error(parsers: list[Parser]) -> None:
    total = sum(parser.share for parser in parsers)
    for parser in parsers:
        count = fuzz(parser, 20 + round(4000 * parser.share / total), seed=1)
        assert not count.defects, f"{parser.name}: {count.defects[0]}"
        assert count.values, f"{parser.name}: no seed is valid"
        assert count.errors, f"{parser.name}: no input is an error"


def test_another_exception_is_a_defect() -> None:
    def read(data: bytes) -> object:
        return {}[data]

    (defect,) = fuzz(Parser("broken", 1, read, [b"x"]), 20, seed=1).defects
    assert "KeyError" in defect
    assert "input: b'x'" in defect
