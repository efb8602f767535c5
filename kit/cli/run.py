"""`kit run`: the options of one trial."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from kit import paths, registry
from kit.cli.study_trials import execution_of, trial_options
from kit.cli.trial import exit_code, explain, shown_trial
from kit.cli.witness_beside import witness_option, witnessing
from kit.errors import UsageError


def _steps(ctx: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...]:
    if value is None:
        return ()
    try:
        steps = tuple(int(part) for part in value.split(","))
    except ValueError:
        steps = ()
    if not steps or list(steps) != sorted(set(steps)) or steps[0] < 1:
        raise UsageError(
            "--evaluate-at-steps takes rising whole numbers from 1, separated by commas: "
            f"1,100,200. Received: {value!r}."
        )
    return steps


def _workload(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str:
    if value:
        return value
    choices = ", ".join(registry.workload_names())
    raise UsageError(f"Say which workload: --workload NAME. Choose one of: {choices}.")


@click.command(
    epilog="Example: kit run --workload mnist --submission nadamw",
    short_help="Run one trial under the rules, sign and explain the result.",
)
@click.option(
    "--workload", metavar="NAME", callback=_workload,
    help="The workload to train; `kit list workloads` shows them. Required.",
)  # fmt: skip
@click.option(
    "--variant", metavar="NAME",
    help="The variant of the workload; without it, the workload as it is.",
)  # fmt: skip
@click.option(
    "--submission", metavar="NAME|FOLDER", default="nadamw", show_default=True,
    help="The training algorithm: a name from `kit list submissions`, or a folder with"
    " submission.yaml and submission.py.",
)  # fmt: skip
@click.option(
    "--ruleset", metavar="NAME", default="mini", show_default=True,
    help="The rules: target, budget, eval period; `kit list rulesets` shows them.",
)  # fmt: skip
@click.option(
    "--study", type=click.IntRange(min=1), default=1, show_default=True,
    help="The study, counted from 1.",
)  # fmt: skip
@click.option(
    "--trial", type=click.IntRange(min=1), default=1, show_default=True,
    help="The trial within the study, counted from 1; it decides which hyperparameters are dealt.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(min=0), metavar="NUMBER",
    help="Take this seed instead of a secret one; the result is then not official.",
)  # fmt: skip
@click.option(
    "--inline", is_flag=True,
    help="Run everything in one process, for a debugger: the rules are the same, and the clock"
    " stands while the debugger waits at its prompt; the result is never official.",
)  # fmt: skip
@click.option(
    "--quick", is_flag=True,
    help="Check a new submission in about ten seconds: few steps, few evaluations, and what a"
    " reviewer would look at; not official.",
)  # fmt: skip
@click.option(
    "--evaluate-at-steps", metavar="LIST", callback=_steps,
    help="Evaluate after these steps instead of by time, like 1,100,200; the result is then not"
    " official.",
)  # fmt: skip
@click.option(
    "--json", is_flag=True,
    help="Write the result as one JSON object to stdout, and progress as JSON lines to stderr.",
)  # fmt: skip
@click.option(
    "--results", type=click.Path(file_okay=False, path_type=Path), default=paths.results_root,
    show_default="results/ of the project, or STOPWATCH_RESULTS",
    help="The folder for records and the ledger.",
)  # fmt: skip
@trial_options
@witness_option
def run(**options: Any) -> int:
    """Run one trial under the rules, sign the record and explain the result.

    What can never be official (--quick, --inline, --seed, --evaluate-at-steps, edited code) is
    recorded below development/ in the folder of results, and never counted. Exits with 0 when the
    trial ran to a legitimate end (target reached or missed), 1 when it failed or broke a rule, 2
    when the request is wrong, and 130 after Ctrl-C.
    """
    from kit.cli.views.choice import choose_view
    from kit.cli.views.terminal import stream_for_view
    from kit.planning.plan import plan_run
    from kit.planning.request import open_request
    from kit.rules.folder import compressed_bytes
    from kit.rules.review import review
    from kit.rules.ruleset import load_ruleset

    again, as_json, quick = _again(options), options["json"], options["quick"]
    view = choose_view(stream_for_view(), as_json=as_json, debugger=options["inline"])
    ruleset = load_ruleset(options["ruleset"])
    asked = ("workload", "variant", "submission", "study", "trial", "seed", "results")
    request = plan_run(
        **{name: options[name] for name in asked},
        ruleset=ruleset,
        quick=quick,
        evaluate_at_steps=options["evaluate_at_steps"],
        execution=execution_of(options, ruleset, view.note),
        config=paths.config_root(),
    )
    if quick:
        contents = open_request(request).submission.contents
        size, limit = compressed_bytes(contents), ruleset.submission_limits.max_compressed_bytes
        view.note(f"the submission's text is {size:,} bytes when compressed, of {limit:,} allowed")
        for finding in review(contents, registry.workload_names()):
            view.note(f"a reviewer would look at {finding}")
    if request.unofficial_reasons:
        view.note(f"not official: {'; '.join(request.unofficial_reasons)}")
    with witnessing(options["witness"], request.results, as_json=as_json):
        outcome = shown_trial(request, view)
        explain(outcome, again=again, as_json=as_json, quick=quick)
    return exit_code(outcome)


def _again(options: Mapping[str, Any]) -> list[str]:
    """Return the options that describe the trial, to run it again."""
    words = ["--workload", options["workload"]]
    if options["variant"]:
        words += ["--variant", options["variant"]]
    words += ["--submission", options["submission"]]
    for name, default in (("ruleset", "mini"), ("study", 1), ("trial", 1), ("seed", None)):
        words += [] if options[name] == default else [f"--{name}", str(options[name])]
    words += [] if options["engine"] == "local" else ["--engine", options["engine"]]
    if options["results"].absolute() != paths.results_root():
        words += ["--results", str(options["results"])]
    return words
