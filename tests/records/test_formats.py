"""Records that grow: old formats stay readable, each format has exactly its own fields."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from kit import paths
from kit.errors import InvalidFile
from kit.records import files
from kit.records.files import decode_record, encode_record
from kit.records.formats import Since
from kit.records.record import RulesRecord, TrialRecord
from kit.records.verify import verify_record
from tests.records.factory import FORMAT_1, FORMAT_2, Results, Trial, make_trial

PATH = Path("trial.json")
OLD = make_trial(format=FORMAT_1).record
NEW = make_trial().record
REMOVED = object()
PUBLISHED = sorted((paths.PROJECT / "benchmarks").rglob("trial.json"))


class GrownRules(RulesRecord):
    """Rules with a field that format 3 added."""

    patience: Annotated[int | None, Since(3)] = None


class Grown(TrialRecord):
    """A record with fields that format 3 added, as a later version of the kit would declare it."""

    format: Literal["stopwatch/trial/1", "stopwatch/trial/2", "stopwatch/trial/3"] = (
        "stopwatch/trial/3"
    )
    rules: GrownRules
    colour: Annotated[str | None, Since(3)] = None


def text_of(record: TrialRecord, **changes: Any) -> bytes:
    """Return `trial.json` with changes; None removes a field."""
    content = json.loads(encode_record(record)) | changes
    kept = {name: value for name, value in content.items() if value is not REMOVED}
    return json.dumps(kept, indent=2).encode() + b"\n"


@pytest.mark.parametrize(
    "path", PUBLISHED, ids=lambda path: "/".join(path.relative_to(paths.PROJECT).parts[1:-1])
)
def test_published_records_verify(path: Path) -> None:
    report = verify_record(path.parent)
    assert not report.problems
    assert report.record is not None
    assert encode_record(report.record) == path.read_bytes()


def test_there_are_published_records_of_format_1() -> None:
    assert len(PUBLISHED) >= 46
    assert b"stopwatch/trial/1" in PUBLISHED[0].read_bytes()


def test_each_format_is_read_as_it_was_written() -> None:
    for record in (OLD, NEW):
        assert repr(decode_record(encode_record(record), PATH)) == repr(record)
    assert not FORMAT_2.keys() & json.loads(encode_record(OLD)).keys()
    assert FORMAT_2.keys() < json.loads(encode_record(NEW)).keys()


@pytest.mark.parametrize(
    ("record", "changes", "message"),
    [
        (OLD, {"precision": "float32"}, "precision: format 1 has no such field; it ex"),
        (OLD, {"precision": None}, "precision: format 1 has no such field"),
        (NEW, {"precision": REMOVED}, "precision: format 2 requires this field"),
        (NEW, {"precision": None}, "precision: format 2 requires this field"),
        (NEW, {"colour": "red"}, "colour: Extra inputs are not permitted"),
        (OLD, {"colour": "red"}, "colour: Extra inputs are not permitted"),
        (NEW, {"format": "stopwatch/trial/1"}, "rules.schedule: format 1 has no such field"),
        (
            NEW,
            {"format": "stopwatch/trial/3", "colour": "red"},
            "format: written by a newer kit. This one reads stopwatch/trial/1, stopwatch/trial/2. "
            "Received: 'stopwatch/trial/3'. Update the kit.",
        ),
        (NEW, {"format": "stopwatch/trial/02"}, "format: Input should be "),
        (NEW, {"format": 2}, "format: Input should be "),
    ],
)
def test_a_record_has_exactly_the_fields_of_its_format(
    record: TrialRecord, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidFile) as caught:
        decode_record(text_of(record, **changes), PATH)
    assert f"trial.json: {message}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_field_of_the_next_format_leaves_older_records_valid(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = [make_trial(trial=1), make_trial(trial=2, format=FORMAT_1)]
    folders = [results.run(trial).folder for trial in older]
    monkeypatch.setattr(files, "TrialRecord", Grown)
    third = make_trial(trial=3)
    fields = dict(third.record)
    rules = GrownRules(**dict(fields["rules"]), patience=7)
    grown = Grown(**fields | {"format": "stopwatch/trial/3", "rules": rules, "colour": "red"})
    folders.append(results.run(Trial(grown, third.evaluations)).folder)
    for folder in folders:
        assert not verify_record(folder).problems
    for missing in ({"colour": REMOVED}, {"rules": json.loads(encode_record(grown))["rules"]}):
        if "rules" in missing:
            del missing["rules"]["patience"]
        with pytest.raises(InvalidFile, match=r"(colour|rules.patience): format 3 requires"):
            decode_record(text_of(grown, **missing), PATH)
    with pytest.raises(InvalidFile, match=r"rules.patience: format 2 has no such field"):
        decode_record(text_of(grown, format="stopwatch/trial/2", colour=REMOVED), PATH)
