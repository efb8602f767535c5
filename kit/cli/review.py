"""`kit review`: does a W&B project show what was signed, and all of it?"""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit.cli.wandb_access import access_options, finds_key, read_key
from kit.errors import KitError, NotAvailable, UsageError

if TYPE_CHECKING:
    from kit.cli.score_page import Scored
    from kit.records.trusted_keys import TrustedKeys
    from kit.review.examination import Review
    from kit.review.reading import Address

EXIT_DIFFERS = 1


@click.command(
    short_help="Check a W&B project against the signed evidence in it.",
    epilog="Example: kit review my-team/stopwatch --markdown leaderboard.md",
)
@click.argument("project", metavar="ENTITY/PROJECT")
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
    show_default="review/ENTITY-PROJECT",
    help="Keep the evidence here; a review that was interrupted goes on with its downloads.",
)  # fmt: skip
@click.option(
    "--trusted-keys", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    show_default="rules/trusted_keys.yaml",
    help="The keys that you believe, with the role of each owner.",
)  # fmt: skip
@click.option(
    "--ruleset", metavar="NAME|FILE", help="The ruleset to score; records name their own.",
)  # fmt: skip
@click.option(
    "--resamples", type=click.IntRange(min=0), default=1000, show_default=True,
    help="Draw so many leaderboards for the intervals; 0 for none.",
)  # fmt: skip
@click.option(
    "--markdown", "markdown_file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write the leaderboard of what is believed to this Markdown file.",
)  # fmt: skip
@access_options(timeout_seconds=60)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object to stdout.")
@click.pass_context
def review(
    ctx: click.Context, /, markdown_file: Path | None, as_json: bool, **options: Any
) -> None:
    """Download the evidence of ENTITY/PROJECT, verify it, and compare W&B's copies with it.

    Signatures, ledger and derived numbers are checked with the keys that you believe; then runs,
    tags, numbers, curves and aliases at W&B against what was signed. All that differs is named.
    The leaderboard is that of the evidence that is believed. Exits with 1 when anything differs.
    """
    from kit.cli.review_page import as_dict, print_review
    from kit.records.atomic import write_atomic

    address = _address(options)
    keys, found, folder = _review(address, options)
    scored, refusal = _scored(found, keys, folder, options)
    if as_json:
        content = as_dict(str(address), found, scored, refusal)
        click.echo(json.dumps(content, indent=2, allow_nan=False))
    else:
        print_review(str(address), found, scored, refusal)
    if markdown_file is not None and scored is not None:
        from kit.cli.score_page import page_of

        write_atomic(markdown_file, page_of(scored).markdown().encode("utf-8"))
    if not found.ok:
        ctx.exit(EXIT_DIFFERS)


def _address(options: dict[str, Any]) -> Address:
    from importlib.util import find_spec

    from kit.review.reading import Address

    if find_spec("wandb") is None:
        raise NotAvailable(
            "The package wandb is not installed. Run `make setup`: it installs what is locked."
        )
    entity, _, project = options["project"].partition("/")
    if not entity or not project or "/" in project:
        raise UsageError(
            "Say whose project, and which: ENTITY/PROJECT, such as my-team/stopwatch. Received: "
            f"{options['project']!r}."
        )
    key = read_key(options["key_file"])
    if key is None and not finds_key():
        raise UsageError(
            "There is no W&B key, and the project cannot be read without one. Run `wandb login`, "
            "set WANDB_API_KEY, or give --key-file."
        )
    return Address(entity, project, options["timeout"], key)


def _review(address: Address, options: dict[str, Any]) -> tuple[TrustedKeys, Review, Path]:
    from kit.data.progress import shown_progress
    from kit.records.atomic import disk_errors
    from kit.records.trusted_keys import load_trusted_keys
    from kit.review.examination import examine
    from kit.review.place import claim
    from kit.review.reading import read_project

    keys = load_trusted_keys(options["trusted_keys"])
    default = Path("review") / f"{address.entity}-{address.project}"
    folder = claim((options["folder"] or default).absolute())
    downloads = folder / "downloads"
    with shown_progress("review") as progress:

        def tell(stage: str, done: int, total: int | None) -> None:
            progress.stage(stage)
            progress.amount(done, total)

        copies = read_project(address, downloads, tell=tell)
    found = examine(copies, keys, folder / "evidence")
    # W&B may have other files under the same digest by the next review, which must see them.
    with disk_errors(downloads), contextlib.suppress(FileNotFoundError):
        shutil.rmtree(downloads)
    return keys, found, folder


def _scored(
    found: Review, keys: TrustedKeys, folder: Path, options: dict[str, Any]
) -> tuple[Scored | None, str]:
    """Score what is believed; where that is impossible, say why."""
    from kit.cli.score_page import Scored
    from kit.review.board import load_believed
    from kit.scoring.leaderboard import score

    try:
        loaded = load_believed(found, keys, folder / "believed", ruleset=options["ruleset"])
        if loaded is None:
            return None, ""
        names, default = loaded.results.submissions, loaded.ruleset.scoring.reference
        reference = default if default in names else None
        board = score(loaded.results, reference=reference, resamples=options["resamples"])
    except KitError as error:
        return None, str(error)
    return Scored(loaded, board, (), {}), ""
