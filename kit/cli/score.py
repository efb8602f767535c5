"""`kit score`: who is fastest, by the written rules or as the reference scorer counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from kit.cli.reading import reading_options, scored


@click.command(
    short_help="Score results: leaderboard, intervals, times to target.",
    epilog="Examples: kit score results/mini; kit score --ruleset algoperf-0.5 --compat algoperf"
    " --reference baseline logs; kit score results/mini --markdown leaderboard.md",
)
@reading_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object to stdout.")
@click.option(
    "--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write the leaderboard to this CSV file too.",
)  # fmt: skip
@click.option(
    "--markdown", "markdown_file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write the leaderboard to this Markdown file too.",
)  # fmt: skip
def score(as_json: bool, csv_file: Path | None, markdown_file: Path | None, **options: Any) -> None:
    """Score RESULTS: folders of records, AlgoPerf's logs, or tables of evaluations.

    Records are verified first. What is missing counts as missed, and is listed. Leaderboard and
    times to target go to stdout, notices to stderr.
    """
    from kit.cli.score_data import as_csv, as_dict
    from kit.cli.score_page import page_of
    from kit.cli.tables import plain
    from kit.records.atomic import write_atomic

    done = scored(options)
    page = page_of(done)
    for notice in page.notices:
        click.echo(f"Note: {plain(notice)}", err=True)
    if as_json:
        click.echo(json.dumps(as_dict(done), indent=2, allow_nan=False))
    else:
        page.print()
    if csv_file:
        write_atomic(csv_file, as_csv(done).encode("utf-8"))
    if markdown_file:
        write_atomic(markdown_file, page.markdown().encode("utf-8"))
