"""What `kit study` and `kit plan` share: options, and the assignment and evidence they name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit import paths, registry
from kit.errors import UsageError

if TYPE_CHECKING:
    from kit.study.assignment import Assignment
    from kit.study.evidence import Evidence


@dataclass(frozen=True)
class Asked:
    """What the user asked for, in the words of the options."""

    submission: str
    ruleset: str
    workloads: tuple[str, ...] | None
    studies: tuple[int, ...] | None
    held_out: Path | None
    results: Path

    def arguments(self) -> list[str]:
        """Return the options that ask for the same again."""
        words = ["--submission", self.submission]
        words += [] if self.ruleset == "mini" else ["--ruleset", self.ruleset]
        if self.workloads is not None:
            words += ["--workloads", ",".join(self.workloads)]
        if self.studies is not None:
            words += ["--studies", ",".join(map(str, self.studies))]
        words += [] if self.held_out is None else ["--held-out", str(self.held_out)]
        if self.results.absolute() != paths.results_root():
            words += ["--results", str(self.results)]
        return words


def assignment_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which trials are meant."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def asked_for(options: dict[str, Any]) -> Asked:
    """Take what `assignment_options` added out of the options."""
    names = ("submission", "ruleset", "workloads", "studies", "held_out", "results")
    return Asked(**{name: options.pop(name) for name in names})


def evidence_for(asked: Asked, *, complete: bool = False) -> Evidence:
    """Return the evidence of the trials that are asked for, nothing of it read yet.

    Raises:
        UsageError: anything that the user has to change.
        VerificationError: the reveal does not match, or the submission was not frozen.
    """
    from kit.records.signing import load_or_create_key
    from kit.study.evidence import Evidence

    key = load_or_create_key(paths.config_root())
    return Evidence(_assignment(asked), asked.results.absolute(), key, complete=complete)


def _assignment(asked: Asked) -> Assignment:
    from kit.records.held_out import load_reveal
    from kit.rules.ruleset import load_ruleset
    from kit.rules.submission import load_submission
    from kit.study.assignment import assign

    ruleset = load_ruleset(asked.ruleset)
    submission = load_submission(asked.submission, ruleset.submission_limits)
    held_out = None
    if asked.held_out is not None:
        if not asked.held_out.exists():
            raise UsageError(
                "--held-out takes the public folder of a draw, as `kit heldout reveal` leaves it. "
                f"There is no such folder. Received: {asked.held_out}."
            )
        revealed = load_reveal(asked.held_out, ruleset)
        revealed.require_frozen(submission.name, submission.sha256)
        held_out = revealed.choice
    return assign(
        ruleset,
        submission,
        workloads=asked.workloads,
        studies=asked.studies,
        held_out=held_out,
    )


def workload_names(
    ctx: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[str, ...] | None:
    """Return the names in a list that is separated by commas."""
    if value is None:
        return None
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    if not names:
        raise UsageError(f"--workloads takes names, separated by commas. Received: {value!r}.")
    return names


def _numbers(
    ctx: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[int, ...] | None:
    if value is None:
        return None
    parts = value.replace(",", " ").split()
    if not parts or not all(part.isdecimal() for part in parts):
        raise UsageError(
            f"--studies takes whole numbers, separated by commas: 1,3. Received: {value!r}."
        )
    return tuple(sorted({int(part) for part in parts}))


def _submission(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str:
    if value:
        return value
    choices = ", ".join(registry.submission_names())
    raise UsageError(
        f"Say which submission: --submission NAME or FOLDER. Choose one of: {choices}."
    )


_OPTIONS = (
    click.option(
        "--submission", metavar="NAME|FOLDER", callback=_submission,
        help="The training algorithm: a name from `kit list submissions`, or a folder. Required.",
    ),
    click.option(
        "--ruleset", metavar="NAME|FILE", default="mini", show_default=True,
        help="The rules: workloads, studies, trials, budgets; `kit list rulesets` shows them.",
    ),
    click.option(
        "--workloads", metavar="LIST", callback=workload_names,
        help="Only these workloads, separated by commas; without it, all that are scored.",
    ),
    click.option(
        "--studies", metavar="LIST", callback=_numbers,
        help="Only these studies, counted from 1 and separated by commas; without it, all.",
    ),
    click.option(
        "--held-out", type=click.Path(path_type=Path), metavar="FOLDER",
        help="The public folder of a draw: the revealed variants are run too, if the submission was"
        " frozen as it is.",
    ),
    click.option(
        "--results", type=click.Path(file_okay=False, path_type=Path), default=paths.results_root,
        show_default="results/ of the project, or STOPWATCH_RESULTS",
        help="The folder for records and the ledger.",
    ),
)  # fmt: skip
