"""`kit check`: what a reviewer should know about a submission."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit import registry
from kit.errors import UsageError
from kit.rules.folder import compressed_bytes
from kit.rules.review import review
from kit.rules.ruleset import Ruleset, load_ruleset
from kit.rules.submission import Submission, load_submission

if TYPE_CHECKING:
    from kit.referee.placebo import PlaceboVerdict

EXIT_FLAGGED = 1


@click.command(
    short_help="Check a submission: code, sizes, packages, and with --placebo what it knows.",
    epilog="Example: kit check path/to/submission --placebo --workload mnist",
)
@click.argument("submission", metavar="NAME|FOLDER")
@click.option(
    "--ruleset", metavar="NAME", default="mini", show_default=True,
    help="The rules whose limits apply; `kit list rulesets` shows them.",
)  # fmt: skip
@click.option(
    "--placebo", is_flag=True,
    help="Also run a trial whose training labels are permuted: a submission that comes near the"
    " target all the same knew the answers. It takes up to the workload's budget, twice the first"
    " time.",
)  # fmt: skip
@click.option(
    "--workload", metavar="NAME",
    help="With --placebo: the workload to train. Default: mnist.",
)  # fmt: skip
@click.option(
    "--trial", type=click.IntRange(min=1),
    help="With --placebo: the trial whose hyperparameters are used, counted from 1. Default: 1.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object to stdout.")
def check(
    submission: str,
    ruleset: str,
    placebo: bool,
    workload: str | None,
    trial: int | None,
    as_json: bool,
) -> int:
    """Check a submission without importing it; with --placebo also run it once.

    Exits with 0 when nothing was found, 1 when a reviewer should look at something (or a placebo
    failed), and 2 when the submission breaks a limit or the request is wrong.
    """
    if not placebo and (workload is not None or trial is not None):
        raise UsageError("--workload and --trial are those of a placebo. Add --placebo.")
    rules = load_ruleset(ruleset)
    checked = load_submission(submission, rules.submission_limits)
    facts = static_facts(checked, rules)
    if not as_json:
        _print_facts(facts)
    if placebo:
        verdict = _placebo(submission, rules, workload or "mnist", trial or 1, as_json=as_json)
        facts["placebo"] = {"workload": workload or "mnist", **vars(verdict)}
        facts["flagged"] = facts["flagged"] or verdict.flagged
        if not as_json:
            click.echo(f"placebo         {verdict}.")
    if as_json:
        click.echo(json.dumps(facts, indent=2, allow_nan=False))
    return EXIT_FLAGGED if facts["flagged"] else 0


def static_facts(submission: Submission, ruleset: Ruleset) -> dict[str, Any]:
    """Return what can be told without running anything."""
    tuning = submission.tuning_for(ruleset.name)
    findings = review(submission.contents, registry.workload_names())
    reasons = submission.unofficial_reasons(ruleset)
    points = [tuning.fixed] if tuning.fixed is not None else tuning.points or [tuning.search_space]
    return {
        "submission": submission.name,
        "sha256": submission.sha256,
        "ruleset": ruleset.name,
        "files": list(submission.files),
        "bytes": sum(map(len, submission.contents.values())),
        "compressed_bytes": compressed_bytes(submission.contents),
        "max_compressed_bytes": ruleset.submission_limits.max_compressed_bytes,
        "extra_packages": [str(each) for each in submission.extra_requirements],
        "unofficial_reasons": reasons,
        "tuning": tuning.form,
        "hyperparameters": list(points[0] or ()),
        "findings": [vars(finding) for finding in findings],
        "placebo": None,
        "flagged": bool(findings or reasons),
    }


def _print_facts(facts: Mapping[str, Any]) -> None:
    rows = {
        "submission": f"{facts['submission']}, under ruleset {facts['ruleset']}",
        "files": ", ".join(facts["files"]),
        "text": f"{facts['bytes']:,} bytes, {facts['compressed_bytes']:,} when compressed"
        f" (at most {facts['max_compressed_bytes']:,})",
        "packages": ", ".join(facts["extra_packages"]) or "none",
        "hyperparameters": f"{', '.join(facts['hyperparameters']) or 'none'} ({facts['tuning']})",
    }
    for name, value in rows.items():
        click.echo(f"{name:<16}{value}")
    for reason in facts["unofficial_reasons"]:
        click.echo(f"{'not official':<16}{reason}")
    for finding in facts["findings"]:
        click.echo(f"{'look at':<16}{finding['file']}:{finding['line']}: {finding['what']}")
    if not facts["findings"]:
        click.echo(f"{'code':<16}nothing was found; that is no proof")


def _placebo(
    submission: str, ruleset: Ruleset, workload: str, trial: int, *, as_json: bool
) -> PlaceboVerdict:
    """Run the placebo of a submission, and that of the reference unless it is known."""
    from kit.referee.placebo import PlaceboVerdict, known_reference, remember_reference
    from kit.rules.availability import workload_rules

    target = workload_rules(ruleset, workload, None).target
    reference = known_reference(ruleset, workload)
    if reference is None:
        name = ruleset.scoring.reference
        reference = _trial(name, ruleset, workload, 1, as_json=as_json)
        remember_reference(ruleset, workload, reference)
    best = _trial(submission, ruleset, workload, trial, as_json=as_json)
    return PlaceboVerdict.of(best, reference, target)


def _trial(submission: str, ruleset: Ruleset, workload: str, trial: int, *, as_json: bool) -> float:
    """Run one placebo trial away from all results, under a key that no one else has."""
    from kit.cli.trial import ready
    from kit.cli.views.choice import choose_view
    from kit.cli.views.terminal import libraries_silenced, stream_for_view
    from kit.planning.plan import plan_trial
    from kit.referee.placebo import run_placebo

    view = choose_view(stream_for_view(), as_json=as_json)
    with tempfile.TemporaryDirectory() as temporary:
        config = Path(temporary, "config")
        request = plan_trial(
            workload=workload,
            submission=submission,
            ruleset=ruleset,
            trial=trial,
            results=Path(temporary, "results"),
            config=config,
        )
        try:
            extras = ready(request, view)
            view.note(f"placebo of {request.id.submission}: the training labels are permuted")
            with libraries_silenced():
                return run_placebo(request, config=config, observer=view, extras=extras)
        finally:
            view.close()
