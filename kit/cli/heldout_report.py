"""What `kit heldout check` looks at, and how it tells what it found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit import paths, registry
from kit.errors import UsageError
from kit.records.held_out import Examination, default_folder, examine, read_public_folder
from kit.records.signing import local_keys, parse_public_key
from kit.rules.held_out import shown_choice
from kit.rules.ruleset import load_ruleset
from kit.rules.submission import DEFAULT_LIMITS, load_submission

_MARKS = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}


@dataclass(frozen=True)
class Question:
    """The arguments of the command."""

    folder: Path | None
    ruleset: str | None
    submission: str | None
    trusted_keys: tuple[str, ...]


def look(question: Question) -> tuple[Path, Examination]:
    """Examine the public files; return where they lie and what was found.

    Raises:
        UsageError: there is no such folder, or neither folder nor ruleset is given.
    """
    expected = load_ruleset(question.ruleset) if question.ruleset else None
    if question.folder is None and expected is None:
        raise UsageError("Say which draw to check: --folder FOLDER, or --ruleset NAME.")
    folder = question.folder or default_folder(expected.name if expected else "")
    files = read_public_folder(folder)
    if not any(name.endswith(".json") for name in files):
        raise UsageError(f"{folder} holds no statement about held-out variants.")
    found = examine(
        files,
        expected=expected,
        trusted=[*map(parse_public_key, question.trusted_keys), *local_keys(paths.config_root())],
        must_trust=bool(question.trusted_keys),
    )
    if expected is None:
        _compare_with_own(found)
    if question.submission:
        _look_for(found, question.submission)
    return folder, found


def _compare_with_own(found: Examination) -> None:
    """Add whether the ruleset is the one of that name in this kit."""
    if found.commit is None or found.ruleset is None:
        return
    name = found.ruleset.name
    if name not in registry.ruleset_names():
        text = f"This kit has no ruleset {name!r}; read whether you accept its numbers."
    elif load_ruleset(name).sha256 != found.ruleset.sha256:
        text = f"Not the same as {name!r} in this kit; read what differs."
    else:
        found.add("ruleset", "ok", f"{name}.yaml", f"The same as {name!r} in this kit.")
        return
    found.add("ruleset", "note", f"{name}.yaml", text)


def _look_for(found: Examination, name_or_folder: str) -> None:
    limits = found.ruleset.submission_limits if found.ruleset else DEFAULT_LIMITS
    submission = load_submission(name_or_folder, limits)
    name, digest = submission.name, submission.sha256
    file = found.freezes[-1].file if found.freezes else "freeze-1.json"
    if name not in found.frozen:
        text = f"Submission {name!r} ({digest}) is not among the frozen."
        found.add("submission", "problem", file, text)
    elif found.frozen[name] != digest:
        text = f"Submission {name!r} was changed: frozen was {found.frozen[name]}, it is {digest}."
        found.add("submission", "problem", file, text)
    else:
        text = f"Submission {name!r} is as it was frozen: {digest}."
        found.add("submission", "ok", file, text)


def sentences(folder: Path, found: Examination) -> Iterator[str]:
    """Yield the verdict, and a line for each fact."""
    if not found.ok:
        yield f"DOES NOT MATCH: {folder}"
    elif found.choice is None:
        yield f"VERIFIED SO FAR: {folder}"
    else:
        yield f"VERIFIED: {shown_choice(found.choice)}"
    yield ""
    for finding in found.findings:
        yield f"  {_MARKS[finding.status]}  {finding.file}: {finding.sentence}"
    yield ""
    yield "The files alone do not prove when they were made: compare the sha256 of commit and last"
    yield "freeze with those that somebody else saw before the public value could be known."


def as_dict(folder: Path, found: Examination) -> dict[str, Any]:
    """Return what was found as plain JSON."""
    commit, reveal, signer = found.commit, found.reveal, found.signer
    return {
        "folder": str(folder),
        "ok": found.ok,
        "ruleset": commit.said.ruleset if commit else None,
        "commit_sha256": commit.sha256 if commit else None,
        "freeze_sha256": found.freezes[-1].sha256 if found.freezes else None,
        "reveal_sha256": reveal.sha256 if reveal else None,
        "public_value_will_be": commit.said.public_value_will_be if commit else None,
        "public_value": reveal.said.public_value if reveal else None,
        "frozen": dict(found.frozen),
        "choice": dict(found.choice) if found.choice is not None else None,
        "signed_by": None
        if signer is None
        else {"name": signer.name, "public_key": signer.key.hex, "trusted": signer.trusted},
        "findings": [finding.__dict__ for finding in found.findings],
    }
