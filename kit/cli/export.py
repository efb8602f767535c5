"""`kit export`: records in the form of another tool."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kit import paths

if TYPE_CHECKING:
    from kit.scoring.algoperf_log import LoggedTrial
    from kit.scoring.reading.evidence import Evidence


@click.group(epilog="Example: kit export algoperf results/mini --out algoperf_logs")
def export() -> None:
    """Write records in the form of another tool."""


@export.command(
    short_help="Write AlgoPerf's log layout, for its scorer.",
    epilog="Example: kit export algoperf results/mini --out algoperf_logs",
)
@click.argument("results", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
    help="The folder to write, new or empty; below it <submission>/study_<i>/<workload>_jax/.",
)  # fmt: skip
@click.option(
    "--ruleset", metavar="NAME|FILE",
    help="The ruleset whose records are written, where there are several.",
)  # fmt: skip
def algoperf(results: Path, out: Path, ruleset: str | None) -> None:
    """Write the records below RESULTS as AlgoPerf's scorer reads them.

    Records are verified first, and of each trial the attempt that counts is written. A trial that
    failed or broke a rule is left out: that scorer knows no states and would count its evaluations.
    """
    from kit.cli.tables import plain
    from kit.errors import UsageError
    from kit.records.signing import local_keys
    from kit.scoring.algoperf_log import write_log
    from kit.scoring.reading.evidence import is_evidence, read_evidence
    from kit.scoring.reading.records import ruleset_of

    if not is_evidence(results):
        raise UsageError(f"{results} holds no records. Give results/, or a folder below it.")
    evidence = read_evidence(results, trusted=local_keys(paths.config_root()), must_trust=False)
    rules = ruleset_of([evidence], ruleset)
    trials, notices = _trials(evidence, rules.name, rules.max_attempts)
    for notice in (*evidence.notices, *notices):
        click.echo(f"Note: {plain(notice)}", err=True)
    write_log(trials, out)
    click.echo(f"{len(trials)} trials written below {out}.")


def _trials(
    evidence: Evidence, ruleset: str, max_attempts: int
) -> tuple[list[LoggedTrial], list[str]]:
    from kit.records.record import TrialState
    from kit.scoring.algoperf_log import LoggedTrial
    from kit.scoring.reading.evidence import attempts_by_trial, deciding_attempt

    trials, notices = [], []
    for attempts in attempts_by_trial([evidence]):
        if attempts[0].identification.ruleset != ruleset:
            continue
        decided, _, remarks = deciding_attempt(attempts, max_attempts)
        notices += remarks
        if decided is None or decided.report is None or decided.report.record is None:
            continue
        record = decided.report.record
        if record.state in (TrialState.FAILED, TrialState.RULE_VIOLATION):
            notices.append(f"{decided.identification}: {record.state}; not written.")
            continue
        if not record.official:
            reasons = "; ".join(record.unofficial_reasons)
            notices.append(f"{decided.identification}: not official: {reasons}.")
        if record.state is TrialState.STOPPED_EARLY:
            notices.append(
                f"{decided.identification}: stopped early; that scorer counts it as missed."
            )
        trials.append(LoggedTrial(record, decided.report.evaluations))
    return trials, notices
