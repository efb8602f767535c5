"""What the public files prove together: every fact is recomputed, every mismatch is named."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kit.errors import InvalidFile, VerificationError
from kit.records.findings import Finding, Signer, Status
from kit.records.held_out.statements import (
    COMMIT,
    REVEAL,
    Commit,
    Freeze,
    Reveal,
    SaidT,
    Statement,
    freeze_file,
    open_statement,
    ruleset_file,
)
from kit.records.signing import PublicKey
from kit.rules.held_out import choose_variants, shown_choice
from kit.rules.ruleset import Ruleset, parse_ruleset
from kit.rules.seeds import commitment

_FREEZE_FILE = re.compile(r"freeze-([1-9][0-9]{0,3})\.json")


@dataclass
class Examination:
    """What was read and found so far; `choice` is recomputed, and set only where it matches."""

    files: Mapping[str, bytes] = field(repr=False)
    findings: list[Finding] = field(default_factory=list)
    commit: Statement[Commit] | None = None
    signer: Signer | None = None
    ruleset: Ruleset | None = None  # from the file beside the statements
    freezes: list[Statement[Freeze]] = field(default_factory=list)
    reveal: Statement[Reveal] | None = None
    choice: Mapping[str, str] | None = None

    @property
    def problems(self) -> list[Finding]:
        """Return what does not match."""
        return [finding for finding in self.findings if finding.status == "problem"]

    @property
    def ok(self) -> bool:
        """Tell whether everything that is there matches."""
        return not self.problems

    @property
    def frozen(self) -> Mapping[str, str]:
        """Return the digest of each frozen submission, by name."""
        return self.freezes[-1].digests if self.freezes else {}

    def add(self, check: str, status: Status, file: str, sentence: str) -> None:
        """Add one finding."""
        self.findings.append(Finding(check, status, file, sentence))

    def require_ok(self, folder: Path) -> None:
        """Refuse whatever does not match.

        Raises:
            VerificationError: the first problem, in one line.
        """
        if self.problems:
            first, *others = self.problems
            more = f" ({len(others)} more: `kit heldout check`.)" if others else ""
            raise VerificationError(f"{folder / first.file}: {first.sentence}{more}")


def examine(
    files: Mapping[str, bytes],
    *,
    expected: Ruleset | None = None,
    trusted: Sequence[PublicKey] = (),
    must_trust: bool = False,
) -> Examination:
    """Check all that the content of the public files, by name, can prove.

    Args:
        files: as `read_public_folder` returns them.
        expected: the ruleset that the caller goes by; another one is a problem.
        trusted: keys whose owner the caller knows.
        must_trust: another key is then a problem, not a note.
    """
    state = Examination(files)
    state.commit = _open(state, COMMIT, Commit)
    if state.commit is None:
        return state
    digest = state.commit.sha256
    state.add("commit", "ok", COMMIT, f"Signed, and as it was signed. Its sha256 is {digest}.")
    _check_signer(state, state.commit, trusted, must_trust=must_trust)
    _check_ruleset(state, state.commit, expected)
    _check_freezes(state, state.commit)
    _check_reveal(state, state.commit)
    return state


def _open(state: Examination, file: str, kind: type[SaidT]) -> Statement[SaidT] | None:
    if file not in state.files:
        state.add("files", "problem", file, "The file is missing.")
        return None
    try:
        return open_statement(state.files[file], kind, file)
    except VerificationError as error:
        state.add("signature", "problem", file, str(error))
        return None


def _check_signer(
    state: Examination,
    commit: Statement[Commit],
    trusted: Sequence[PublicKey],
    *,
    must_trust: bool,
) -> None:
    state.signer = signer = Signer.of(commit.key, trusted)
    if signer.trusted:
        state.add("key", "ok", COMMIT, f"Signed by {signer.name}, a key that you trust.")
        return
    text = f"Unknown key {commit.key.hex}: what it signed is unchanged, but whose it is, ask others"
    state.add("key", "problem" if must_trust else "note", COMMIT, f"{text}.")


def _check_ruleset(state: Examination, commit: Statement[Commit], expected: Ruleset | None) -> None:
    file = ruleset_file(commit.said.ruleset)
    digest = commit.digests.get(file)
    if digest is None or len(commit.digests) != 1:
        state.add("ruleset", "problem", COMMIT, f"It must be about {file} alone.")
        return
    if expected is not None and expected.sha256 != digest:
        text = (
            f"The commitment is about ruleset {commit.said.ruleset!r} with the sha256 {digest}, "
            f"not about this {expected.name!r} with {expected.sha256}."
        )
        state.add("ruleset", "problem", COMMIT, text)
    if file not in state.files:
        state.add("ruleset", "problem", file, "The ruleset's file is missing.")
    elif hashlib.sha256(state.files[file]).hexdigest() != digest:
        text = f"Not the ruleset that was committed to: its sha256 is not {digest}."
        state.add("ruleset", "problem", file, text)
    else:
        try:
            state.ruleset = parse_ruleset(state.files[file], Path(file))
        except InvalidFile as error:
            state.add("ruleset", "problem", file, f"This kit cannot read it: {error}")
            return
        text = f"The ruleset as it was committed to: its sha256 is {digest}."
        state.add("ruleset", "ok", file, text)


def _check_freezes(state: Examination, commit: Statement[Commit]) -> None:
    numbers = [int(m[1]) for name in state.files if (m := _FREEZE_FILE.fullmatch(name))]
    before: Statement[Commit] | Statement[Freeze] = commit
    for number in range(1, max(numbers, default=0) + 1):
        freeze = _open(state, freeze_file(number), Freeze)
        if freeze is None:
            return
        problems = [*_follows(freeze, before, commit), *_grows(freeze, before, number)]
        for text in problems:
            state.add("freeze", "problem", freeze.file, text)
        if not problems:
            names = ", ".join(freeze.digests)
            text = (
                f"Frozen: {names}. Signed by the same key, after {before.file}, at "
                f"{freeze.said.time} by its clock. Its sha256 is {freeze.sha256}."
            )
            state.add("freeze", "ok", freeze.file, text)
        state.freezes.append(freeze)
        before = freeze
    if not state.freezes and REVEAL not in state.files:
        state.add("freeze", "note", freeze_file(1), "No submission is frozen yet.")


def _follows(
    statement: Statement[Freeze] | Statement[Reveal],
    before: Statement[Commit] | Statement[Freeze],
    commit: Statement[Commit],
) -> list[str]:
    """Return why `statement` cannot have come after `before` by the same hand."""
    problems = []
    if statement.key.hex != commit.key.hex:
        problems.append(f"Signed by another key than {COMMIT}.")
    if statement.said.ruleset != commit.said.ruleset:
        problems.append(f"About another ruleset than {COMMIT}: {statement.said.ruleset}.")
    if statement.said.previous != before.sha256:
        problems.append(
            f"It does not follow {before.file}, whose sha256 is {before.sha256}: it names "
            f"{statement.said.previous}."
        )
    if statement.said.time < before.said.time:
        problems.append(f"Its time {statement.said.time} is before {before.said.time}.")
    return problems


def _grows(
    freeze: Statement[Freeze], before: Statement[Commit] | Statement[Freeze], number: int
) -> list[str]:
    """Return what is wrong with the list of a freeze, given the statement before it."""
    frozen = {} if isinstance(before.said, Commit) else before.digests
    problems = [
        f"Submission {name!r}, frozen before, was removed or replaced."
        for name, digest in frozen.items()
        if freeze.digests.get(name) != digest
    ]
    if not freeze.digests.keys() - frozen.keys():
        problems.append("It freezes no new submission.")
    if freeze.said.number != str(number):
        problems.append(f"Its number is {freeze.said.number}, not {number}.")
    return problems


def _check_reveal(state: Examination, commit: Statement[Commit]) -> None:
    if REVEAL not in state.files:
        state.add("reveal", "note", REVEAL, "Nothing is revealed yet.")
        return
    reveal = _open(state, REVEAL, Reveal)
    if reveal is None:
        return
    if not state.freezes:
        state.add("reveal", "problem", REVEAL, "Revealed although no sound freeze is there.")
        return
    problems = _follows(reveal, state.freezes[-1], commit)
    if reveal.digests != commit.digests:
        problems.append(f"Not about the same ruleset's file as {COMMIT}.")
    for text in problems:
        state.add("reveal", "problem", REVEAL, text)
    if not problems:
        text = (
            f"Signed by the same key, after {state.freezes[-1].file}, at {reveal.said.time} by its "
            f"clock. Its sha256 is {reveal.sha256}."
        )
        state.add("reveal", "ok", REVEAL, text)
    state.reveal = reveal
    _check_choice(state, commit, reveal)


def _check_choice(state: Examination, commit: Statement[Commit], reveal: Statement[Reveal]) -> None:
    nonce = bytes.fromhex(reveal.said.nonce)
    if commitment(nonce) != commit.said.commitment:
        text = f"The nonce is not the one committed to: its sha256 is not {commit.said.commitment}."
        state.add("commitment", "problem", REVEAL, text)
        return
    state.add("commitment", "ok", REVEAL, "The nonce is the one that was committed to.")
    text = (
        f"The public value is {reveal.said.public_value!r}; promised was "
        f"{commit.said.public_value_will_be!r}. Look it up, and that it was unknown when "
        f"{state.freezes[-1].file} was published."
    )
    state.add("public value", "note", REVEAL, text)
    if state.ruleset is None:
        return
    if state.ruleset.held_out is None:
        text = "The ruleset has no held-out variants to choose from."
        state.add("choice", "problem", ruleset_file(commit.said.ruleset), text)
        return
    choice = choose_variants(
        state.ruleset.held_out,
        nonce=nonce,
        frozen=state.frozen,
        public_value=reveal.said.public_value,
    )
    if shown_choice(choice) != reveal.said.choice:
        text = f"The choice was altered: recomputed it is {shown_choice(choice)}."
        state.add("choice", "problem", REVEAL, text)
        return
    state.add("choice", "ok", REVEAL, f"The choice, recomputed: {shown_choice(choice)}.")
    state.choice = choice if state.ok else None
