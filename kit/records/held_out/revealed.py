"""What others build on: the revealed variants, and which submissions were frozen before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kit.errors import UsageError, VerificationError
from kit.records.held_out.examination import examine
from kit.records.held_out.public_folder import read_public_folder
from kit.records.held_out.statements import REVEAL
from kit.records.signing import PublicKey
from kit.rules.ruleset import Ruleset


@dataclass(frozen=True)
class Revealed:
    """A reveal of which everything was verified."""

    ruleset: str
    ruleset_sha256: str
    choice: Mapping[str, str]  # base workload -> the variant that counts
    frozen: Mapping[str, str]  # submission -> digest
    public_value: str
    commit_sha256: str
    freeze_sha256: str  # of the last freeze
    reveal_sha256: str
    key: PublicKey  # its name is what the signer calls it: a claim

    def require_frozen(self, submission: str, sha256: str) -> None:
        """Refuse a submission that was not frozen as it is.

        Args:
            submission: its name.
            sha256: its digest, as `Submission.sha256` and records state it.

        Raises:
            VerificationError: it was not frozen, or was changed since.
        """
        if submission not in self.frozen:
            raise VerificationError(
                f"Submission {submission!r} was not frozen before the held-out variants of ruleset "
                f"{self.ruleset!r} were revealed. Frozen are: {', '.join(self.frozen)}."
            )
        if self.frozen[submission] != sha256:
            raise VerificationError(
                f"Submission {submission!r} is not as it was frozen: its digest is {sha256}, "
                f"frozen was {self.frozen[submission]}."
            )


def load_reveal(
    folder_or_file: Path, ruleset: Ruleset, *, trusted: Sequence[PublicKey] | None = None
) -> Revealed:
    """Read the public folder of a draw, or its `reveal.json`, and verify everything in it.

    Args:
        folder_or_file: where the statements lie.
        ruleset: what the caller goes by; the commitment must be about the same file.
        trusted: the key must be one of these; with None, any key will do.

    Raises:
        VerificationError: something is missing or does not match.
    """
    folder = folder_or_file if folder_or_file.is_dir() else folder_or_file.parent
    try:
        files = read_public_folder(folder)
    except UsageError as error:
        raise VerificationError(str(error)) from None
    found = examine(files, expected=ruleset, trusted=trusted or (), must_trust=trusted is not None)
    found.require_ok(folder)
    if found.commit is None or found.reveal is None or found.choice is None:
        raise VerificationError(
            f"{folder / REVEAL}: nothing is revealed yet, so no held-out variant counts. The "
            "organiser runs `kit heldout reveal` once all submissions are frozen."
        )
    return Revealed(
        ruleset=ruleset.name,
        ruleset_sha256=ruleset.sha256,
        choice=found.choice,
        frozen=found.frozen,
        public_value=found.reveal.said.public_value,
        commit_sha256=found.commit.sha256,
        freeze_sha256=found.freezes[-1].sha256,
        reveal_sha256=found.reveal.sha256,
        key=found.commit.key,
    )
