"""`kit run`: the options of one trial."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit import paths, registry
from kit.cli.trial import EXIT_FAILED, Request, carry_out
from kit.cli.witness_beside import witness_option, witnessing
from kit.errors import UsageError

if TYPE_CHECKING:
    from kit.rules.plan import EarlyStop

_PR_SET_PDEATHSIG = 1  # prctl(2)


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
    "--isolation", type=click.Choice(["auto", "bubblewrap", "process"]), default="auto",
    show_default=True,
    help="How the trainer is shut in; auto takes the strongest that works here.",
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
@click.option(
    "--engine", type=click.Choice(["local", "docker", "auto"]), default="local", show_default=True,
    help="Where the trial runs: local is processes of this machine; docker is containers, as"
    " docker-compose.yml says; auto is docker where an engine answers.",
)  # fmt: skip
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "gpu"]), default="auto", show_default=True,
    help="With containers: the image and profile; auto takes what the ruleset evaluates on.",
)  # fmt: skip
@click.option(
    "--build", is_flag=True,
    help="With containers: build the image first; seconds when only code has changed.",
)  # fmt: skip
@witness_option
@click.option(
    "--stop-after", type=float, hidden=True, metavar="SECONDS",
    help="End the trial at the first evaluation or boundary after this submission time.",
)  # fmt: skip
@click.option(
    "--stop-rule", hidden=True, default="", metavar="TEXT",
    help="Why no continuation beyond --stop-after could change a score.",
)  # fmt: skip
@click.option(
    "--stop-evidence", multiple=True, hidden=True, metavar="DIGEST",
    help="The sha256 of an attestation that justifies the stop; may be repeated.",
)  # fmt: skip
@click.option(
    "--comparison", hidden=True, metavar="NAME",
    help="Take the seeds that both sides of this comparison share; --study is the pair's number.",
)  # fmt: skip
@click.option(
    "--tied-to", type=int, hidden=True, metavar="PID",
    help="End with this process, which must be the one that started this command.",
)  # fmt: skip
def run(**options: Any) -> int:
    """Run one trial under the rules, sign the record and explain the result.

    Exits with 0 when the trial ran to a legitimate end (target reached or missed), 1 when it failed
    or broke a rule, 2 when the request is wrong, and 130 after Ctrl-C.
    """
    _tie(options.pop("tied_to"))
    stop = _stop(*(options.pop(f"stop_{name}") for name in ("after", "rule", "evidence")))
    witness = options.pop("witness")
    with witnessing(witness, options["results"].absolute(), as_json=options["json"]):
        return carry_out(Request(**options, stop=stop))


def _stop(after: float | None, rule: str, evidence: tuple[str, ...]) -> EarlyStop | None:
    if after is None:
        if rule or evidence:
            raise UsageError("--stop-rule and --stop-evidence go with --stop-after SECONDS.")
        return None
    from kit.rules.plan import EarlyStop

    return EarlyStop.given(after, rule, evidence)


def _tie(parent: int | None) -> None:
    """Let the kernel kill this process when its parent dies, however it dies."""
    if parent is None:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was told
        sys.exit(EXIT_FAILED)
