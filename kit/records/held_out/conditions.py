"""What must hold before a step is taken; each refusal is one line."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kit.errors import TrialError, UsageError, VerificationError
from kit.records.held_out.examination import Examination, examine
from kit.records.held_out.public_folder import read_public_folder
from kit.records.held_out.statements import (
    COMMIT,
    MAX_DESCRIPTION_CHARACTERS,
    Commit,
    Freeze,
    Statement,
)
from kit.records.ledger import utc_now
from kit.records.signing import SigningKey
from kit.rules.ruleset import Ruleset
from kit.rules.submission import Submission


@dataclass(frozen=True)
class Organiser:
    """Who takes the steps: a signing key, a private folder, and a clock."""

    key: SigningKey
    config: Path
    now: Callable[[], str] = utc_now


def check_description(text: str) -> None:
    if text.isprintable() and text.strip() and len(text) <= MAX_DESCRIPTION_CHARACTERS:
        return
    raise UsageError(
        f"Say in one line of at most {MAX_DESCRIPTION_CHARACTERS} characters which public value "
        "will be used, so exactly that there is only one: 'Bitcoin block hash at height 990000, "
        f"hexadecimal'. Received: --public-value-will-be={text[:80]!a}."
    )


def refuse_used_folder(folder: Path) -> None:
    used = sorted(path.name for path in folder.glob("*.json"))
    if used:
        raise UsageError(
            f"{folder} holds {', '.join(used)}: a commitment is never replaced. A new draw takes "
            "another --folder."
        )


def digests_of(submissions: Sequence[Submission]) -> dict[str, str]:
    """Return the digest of each submission by its name, sorted."""
    if not submissions:
        raise UsageError("Nothing to freeze: name at least one submission, or its folder.")
    folders: dict[str, Path] = {}
    for submission in submissions:
        if submission.name in folders:
            raise UsageError(
                f"Submission {submission.name!r} is given twice: {folders[submission.name]} and "
                f"{submission.folder}. Give each once; names must differ."
            )
        folders[submission.name] = submission.folder
    return {submission.name: submission.sha256 for submission in submissions}


def require_commit(folder: Path) -> None:
    if not os.path.lexists(folder / COMMIT):
        raise UsageError(
            f"{folder} holds no {COMMIT}: the nonce is committed to before anything is frozen or "
            "revealed. Run `kit heldout commit` first, or give its --folder."
        )


def begun(folder: Path, ruleset: Ruleset, organiser: Organiser) -> Examination:
    """Return what is in `folder` where all of it matches and is this organiser's."""
    state = examine(read_public_folder(folder), expected=ruleset)
    state.require_ok(folder)
    key = committed(state).key
    if key.hex != organiser.key.public.hex:
        raise UsageError(
            f"{folder / COMMIT} was signed by another key, {key.name!a} with the id {key.key_id}; "
            f"this is {organiser.key.name!r} with {organiser.key.key_id}. Choose it with "
            "STOPWATCH_KEY."
        )
    return state


def committed(state: Examination) -> Statement[Commit]:
    if state.commit is None:
        raise VerificationError(f"{COMMIT} is missing.")
    return state.commit


def last_statement(state: Examination) -> Statement[Commit] | Statement[Freeze]:
    return state.freezes[-1] if state.freezes else committed(state)


def refuse_replacement(state: Examination, new: Mapping[str, str]) -> None:
    for name, digest in new.items():
        if state.frozen.get(name, digest) != digest:
            raise UsageError(
                f"Submission {name!r} was frozen with the digest {state.frozen[name]} and is "
                f"{digest} now. What is frozen is never replaced: restore it, or freeze it under "
                "another name."
            )


def later(state: Examination, organiser: Organiser) -> str:
    """Return the time, which must not be before that of the last statement."""
    now, before = organiser.now(), last_statement(state)
    if now < before.said.time:
        raise TrialError(
            f"This machine's clock says {now}, but {before.file} was signed at "
            f"{before.said.time}. Set the clock, then repeat."
        )
    return now
