"""`kit report`: one page that a reviewer can believe or reject, and figures as files."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit.cli.reading import leaderboard, read, reading_options
from kit.cli.wandb_access import access_options, project_options
from kit.errors import UsageError

if TYPE_CHECKING:
    from kit.report.facts import Facts
    from kit.report.page.render import Story
    from kit.scoring.leaderboard import Leaderboard
    from kit.scoring.reading.load import Loaded


@click.command(
    short_help="Make a page, or figures, of results.",
    epilog="Examples: kit report results/mini --html report.html; kit report logs --ruleset"
    " algoperf-0.5 --html report.html; kit report results/mini --figures docs/figures",
)
@reading_options
@click.option(
    "--html", "html_file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write one self-contained page to this file; it loads nothing from anywhere.",
)  # fmt: skip
@click.option(
    "--figures", "figures_folder", type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER", help="Write every figure to this folder, for light and for dark paper.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["svg", "png"]), default="svg", show_default=True,
    help="What --figures writes.",
)  # fmt: skip
@click.option(
    "--wandb", "to_wandb", is_flag=True,
    help="Send a report to the W&B project that `kit upload` filled; a second call renews it.",
)  # fmt: skip
@click.option(
    "--spec", "spec_file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write that report's specification as JSON to this file, without network.",
)  # fmt: skip
@project_options
@access_options(timeout_seconds=120)
def report(
    html_file: Path | None, figures_folder: Path | None, form: Any, **options: Any
) -> None:  # fmt: skip
    """Show RESULTS: a trial, a submission or a whole leaderboard, from records or logs.

    Records are verified first, as `kit score` does. The page begins with the verdict: verified,
    official, isolation, image, hardware. What was written goes to stdout, notices to stderr.
    """
    from kit.cli.tables import plain
    from kit.records.atomic import write_atomic
    from kit.report.facts import gather
    from kit.report.files import write_figures
    from kit.report.page.render import page

    for_wandb = bool(options["to_wandb"] or options["spec_file"])
    if html_file is None and figures_folder is None and not for_wandb:
        raise UsageError(
            "Say what to make: --html FILE, --figures FOLDER, --wandb, --spec FILE, or several."
        )
    loaded = read(options)
    board, refusal = _board(loaded, options)
    facts = gather(loaded, board)
    story = _story(facts, refusal)
    for notice in story.notices:
        click.echo(f"Note: {plain(notice)}", err=True)
    if html_file is not None:
        write_atomic(html_file, page(facts, story).encode("utf-8", "replace"))
        click.echo(html_file)
    if figures_folder is not None:
        for path in write_figures(facts, figures_folder, form):
            click.echo(path)
    if for_wandb:
        for made in _wandb_report(loaded, board, options):
            click.echo(made)


def _wandb_report(loaded: Loaded, board: Leaderboard | None, options: dict[str, Any]) -> list[str]:
    """Make the report at W&B, its specification, or both."""
    from kit.cli.report_wandb import write_wandb
    from kit.cli.score_page import Scored

    reports = [a.report for part in loaded.evidence for a in part.attempts if a.report]
    if board is None or not reports:
        raise UsageError(
            "A report at W&B is made of a leaderboard of signed records. There is none here: "
            f"{'these are logs' if not reports else 'the scores are not decided'}. --html takes it."
        )
    return write_wandb(Scored(loaded, board, (), {}), reports, options)


def _board(loaded: Loaded, options: dict[str, Any]) -> tuple[Leaderboard | None, list[str]]:
    """Score what was read; a page without scores is better than none."""
    from kit.scoring.censoring import UndecidedScore

    try:
        return leaderboard(loaded, options), []
    except UndecidedScore as error:
        return None, [f"No scores: {error}"]


def _story(facts: Facts, refusal: list[str]) -> Story:
    """Return in words what `kit score` prints, as far as the page is about scores."""
    from kit.cli.score_page import Scored, page_of
    from kit.report.page.render import Story, TextTable, scope_of
    from kit.scoring.explanation import differences
    from kit.scoring.rules import WRITTEN_RULES

    if scope_of(facts) == "trial":  # what is missing, and what is not scored, is no matter here
        return Story((), (), [text for part in facts.loaded.evidence for text in part.notices])
    if facts.board is None or not any(trial.scored for trial in facts.trials):
        return Story((), (), (*facts.loaded.notices, *refusal))
    compat = facts.board.convention != WRITTEN_RULES
    found = tuple(differences(facts.loaded.results)) if compat else ()
    told = page_of(Scored(facts.loaded, facts.board, found, {}))
    tables = [TextTable(**dataclasses.asdict(table)) for table in told.tables]
    if scope_of(facts) == "submission":
        tables = tables[1:]  # a score compares submissions, and here is one alone
    return Story(tables, told.sections, told.notices)
