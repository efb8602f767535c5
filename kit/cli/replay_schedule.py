"""`kit replay-schedule`: what score-exact scheduling saves on results that are complete."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit.errors import KitError, UnknownName, UsageError

if TYPE_CHECKING:
    from kit.scoring.reading.load import Loaded
    from kit.scoring.scheduling.savings import Field


@click.command(
    name="replay-schedule",
    short_help="Replay the schedule over a log: hours saved, scores compared.",
    epilog="Examples: kit replay-schedule log.csv.gz --ruleset algoperf-0.5;"
    " kit replay-schedule log.csv.gz --ruleset algoperf-0.5 --submission mine --known-results"
    " log.csv.gz",
)
@click.argument("log", type=click.Path(path_type=Path))
@click.option(
    "--ruleset", metavar="NAME|FILE",
    help="The ruleset; logs need it, records name their own.",
)  # fmt: skip
@click.option(
    "--tuning", type=click.Choice(["external", "self-tuning"]),
    help="Replay submissions that are tuned this way; external for logs if not given.",
)  # fmt: skip
@click.option(
    "--held-out", "held_out", multiple=True, metavar="FOLDER|BASE=VARIANT",
    help="Gate by the variants of a draw, or by this one, as for `kit score`.",
)  # fmt: skip
@click.option(
    "--submission", "submissions", multiple=True, metavar="NAME",
    help="Schedule only this submission; may be repeated. Nothing is then known of the others.",
)  # fmt: skip
@click.option(
    "--known-results", "known", type=click.Path(path_type=Path), metavar="PATH",
    help="Results of the rivals, known beforehand and final: of everyone in it but the submissions"
    " that are scheduled.",
)  # fmt: skip
@click.option(
    "--alone", is_flag=True,
    help="Schedule every submission by itself instead of all together.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object to stdout.")
def replay_schedule(as_json: bool, **options: Any) -> None:
    """Replay the schedule over LOG: AlgoPerf's logs, a table of evaluations, or records.

    The schedule sees a trial's outcome only once it has run that far. Hours are submission time: a
    trial ends at its target, or at its last evaluation or its budget. Scores with and without
    stopping are printed; if they are not identical, the exit code is 1.
    """
    from kit.cli.replay_schedule_page import as_dict, print_page
    from kit.scoring.scheduling.savings import measure

    savings = measure(_field(options))
    if as_json:
        click.echo(json.dumps(as_dict(savings), indent=2, allow_nan=False))
    else:
        print_page(savings)
    if not savings.identical:
        raise KitError("Stopping changed scores: a rule of the schedule is wrong. Report this log.")


def _field(options: dict[str, Any]) -> Field:
    from kit.scoring.results import Results
    from kit.scoring.scheduling.savings import Field, only

    results = _load(options["log"], options).results
    names = results.submissions
    for name in options["submissions"]:
        if name not in names:
            raise UnknownName("submission", name, names, "--submission")
    scheduled = tuple(sorted(set(options["submissions"]))) or names
    if options["known"] is None:
        return Field(results, scheduled, options["alone"])
    rivals = _load(options["known"], options).results
    if rivals.rules != results.rules:
        raise UsageError(
            f"{options['known']} was run under other rules than {options['log']}, or with other "
            "held-out variants. Give results of the same ruleset."
        )
    # Alone, the scheduled ones are each other's rivals, as far as their results are known.
    own = only(results, scheduled)
    others = only(rivals, [name for name in rivals.submissions if name not in scheduled])
    return Field(
        Results(
            own.rules,
            {**own.trials, **others.trials},
            {**own.first_study, **others.first_study},
            {**own.first_trial, **others.first_trial},
        ),
        scheduled,
        options["alone"],
        rivals_known=True,
    )


def _load(path: Path, options: dict[str, Any]) -> Loaded:
    """Read results, and pass on what must be known about them."""
    from kit import paths
    from kit.cli.reading import given_held_out
    from kit.cli.tables import plain
    from kit.records.signing import local_keys
    from kit.scoring.reading.load import Request, load

    loaded = load(
        Request(
            paths=[path],
            ruleset=options["ruleset"],
            tuning=options["tuning"],
            held_out=given_held_out(options["held_out"]),
            trusted=local_keys(paths.config_root()),
        )
    )
    for notice in loaded.notices:
        click.echo(f"Note: {plain(notice)}", err=True)
    return loaded
