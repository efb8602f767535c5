"""`kit reproduce`: rerun a record from its own archive and compare the curves."""

from __future__ import annotations

import json
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit import paths
from kit.cli.trial import EXIT_FAILED, EXIT_OK, exit_code, shown_trial
from kit.errors import UsageError, VerificationError

if TYPE_CHECKING:
    from kit.planning.request import TrialRequest
    from kit.records.findings import VerificationReport
    from kit.records.record import TrialRecord
    from kit.referee.events import Outcome


@dataclass(frozen=True)
class _Original:
    """The record that is reproduced, verified."""

    folder: Path
    report: VerificationReport
    record: TrialRecord


def _tolerance(ctx: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and value >= 0):
        raise UsageError(f"--tolerance takes a number, 0 or more. Received: {value}.")
    return value


@click.command(
    epilog="Example: kit reproduce results/mini/nadamw/mnist/study_1/trial_1",
    short_help="Rerun a record and compare the curves.",
)
@click.argument("record", type=click.Path(path_type=Path))
@click.option(
    "--ruleset", metavar="NAME|FILE",
    help="The ruleset of the record, where the kit's own of that name is another version.",
)  # fmt: skip
@click.option(
    "--tolerance", type=float, metavar="NUMBER", callback=_tolerance,
    help="Count curves as equal up to this difference of any metric, absolute below 1 and relative"
    " above; 0 is bitwise. Without it: 0 where bits can be expected to come out again, else 0.05.",
)  # fmt: skip
@click.option(
    "--isolation", type=click.Choice(["auto", "bubblewrap", "process"]), default="auto",
    show_default=True,
    help="How the trainer is shut in; auto takes the strongest that works here.",
)  # fmt: skip
@click.option(
    "--trusted-key", "trusted_keys", multiple=True, metavar="KEY",
    help="A public key that you trust, as for `kit verify`; may be repeated; a record of another"
    " key is then refused.",
)  # fmt: skip
@click.option(
    "--keep", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
    help="Keep the rerun's own record, in a results folder; without it, it is thrown away.",
)  # fmt: skip
@click.option(
    "--json", "as_json", is_flag=True,
    help="Write the result as one JSON object to stdout, and progress as JSON lines to stderr.",
)  # fmt: skip
def reproduce(as_json: bool, **options: Any) -> int:
    """Rerun RECORD, a record's folder, and compare its curve with the recorded one.

    The record is verified first. Its own archived source then runs under the same ruleset, with the
    same hyperparameters and seeds, evaluated at the recorded steps. Exits with 0 when the curves
    are equal within the tolerance, 1 when they are not, 2 when the request is wrong, and 130 after
    Ctrl-C.
    """
    from kit.cli.views.choice import choose_view
    from kit.cli.views.terminal import stream_for_view

    original = _verified(options["record"], options["trusted_keys"])
    with tempfile.TemporaryDirectory(prefix="kit-reproduce-") as scratch:
        request = _request(original, options, Path(scratch))
        outcome = shown_trial(request, choose_view(stream_for_view(), as_json=as_json))
        return _explain(original, outcome, options, as_json=as_json)


def _verified(path: Path, trusted_keys: tuple[str, ...]) -> _Original:
    """Return the record, which must verify.

    Raises:
        UsageError: there is no record.
        VerificationError: it does not match.
    """
    from kit.records.signing import local_keys, parse_public_key
    from kit.records.verify import verify_record

    if not path.exists():
        raise UsageError(f"{path}: no such folder. Give the folder of a record.")
    folder = path.parent if path.is_file() else path
    given = [parse_public_key(text) for text in trusted_keys]
    report = verify_record(
        folder, trusted=given + local_keys(paths.config_root()), must_trust=bool(given)
    )
    if report.problems or report.record is None:
        first, *others = report.problems
        more = f" ({len(others)} more.)" if others else ""
        raise VerificationError(
            f"{folder / first.file}: {first.sentence}{more} So there is nothing to reproduce. See: "
            f"kit verify {folder}"
        )
    return _Original(folder, report, report.record)


def _request(original: _Original, options: dict[str, Any], scratch: Path) -> TrialRequest:
    from kit.planning.reproduction import (
        archived_submission,
        check_contract,
        plan_again,
        ruleset_of_record,
    )
    from kit.planning.request import Execution
    from kit.scoring.reading.conditions import recorded_environment

    check_contract(original.record, recorded_environment(original.folder))
    rules = ruleset_of_record(original.record, options["ruleset"])
    submission = archived_submission(
        original.folder, original.record, rules, into=scratch / "submission"
    )
    return plan_again(
        original.record,
        original.report.evaluations,
        submission=submission,
        ruleset=rules,
        results=options["keep"] or scratch / "results",
        execution=Execution(isolation=options["isolation"]),
    )


def _explain(
    original: _Original, outcome: Outcome, options: dict[str, Any], *, as_json: bool
) -> int:
    from kit.cli.reproduce_page import as_dict, print_page
    from kit.cli.reproduction import Reproduction
    from kit.records.record import TrialState
    from kit.scoring.reading.conditions import recorded_environment

    found = Reproduction.of(
        original.report,
        outcome,
        environments=(recorded_environment(original.folder), recorded_environment(outcome.folder)),
        tolerance=options["tolerance"],
        kept=options["keep"] is not None,
    )
    if as_json:
        click.echo(json.dumps(as_dict(found), allow_nan=False))
    else:
        print_page(found)
    if outcome.record.state is TrialState.INTERRUPTED:
        return exit_code(outcome)
    return EXIT_OK if found.equal else EXIT_FAILED
