"""The organiser's three steps: commit, freeze, reveal. Each leaves one new file, or nothing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from kit.errors import TrialError, UsageError
from kit.records.atomic import create_atomic, disk_errors
from kit.records.held_out.conditions import (
    Organiser,
    begun,
    check_description,
    committed,
    digests_of,
    last_statement,
    later,
    refuse_replacement,
    refuse_used_folder,
    require_commit,
)
from kit.records.held_out.nonce import commitment_of, create_nonce, load_nonce
from kit.records.held_out.public_folder import held
from kit.records.held_out.statements import (
    COMMIT,
    REVEAL,
    Commit,
    Freeze,
    Reveal,
    Said,
    Statement,
    freeze_file,
    open_statement,
    ruleset_file,
    sign_statement,
)
from kit.rules.held_out import check_public_value, choose_variants, policy_of, shown_choice
from kit.rules.ruleset import Ruleset
from kit.rules.submission import Submission
from kit.schema.strict_yaml import read_bytes


def commit(
    folder: Path, *, ruleset: Ruleset, public_value_will_be: str, organiser: Organiser
) -> Statement[Commit]:
    """Draw a nonce, keep it, and publish its hash in `folder`.

    Raises:
        NotAvailable: the ruleset has no held-out variants.
        UsageError: something was committed to there already, or the description is unusable.
        TrialError: a file cannot be written; nothing was committed to.
    """
    policy_of(ruleset)
    check_description(public_value_will_be)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with held(folder):
        refuse_used_folder(folder)
        # First the nonce: a kill in between leaves a nonce that was promised to nobody, no more.
        nonce = create_nonce(organiser.config, ruleset.name)
        try:
            digests = _copy_ruleset(folder, ruleset)
            said = Commit(
                ruleset=ruleset.name,
                time=organiser.now(),
                commitment=commitment_of(nonce),
                public_value_will_be=public_value_will_be,
            )
            data = _publish(folder / COMMIT, said, digests, organiser)
        except BaseException:
            if not os.path.lexists(folder / COMMIT):
                nonce.unlink(missing_ok=True)
            raise
    return open_statement(data, Commit, COMMIT)


def freeze(
    folder: Path, *, ruleset: Ruleset, submissions: Sequence[Submission], organiser: Organiser
) -> tuple[Statement[Freeze], list[str]]:
    """Record the digests of all submissions frozen so far, and of these.

    Returns:
        The statement, and the names that it adds; none where all of them were frozen before.

    Raises:
        UsageError: nothing is committed to, it was revealed already, or a submission occurs twice
            or was frozen differently.
        VerificationError: what is in `folder` does not match.
        TrialError: the statement cannot be written.
    """
    policy_of(ruleset)
    new = digests_of(submissions)
    require_commit(folder)
    with held(folder):
        state = begun(folder, ruleset, organiser)
        if state.reveal is not None:
            raise UsageError(
                f"{folder / REVEAL} is there: the held-out variants are revealed, so nothing can "
                "be frozen any more. A new draw takes another --folder."
            )
        refuse_replacement(state, new)
        added = sorted(new.keys() - state.frozen.keys())
        if not added:
            return state.freezes[-1], []
        number = len(state.freezes) + 1
        said = Freeze(
            ruleset=ruleset.name,
            time=later(state, organiser),
            number=str(number),
            previous=last_statement(state).sha256,
        )
        file = freeze_file(number)
        data = _publish(folder / file, said, {**state.frozen, **new}, organiser)
    return open_statement(data, Freeze, file), added


def reveal(
    folder: Path, *, ruleset: Ruleset, public_value: str, organiser: Organiser
) -> Statement[Reveal]:
    """Open the nonce and publish which variants follow; the same value again changes nothing.

    Raises:
        UsageError: nothing is committed to or frozen, the nonce is not there, or another public
            value was revealed before.
        VerificationError: what is in `folder` does not match.
        TrialError: the statement cannot be written.
    """
    policy = policy_of(ruleset)
    check_public_value(public_value)
    require_commit(folder)
    with held(folder):
        state = begun(folder, ruleset, organiser)
        if state.reveal is not None:
            return _same_reveal(folder, state.reveal, public_value)
        if not state.freezes:
            raise UsageError(
                f"{folder}: no submission is frozen, and the choice depends on all of them. Run "
                "`kit freeze` first."
            )
        promised = committed(state).said.commitment
        nonce = load_nonce(organiser.config, ruleset.name, promised)
        choice = choose_variants(
            policy, nonce=nonce, frozen=state.frozen, public_value=public_value
        )
        said = Reveal(
            ruleset=ruleset.name,
            time=later(state, organiser),
            nonce=nonce.hex(),
            public_value=public_value,
            choice=shown_choice(choice),
            previous=last_statement(state).sha256,
        )
        data = _publish(folder / REVEAL, said, committed(state).digests, organiser)
    return open_statement(data, Reveal, REVEAL)


def _copy_ruleset(folder: Path, ruleset: Ruleset) -> dict[str, str]:
    """Put the ruleset's file beside the statements, so that they can be checked without the kit's.

    Returns:
        The digest by the file's name, as statements give it.
    """
    file = ruleset_file(ruleset.name)
    content = read_bytes(ruleset.path) if ruleset.path else b""
    if hashlib.sha256(content).hexdigest() != ruleset.sha256:
        raise UsageError(f"{ruleset.path} was changed while it was read. Repeat.")
    try:
        create_atomic(folder / file, content)
    except FileExistsError:
        if read_bytes(folder / file) != content:
            raise UsageError(
                f"{folder / file} is another file than the ruleset. Remove it, or choose another "
                "--folder."
            ) from None
    return {file: ruleset.sha256}


def _publish(path: Path, said: Said, digests: Mapping[str, str], organiser: Organiser) -> bytes:
    """Write a signed statement, never over an existing one; return its content."""
    data = sign_statement(said, digests, organiser.key)
    try:
        create_atomic(path, data)
    except FileExistsError:
        raise TrialError(f"{path} was written by somebody else just now. Repeat.") from None
    return data


def _same_reveal(folder: Path, revealed: Statement[Reveal], public_value: str) -> Statement[Reveal]:
    if revealed.said.public_value != public_value:
        raise UsageError(
            f"{folder / REVEAL} is there, with the public value {revealed.said.public_value!r}. A "
            "reveal happens once; another public value is refused."
        )
    return revealed
