from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.errors import InvalidFile
from kit.schema.strict_yaml import MAX_YAML_BYTES, parse, read_bytes

PATH = Path("/somewhere/file.yaml")


def message(content: bytes) -> str:
    with pytest.raises(InvalidFile) as caught:
        parse(content, PATH)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("5E+2", 500.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("-3", -3),
        ("1.", 1.0),
        ("true", True),
        ("null", None),
        ("", None),
        ("no", "no"),
        ("010", "010"),
        ("1:30", "1:30"),
        ("2025-99-99", "2025-99-99"),
        ("1_000", "1_000"),
        ("'12'", "12"),
    ],
)
def test_a_plain_scalar_has_one_meaning(text: str, value: object) -> None:
    read = parse(f"key: {text}".encode(), PATH)["key"]

    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: \xff", "not UTF-8 text: byte 4 is 0xff. Save it as UTF-8."),
        (b"a: 1\nb: 2\na: 3", "line 3: the key 'a' occurs twice in one mapping. Keep one of them."),
        (b"x:\n  a: 1\n  a: 1", "line 3: the key 'a' occurs twice"),
        (b"x: [{a: 1, a: 1}]", "line 1: the key 'a' occurs twice"),
        (b"1: a", "line 1: a key must be text. Received: int. Quote the key."),
        (b"? [a]\n: 1", "a key must be text. Received: seq."),
        (
            b"a: &x [1]\nb: *x",
            "line 1: the anchor &x is not allowed. Write the value out in place.",
        ),
        (b"a: *x", "line 1: the alias *x is not allowed"),
        (b"x: {<<: {a: 1}}", "a key must be text. Received: merge."),
        (b"a: !!python/name:os.system", "the tag 'tag:yaml.org,2002:python/name:os.system' is not"),
        (b"a: !!timestamp x", "the tag 'tag:yaml.org,2002:timestamp' is not allowed"),
        (b"a: [1", "not valid YAML: did not find expected ',' or ']' in line 2, column 1. Fix"),
        (b"a: 1\n---\nb: 1", "not valid YAML: but found another document in line 2"),
        (b"a: \x00", "not valid YAML: unacceptable character #x0000"),
        (b"a: " + b"9" * 5000, "not valid YAML: Exceeds the limit (4300 digits)"),
        (b"[" * 100_000, "line 1: nested more than 20 deep. Flatten it."),
    ],
)
def test_what_has_no_single_meaning_is_refused(content: bytes, said: str) -> None:
    assert message(content).startswith("/somewhere/file.yaml: ")
    assert said in message(content)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_parse_or_are_refused_in_one_line(content: bytes) -> None:
    said = ""
    try:
        parse(content, PATH)
    except InvalidFile as error:
        said = str(error)
    assert said.isprintable()


@settings(deadline=None)
@given(st.text(alphabet="ab:-[]{}&*!<?#'\"| \n,1.", max_size=40))
def test_any_yaml_parses_or_is_refused_in_one_line(text: str) -> None:
    said = ""
    try:
        parse(text.encode(), PATH)
    except InvalidFile as error:
        said = str(error)
    assert said.isprintable()


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match=r"no such file or directory\. Create it, or check"):
        read_bytes(tmp_path / "absent.yaml")


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    path.write_bytes(b"#" * (MAX_YAML_BYTES + 1))

    with pytest.raises(InvalidFile, match=r"larger than 1,048,576 bytes\. Shorten it"):
        read_bytes(path)
