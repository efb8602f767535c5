"""Anyone can check a draw from its public files; every tampering is found and named."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.errors import VerificationError
from kit.records.attestation import open_envelope
from kit.records.held_out import Examination, Revealed, examine, load_reveal, read_public_folder
from kit.records.held_out.statements import (
    Commit,
    Freeze,
    Reveal,
    Said,
    Statement,
    open_statement,
)
from kit.rules.held_out import choose_variants, policy_of, shown_choice
from tests.records.held_out import PUBLIC_VALUE, Draw, ruleset_text

KINDS: dict[str, type[Said]] = {
    "commit.json": Commit,
    "freeze-1.json": Freeze,
    "freeze-2.json": Freeze,
    "reveal.json": Reveal,
}


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    return Draw(tmp_path).finished()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Draw:
    """A finished draw that no test changes."""
    return Draw(tmp_path_factory.mktemp("sound")).finished()


def found(draw: Draw) -> Examination:
    return examine(read_public_folder(draw.folder), expected=draw.ruleset)


def statement(draw: Draw, file: str) -> Statement[Said]:
    return open_statement((draw.folder / file).read_bytes(), KINDS[file], file)


def problems(draw: Draw) -> list[str]:
    """Return what is wrong; the API for others refuses whenever something is."""
    told = [f"{finding.file}: {finding.sentence}" for finding in found(draw).problems]
    if told:
        with pytest.raises(VerificationError) as caught:
            load_reveal(draw.folder, draw.ruleset)
        assert "\n" not in str(caught.value)
        assert told[0].partition(": ")[2] in str(caught.value)
    return told


def test_every_fact_has_a_line(sound: Draw) -> None:
    lines = [(f.check, f.status, f.file) for f in found(sound).findings]

    assert lines == [
        ("commit", "ok", "commit.json"),
        ("key", "note", "commit.json"),
        ("ruleset", "ok", "tiny.yaml"),
        ("freeze", "ok", "freeze-1.json"),
        ("freeze", "ok", "freeze-2.json"),
        ("reveal", "ok", "reveal.json"),
        ("commitment", "ok", "reveal.json"),
        ("public value", "note", "reveal.json"),
        ("choice", "ok", "reveal.json"),
    ]
    text = " ".join(finding.sentence for finding in found(sound).findings)
    for file in KINDS:
        assert hashlib.sha256(sound.files()[file]).hexdigest() in text


def test_public_files_suffice(sound: Draw, tmp_path: Path) -> None:
    shutil.copytree(sound.folder, tmp_path / "copy")
    seen = examine(read_public_folder(tmp_path / "copy"))

    assert seen.ok
    assert seen.choice == found(sound).choice
    assert seen.frozen == {n: sound.submission(n).sha256 for n in ("ada", "emmy", "grace")}


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_any_change_of_one_byte_is_found(sound: Draw, data: st.DataObject) -> None:
    files = sound.files()
    file = data.draw(st.sampled_from(sorted(files)))
    content = bytearray(files[file])
    position = data.draw(st.integers(0, len(content) - 1))
    byte = data.draw(st.integers(0, 255))
    kind = data.draw(st.sampled_from(["replace", "insert", "remove", "cut"]))
    if kind == "replace":
        content[position] = byte if byte != content[position] else byte ^ 1
    elif kind == "insert":
        content.insert(position, byte)
    elif kind == "remove":
        del content[position]
    else:
        del content[position:]
    seen = examine({**files, file: bytes(content)}, expected=sound.ruleset)

    assert not seen.ok
    assert seen.choice is None
    assert any(finding.file == file for finding in seen.problems)


@pytest.mark.parametrize("file", [*KINDS, "tiny.yaml"])
def test_a_missing_file_is_named_or_nothing_counts(draw: Draw, file: str) -> None:
    (draw.folder / file).unlink()

    if file == "reveal.json":  # a draw that is not over yet
        assert problems(draw) == []
        with pytest.raises(VerificationError, match="nothing is revealed yet"):
            load_reveal(draw.folder, draw.ruleset)
    elif file == "freeze-2.json":
        assert "reveal.json: It does not follow freeze-1.json" in problems(draw)[0]
    else:
        said = "The ruleset's file is missing." if file == "tiny.yaml" else "The file is missing."
        assert problems(draw)[0] == f"{file}: {said}"


@pytest.mark.parametrize("source", KINDS)
@pytest.mark.parametrize("target", KINDS)
def test_a_statement_in_anothers_place_is_found(draw: Draw, source: str, target: str) -> None:
    if source == target:
        return
    shutil.copy(draw.folder / source, draw.folder / target)

    assert any(told.startswith(f"{target}: ") for told in problems(draw))


def test_a_statement_of_another_draw_is_found(draw: Draw, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Draw(tmp_path / "other").finished()
    for file in ("commit.json", "freeze-1.json", "reveal.json"):
        kept = (draw.folder / file).read_bytes()
        shutil.copy(other.folder / file, draw.folder / file)
        assert problems(draw), file
        (draw.folder / file).write_bytes(kept)
    assert problems(draw) == []


def test_a_record_never_passes_for_a_statement_nor_the_other_way_round(draw: Draw) -> None:
    with pytest.raises(VerificationError, match="A statement of another kind"):
        open_envelope((draw.folder / "commit.json").read_bytes())


# What somebody who holds the key can sign:


def _ruleset_edited(draw: Draw) -> None:
    (draw.folder / "tiny.yaml").write_text(ruleset_text().replace("[tanh, glu]", "[tanh]"))


def _choice(draw: Draw) -> None:
    said = statement(draw, "reveal.json").said
    assert isinstance(said, Reveal)
    other = next(c for c in ("digits: silu", "speech: glu") if c != said.choice)
    draw.forge(statement(draw, "reveal.json"), choice=other)


def _nonce(draw: Draw) -> None:
    nonce, policy = bytes(32), policy_of(draw.ruleset)
    choice = choose_variants(
        policy, nonce=nonce, frozen=found(draw).frozen, public_value=PUBLIC_VALUE
    )
    draw.forge(statement(draw, "reveal.json"), nonce=nonce.hex(), choice=shown_choice(choice))


def _public_value(draw: Draw) -> None:
    """Another value, with another outcome, but the old choice."""
    said = statement(draw, "reveal.json").said
    assert isinstance(said, Reveal)
    for number in range(100):
        choice = choose_variants(
            policy_of(draw.ruleset),
            nonce=bytes.fromhex(said.nonce),
            frozen=found(draw).frozen,
            public_value=str(number),
        )
        if shown_choice(choice) != said.choice:
            break
    draw.forge(statement(draw, "reveal.json"), public_value=str(number))


def _late_freeze(draw: Draw) -> None:
    second = statement(draw, "freeze-2.json")
    draw.forge(
        second,
        file="freeze-3.json",
        number="3",
        previous=second.sha256,
        digests={**second.digests, "late": "0" * 64},
    )


def _removed(draw: Draw) -> None:
    second = statement(draw, "freeze-2.json")
    draw.forge(second, digests={n: d for n, d in second.digests.items() if n != "ada"})


def _replaced(draw: Draw) -> None:
    second = statement(draw, "freeze-2.json")
    draw.forge(second, digests={**second.digests, "ada": "0" * 64})


def _first_freeze_only_replaced(draw: Draw) -> None:
    first = statement(draw, "freeze-1.json")
    draw.forge(first, digests={**first.digests, "zoe": "0" * 64})


def _nothing_new(draw: Draw) -> None:
    draw.forge(
        statement(draw, "freeze-2.json"), digests=dict(statement(draw, "freeze-1.json").digests)
    )


def _foreign_key(draw: Draw) -> None:
    draw.forge(statement(draw, "freeze-1.json"), key=draw.with_key("impostor").key)


def _foreign_reveal(draw: Draw) -> None:
    draw.forge(statement(draw, "reveal.json"), key=draw.with_key("impostor").key)


def _no_freeze(draw: Draw) -> None:
    (draw.folder / "freeze-1.json").unlink()
    (draw.folder / "freeze-2.json").unlink()


FORGERIES: dict[str, tuple[Callable[[Draw], None], str]] = {
    "ruleset edited": (_ruleset_edited, "tiny.yaml: Not the ruleset that was committed to"),
    "choice": (_choice, "reveal.json: The choice was altered: recomputed it is "),
    "nonce": (_nonce, "reveal.json: The nonce is not the one committed to"),
    "public value": (_public_value, "reveal.json: The choice was altered"),
    "late freeze": (_late_freeze, "reveal.json: It does not follow freeze-3.json"),
    "removed": (_removed, "freeze-2.json: Submission 'ada', frozen before, was removed or"),
    "replaced": (_replaced, "freeze-2.json: Submission 'ada', frozen before, was removed or"),
    "earlier freeze": (_first_freeze_only_replaced, "freeze-2.json: It does not follow freeze-1"),
    "nothing new": (_nothing_new, "freeze-2.json: It freezes no new submission."),
    "foreign key": (_foreign_key, "freeze-1.json: Signed by another key than commit.json."),
    "foreign reveal": (_foreign_reveal, "reveal.json: Signed by another key than commit.json."),
    "no freeze": (_no_freeze, "reveal.json: Revealed although no sound freeze is there."),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_what_a_cheating_organiser_signs_is_found(draw: Draw, name: str) -> None:
    forge, said = FORGERIES[name]
    forge(draw)

    assert any(told.startswith(said) for told in problems(draw)), problems(draw)


@pytest.mark.parametrize(
    ("file", "changes", "said"),
    [
        ("freeze-1.json", {"number": "2"}, "Its number is 2, not 1."),
        ("freeze-1.json", {"ruleset": "other"}, "About another ruleset than commit.json: other."),
        (
            "freeze-1.json",
            {"time": "2029-01-01T00:00:00.000+00:00"},
            "Its time 2029-01-01T00:00:00.000+00:00 is before",
        ),
        ("reveal.json", {"ruleset": "other"}, "About another ruleset than commit.json: other."),
        (
            "reveal.json",
            {"time": "2029-01-01T00:00:00.000+00:00"},
            "Its time 2029-01-01T00:00:00.000+00:00 is before",
        ),
        ("reveal.json", {"digests": {"tiny.yaml": "0" * 64}}, "Not about the same ruleset's file"),
        ("commit.json", {"digests": {"other.yaml": "0" * 64}}, "It must be about tiny.yaml alone."),
        (
            "commit.json",
            {"digests": {"tiny.yaml": "0" * 64, "other.yaml": "0" * 64}},
            "It must be about tiny.yaml alone.",
        ),
        ("commit.json", {"ruleset": "other"}, "It must be about other.yaml alone."),
        ("commit.json", {"time": "yesterday"}, "Not a Commit statement: time: String should match"),
        ("commit.json", {"commitment": "0"}, "Not a Commit statement: commitment: String should"),
        ("reveal.json", {"nonce": "0"}, "Not a Reveal statement: nonce: String should match"),
        ("reveal.json", {"public_value": " "}, "Not a Reveal statement: public_value: String"),
        ("freeze-1.json", {"number": "01"}, "Not a Freeze statement: number: String should match"),
    ],
)
def test_what_a_statement_may_not_say_is_named(
    draw: Draw, file: str, changes: dict[str, str], said: str
) -> None:
    draw.forge(statement(draw, file), **changes)  # type: ignore[arg-type]

    assert any(told.startswith(f"{file}: {said}") for told in problems(draw)), problems(draw)


def test_a_draw_of_another_ruleset_is_refused(draw: Draw) -> None:
    draw.ruleset = draw.ruleset.model_copy()
    draw.ruleset._sha256 = "0" * 64

    assert "not about this 'tiny' with 0000" in problems(draw)[0]


def test_a_ruleset_that_this_kit_cannot_read_is_named(draw: Draw) -> None:
    content = b"name: tiny\n"
    digests = {"tiny.yaml": hashlib.sha256(content).hexdigest()}
    draw.forge(statement(draw, "commit.json"), digests=digests)
    (draw.folder / "tiny.yaml").write_bytes(content)

    told = examine(read_public_folder(draw.folder)).problems
    assert told[0].sentence.startswith("This kit cannot read it: ")


def test_a_commitment_to_a_ruleset_without_a_policy_is_named(draw: Draw) -> None:
    content = ruleset_text("# nothing is held out").encode()
    digests = {"tiny.yaml": hashlib.sha256(content).hexdigest()}
    (draw.folder / "tiny.yaml").write_bytes(content)
    before = statement(draw, "commit.json")
    for file in KINDS:  # the whole chain, signed anew
        now = statement(draw, file)
        about = dict(now.digests) if file.startswith("freeze") else digests
        said = {} if file == "commit.json" else {"previous": before.sha256}
        draw.forge(now, digests=about, **said)
        before = statement(draw, file)

    (problem,) = examine(read_public_folder(draw.folder)).problems
    assert problem.file == "tiny.yaml"
    assert problem.sentence == "The ruleset has no held-out variants to choose from."


def test_a_trusted_key_is_known_by_name_and_another_is_refused(draw: Draw) -> None:
    files, own = draw.files(), draw.organiser.key.public
    stranger = draw.with_key("stranger").key.public

    seen = examine(files, trusted=[own], must_trust=True)
    assert seen.ok
    assert seen.findings[1].sentence == "Signed by organiser, a key that you trust."
    seen = examine(files, trusted=[stranger], must_trust=True)
    assert [finding.check for finding in seen.problems] == ["key"]
    with pytest.raises(VerificationError, match=f"Unknown key {own.hex}"):
        load_reveal(draw.folder, draw.ruleset, trusted=[stranger])
    with pytest.raises(VerificationError, match="Unknown key"):
        load_reveal(draw.folder, draw.ruleset, trusted=[])


def test_a_reveal_is_loaded_by_its_folder_or_its_file(sound: Draw, tmp_path: Path) -> None:
    by_folder = load_reveal(sound.folder, sound.ruleset)

    assert isinstance(by_folder, Revealed)
    assert load_reveal(sound.folder / "reveal.json", sound.ruleset) == by_folder
    with pytest.raises(VerificationError, match="No such file or directory"):
        load_reveal(tmp_path / "nothing" / "reveal.json", sound.ruleset)


def test_only_what_was_frozen_counts(sound: Draw) -> None:
    revealed = load_reveal(sound.folder, sound.ruleset)
    revealed.require_frozen("ada", sound.submission("ada").sha256)

    with pytest.raises(VerificationError) as caught:
        revealed.require_frozen("zoe", "0" * 64)
    assert str(caught.value) == (
        "Submission 'zoe' was not frozen before the held-out variants of ruleset 'tiny' were "
        "revealed. Frozen are: ada, emmy, grace."
    )
    with pytest.raises(VerificationError, match="'ada' is not as it was frozen: its digest is 000"):
        revealed.require_frozen("ada", "0" * 64)


def test_temporary_files_of_a_killed_step_and_strange_files_are_ignored(draw: Draw) -> None:
    (draw.folder / ".reveal.json.0123456789ab.tmp").write_bytes(b"half")
    (draw.folder / "README.md").write_text("published here and there")

    assert problems(draw) == []


def test_an_unreadable_or_huge_file_is_named(draw: Draw) -> None:
    (draw.folder / "freeze-1.json").unlink()
    (draw.folder / "freeze-1.json").mkdir()
    with pytest.raises(VerificationError, match=r"freeze-1\.json: cannot be read: Is a directory"):
        read_public_folder(draw.folder)
    (draw.folder / "freeze-1.json").rmdir()
    with (draw.folder / "freeze-1.json").open("wb") as file:
        file.truncate(5 << 20)
    with pytest.raises(VerificationError, match=r"freeze-1\.json: larger than any statement"):
        load_reveal(draw.folder, draw.ruleset)


def test_statements_are_envelopes_that_other_tools_can_read(sound: Draw) -> None:
    for content in (sound.files()[file] for file in KINDS):
        assert json.loads(content)["payloadType"] == "application/vnd.in-toto+json"
