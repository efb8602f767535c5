"""Which held-out variants gate a score, and on whose word: a verified reveal, or a choice as given.

| given | what counts | shown by |
|---|---|---|
| the public folder of a draw | what it revealed, for submissions frozen as they are | signatures |
| base=variant | that | nothing: taken at its word |
| nothing | the ruleset's published choice, where it has one | the ruleset's file |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kit.errors import UsageError, VerificationError
from kit.records.held_out import Revealed, load_reveal
from kit.records.signing import PublicKey
from kit.rules.held_out import shown_choice
from kit.rules.ruleset import Ruleset
from kit.scoring.reading.evidence import Evidence
from kit.scoring.rules import ScoringRules

Chosen = Mapping[str, str] | Path  # variants by base workload, or the public folder of a draw
Source = Literal["a verified reveal", "taken at its word", "the ruleset's published choice", "none"]


@dataclass(frozen=True)
class HeldOutChoice:
    """The variants that count, and where they come from."""

    variants: Mapping[str, str] | None  # None: the ruleset's published choice
    source: Source
    revealed: Revealed | None = None


def held_out_choice(
    ruleset: Ruleset,
    chosen: Chosen | None,
    *,
    commit_sha256: str | None = None,
    trusted: Sequence[PublicKey] | None = None,
) -> HeldOutChoice:
    """Return what counts.

    Args:
        ruleset: that is scored.
        chosen: what the user gave.
        commit_sha256: the draw must have begun with this `commit.json`.
        trusted: the draw must be signed by one of these keys; with None, any key will do.

    Raises:
        UsageError: a digest was given without a draw.
        VerificationError: the draw does not verify, or is another one.
    """
    if isinstance(chosen, Path):
        revealed = load_reveal(chosen, ruleset, trusted=trusted)
        if commit_sha256 is not None and revealed.commit_sha256 != commit_sha256:
            raise VerificationError(
                f"{chosen}: another draw: the sha256 of its commit.json is "
                f"{revealed.commit_sha256}. Received: --commit={commit_sha256}."
            )
        return HeldOutChoice(revealed.choice, "a verified reveal", revealed)
    if commit_sha256 is not None:
        raise UsageError(
            "--commit says which draw it must be, so it goes with the public folder of a draw: "
            "--held-out FOLDER."
        )
    if chosen is not None:
        return HeldOutChoice(chosen, "taken at its word" if chosen else "none")
    published = bool(ruleset.held_out and ruleset.held_out.published_choice)
    return HeldOutChoice(None, "the ruleset's published choice" if published else "none")


def check_frozen(
    revealed: Revealed,
    evidence: Iterable[Evidence],
    rules: ScoringRules,
    *,
    without: Sequence[str] = (),
    unverified: bool = False,
) -> list[str]:
    """Check that whatever is scored ran as it was frozen, records that are gone included.

    Returns:
        What does not match, where that is allowed.

    Raises:
        VerificationError: a submission was not frozen, or was changed since, and `unverified` is
            false.
    """
    versions = {
        (which.submission, which.submission_sha256)
        for part in evidence
        for which in (attempt.identification for attempt in part.attempts)
        if which.ruleset == rules.ruleset and which.submission not in without
        if (key := rules.split(which.workload_label)) and rules.counts(*key)
    }
    notices = []
    for submission, sha256 in sorted(versions):
        try:
            revealed.require_frozen(submission, sha256)
        except VerificationError as error:
            if not unverified:
                raise VerificationError(
                    f"{error} It cannot be scored by this draw: leave its results out, or "
                    "--unverified scores it all the same and says so."
                ) from None
            notices.append(f"UNVERIFIED: {error}")
    return notices


def provenance(choice: HeldOutChoice) -> str | None:
    """Return what records' scores say about their held-out variants; None where there are none."""
    if choice.revealed is not None:
        found = choice.revealed
        return (
            f"{shown_choice(found.choice)}: by a verified reveal. The sha256 of its commit.json is "
            f"{found.commit_sha256}, that of its last freeze {found.freeze_sha256}, signed by the "
            f"key {found.key.key_id}: compare them with those that were published in time."
        )
    if choice.source == "taken at its word":
        return (
            f"{shown_choice(choice.variants or {})}: taken at its word. Nothing shows that they "
            "were drawn after submissions froze; the public folder of a draw does: --held-out "
            "FOLDER."
        )
    return None


def about_no_choice(ruleset: Ruleset, choice: HeldOutChoice) -> list[str]:
    """Return the notice that a ruleset's policy for held-out variants is not applied."""
    if ruleset.held_out is None or choice.source != "none":
        return []
    why = "no choice was given" if choice.variants is None else "`none` was given"
    return [
        f"No held-out variants: ruleset {ruleset.name} has a policy for them, and {why} "
        "(--held-out with the public folder of a draw, or base=variant), so nothing is gated by "
        "variants."
    ]
