"""Every error a user can meet.

KitError                     one line for the user; the CLI prints it and exits
├── UsageError               the user's input is wrong (exit 2)
│   ├── UnknownName          a workload, submission, ruleset or variant that does not exist
│   ├── InvalidFile          a YAML, golden or record file that does not parse or validate
│   ├── InvalidSubmission    a submission that breaks a rule before it runs
│   └── NotAvailable         known, but not usable here: not built yet, not installed
├── ImageNotBuilt            a container image could not be built (exit 1)
├── DataError                a data set is missing, incomplete or altered (exit 1)
├── TrialError               a trial could not be run or recorded (exit 1)
│   ├── RuleViolation        the trainer did what the rules forbid
│   └── TrainerFailed        the trainer died or reported a failure
├── UploadFailed             results could not be mirrored, or not as they are (exit 1)
└── VerificationError        evidence that does not match (exit 1)

Messages say what failed, the valid choices, what was received and the fix, on one line.
"""

from __future__ import annotations

from collections.abc import Iterable


class KitError(Exception):
    """Base of all errors that are reported in one line."""

    exit_code = 1


class UsageError(KitError):
    """The input is wrong: an argument, a file, a name."""

    exit_code = 2


class UnknownName(UsageError):
    """A name that is not among the valid choices."""

    def __init__(self, what: str, received: str, choices: Iterable[str], option: str = "") -> None:
        listed = ", ".join(sorted(choices)) or "(none)"
        source = f"{option}={received}" if option else repr(received)
        super().__init__(
            f"Unknown {what} {received!r}. Choose one of: {listed}. Received: {source}."
        )


class InvalidFile(UsageError):
    """A file that does not parse or does not match its schema."""


class InvalidSubmission(UsageError):
    """A submission that breaks a rule that is checked before it runs."""


class NotAvailable(UsageError):
    """Something known that cannot be used here."""


class ImageNotBuilt(KitError):
    """The engine could not build a container image."""


class DataError(KitError):
    """A data set is missing, incomplete or altered."""


class TrialError(KitError):
    """A trial could not be run or recorded."""


class RuleViolation(TrialError):
    """The trainer did something that the rules forbid."""


class TrainerFailed(TrialError):
    """The trainer died or reported a failure."""


class UploadFailed(KitError):
    """Results could not be mirrored, or what arrived is not what was sent."""


class VerificationError(KitError):
    """Evidence that does not match what it claims."""
