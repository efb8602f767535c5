"""The `kit` command. Commands are imported when they are called, so that help is instant."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from kit import __version__
from kit.errors import KitError
from kit.text import escape_line

_COMMANDS = {  # name -> (module:object, one-line help)
    "run": ("kit.cli.run:run", "Run one trial under the rules, sign and explain the result."),
    "study": ("kit.cli.study:study", "Run all trials that a ruleset owes for a submission."),
    "plan": ("kit.cli.plan:plan", "Show what a study will run, and what it takes."),
    "compare": ("kit.cli.compare:compare", "Race two submissions in pairs with the same seeds."),
    "check": (
        "kit.cli.check:check",
        "Check a submission: code, sizes, packages, what it knows.",
    ),
    "list": ("kit.cli.list:list_", "List workloads, submissions or rulesets."),
    "show": ("kit.cli.show:show", "Show one workload, submission or ruleset in full."),
    "data": ("kit.cli.data:data", "Prepare, list and verify data sets."),
    "keys": ("kit.cli.keys:keys", "Create and show signing keys."),
    "verify": ("kit.cli.verify:verify", "Check the evidence of a record or of a whole folder."),
    "score": ("kit.cli.score:score", "Score results: leaderboard, intervals, times to target."),
    "calibrate": (
        "kit.cli.calibrate:calibrate",
        "Set targets and budgets by the published procedure.",
    ),
    "reproduce": (
        "kit.cli.reproduce:reproduce",
        "Rerun a record and compare the curves.",
    ),
    "report": ("kit.cli.report:report", "Make a page, or figures, of results."),
    "replay-schedule": (
        "kit.cli.replay_schedule:replay_schedule",
        "Replay the schedule over a log: hours saved, scores compared.",
    ),
    "upload": ("kit.cli.upload:upload", "Mirror signed results at Weights & Biases."),
    "review": (
        "kit.cli.review:review",
        "Check a W&B project against the signed evidence in it.",
    ),
    "witness": ("kit.cli.witness:witness", "Let W&B date a ledger's head as a run goes."),
    "export": ("kit.cli.export:export", "Write records in the form of another tool."),
    "freeze": ("kit.cli.freeze:freeze", "Record the digests of submissions before the draw."),
    "heldout": ("kit.cli.heldout:heldout", "Draw held-out variants by commit and reveal."),
    "conformance": (
        "kit.cli.conformance:conformance",
        "Compare models and algorithms with golden files.",
    ),
    "bench": ("kit.cli.bench:bench", "Measure the step time of a workload."),
    "image": ("kit.cli.image:image", "Build, show and compare container images."),
    "doctor": ("kit.cli.doctor:doctor", "Check this machine and say what to fix."),
}
_INTERNAL = {"referee": "kit.cli.referee:referee"}  # for docker-compose.yml, not for people


class _LazyGroup(click.Group):
    """A group that knows its commands by name and help, and imports one when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        known = _INTERNAL | {name: place for name, (place, _) in _COMMANDS.items()}
        if name not in known:
            return None
        module, _, attribute = known[name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: kit run --workload mnist --submission nadamw",
)
@click.version_option(__version__, prog_name="kit")
@click.option("--debug", is_flag=True, help="Show the full traceback of an error.")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Stopwatch: an honest referee for training algorithms."""
    ctx.obj = {"debug": debug}


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; errors of ours become one line on stderr and an exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow greets on stderr otherwise
    try:
        result: Any = cli.main(args=arguments, prog_name="kit", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except KitError as error:
        if "--debug" in arguments:
            raise
        click.echo(f"Error: {escape_line(str(error))}", err=True)
        sys.exit(error.exit_code)
    sys.exit(result if isinstance(result, int) else 0)
