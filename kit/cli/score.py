"""`kit score`: who is fastest, by the written rules or as the reference scorer counts."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit import paths
from kit.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from kit.cli.score_page import Scored
    from kit.scoring.reading.load import Loaded, Request

_DEFAULT_SEED = 20_240_801  # equals kit.scoring.bootstrap.SEED, which help does not import
_NO_VARIANTS = "none"
_SHA256 = re.compile(r"[0-9a-f]{64}")


def _sha256(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _SHA256.fullmatch(value):
        raise UsageError(
            "--commit takes the sha256 of a commit.json, 64 lower-case hexadecimal digits. "
            f"Received: {value[:80]!a}."
        )
    return value


@click.command(
    short_help="Score results: leaderboard, intervals, times to target.",
    epilog="Examples: kit score results/mini; kit score --ruleset algoperf-0.5 --compat algoperf"
    " --reference baseline logs; kit score results/mini --markdown leaderboard.md",
)
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--ruleset", metavar="NAME|FILE",
    help="The ruleset; logs need it, records name their own.",
)  # fmt: skip
@click.option(
    "--tuning", type=click.Choice(["external", "self-tuning"]),
    help="Score submissions that are tuned this way; without it, as the records say, and external"
    " for logs.",
)  # fmt: skip
@click.option(
    "--compat", type=click.Choice(["algoperf"]),
    help="Count as AlgoPerf's scorer does, quirks included, and say where the written rules"
    " differ.",
)  # fmt: skip
@click.option(
    "--reference", metavar="SUBMISSION",
    help="Give speedups over this submission; without it, over the ruleset's reference.",
)  # fmt: skip
@click.option(
    "--held-out", "held_out", multiple=True, metavar="FOLDER|BASE=VARIANT",
    help="Gate by the variants that a draw revealed, given its public folder; submissions must be"
    " frozen there as they are. Or gate a base workload by this variant, taken at its word; may be"
    " repeated; `none` for no gates. Without it, the ruleset's published choice.",
)  # fmt: skip
@click.option(
    "--commit", metavar="SHA256", callback=_sha256,
    help="The draw must be the one whose commit.json has this sha256.",
)  # fmt: skip
@click.option(
    "--workloads", metavar="LIST",
    help="Score only these base workloads, separated by commas; the result is marked as partial.",
)  # fmt: skip
@click.option(
    "--studies", type=click.IntRange(min=1), metavar="N",
    help="Score only the first N studies of each submission; the result is marked as partial.",
)  # fmt: skip
@click.option(
    "--resamples", type=click.IntRange(min=0), default=1000, show_default=True,
    help="Draw so many leaderboards for the intervals; 0 for none.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(min=0), default=_DEFAULT_SEED, show_default=True,
    help="Seed of the intervals; it stands in the output.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object to stdout.")
@click.option(
    "--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write the leaderboard to this CSV file too.",
)  # fmt: skip
@click.option(
    "--markdown", "markdown_file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write the leaderboard to this Markdown file too.",
)  # fmt: skip
@click.option(
    "--trusted-key", "trusted_keys", multiple=True, metavar="KEY",
    help="A public key that you trust, as for `kit verify`; may be repeated; records of other keys"
    " are then refused.",
)  # fmt: skip
@click.option(
    "--unverified", is_flag=True,
    help="Score records that do not verify, too; every output then says UNVERIFIED.",
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

    scored = _scored(options)
    page = page_of(scored)
    for notice in page.notices:
        click.echo(f"Note: {plain(notice)}", err=True)
    if as_json:
        click.echo(json.dumps(as_dict(scored), indent=2, allow_nan=False, ensure_ascii=False))
    else:
        page.print()
    if csv_file:
        write_atomic(csv_file, as_csv(scored).encode("utf-8"))
    if markdown_file:
        write_atomic(markdown_file, page.markdown().encode("utf-8"))


def _scored(options: dict[str, Any]) -> Scored:
    """Read and score, and take the time of both."""
    from kit.cli.score_page import Scored
    from kit.scoring.explanation import differences
    from kit.scoring.leaderboard import score as score_results
    from kit.scoring.reading.load import load
    from kit.scoring.rules import ALGOPERF_SCORER, WRITTEN_RULES

    started = time.perf_counter()
    loaded = load(_request(options))
    read = time.perf_counter()
    compat = options["compat"] == "algoperf"
    board = score_results(
        loaded.results,
        reference=_reference(options["reference"], loaded),
        convention=ALGOPERF_SCORER if compat else WRITTEN_RULES,
        resamples=options["resamples"],
        seed=options["seed"],
    )
    found = differences(loaded.results) if compat else []
    done = time.perf_counter()
    seconds = {"reading": read - started, "scoring": done - read}
    return Scored(loaded, board, tuple(found), seconds)


def _request(options: dict[str, Any]) -> Request:
    from kit.records.signing import local_keys, parse_public_key
    from kit.scoring.reading.load import Request

    given = [parse_public_key(text) for text in options["trusted_keys"]]
    workloads = options["workloads"]
    return Request(
        paths=options["results"],
        ruleset=options["ruleset"],
        tuning=options["tuning"],
        held_out=given_held_out(options["held_out"]),
        commit_sha256=options["commit"],
        workloads=[name.strip() for name in workloads.split(",")] if workloads else None,
        studies=options["studies"],
        as_present=options["compat"] is not None,
        unverified=options["unverified"],
        trusted=given + local_keys(paths.config_root()),
        must_trust=bool(given),
    )


def given_held_out(words: tuple[str, ...]) -> dict[str, str] | Path | None:
    """Return variants by base workload, or the folder of a draw; None when nothing was said."""
    if not words:
        return None
    if words == (_NO_VARIANTS,):
        return {}
    if len(words) == 1 and ("=" not in words[0] or Path(words[0]).exists()):
        return _public_folder(words[0])
    chosen: dict[str, str] = {}
    for word in words:
        base, _, variant = word.partition("=")
        if not base or not variant or base in chosen:
            raise _wrong_held_out(" ".join(words))
        chosen[base] = variant
    return chosen


def _public_folder(word: str) -> Path:
    path = Path(word)
    if not path.exists():
        raise _wrong_held_out(word)
    return path


def _wrong_held_out(received: str) -> UsageError:
    return UsageError(
        "--held-out takes base=variant, once for each base workload, such as criteo1tb=layernorm; "
        "or one folder that exists, the public one of a draw; or `none`. Received: "
        f"{received!r}."
    )


def _reference(given: str | None, loaded: Loaded) -> str | None:
    names = loaded.results.submissions
    if given is not None and given not in names:
        raise UnknownName("submission", given, names, "--reference")
    default = loaded.ruleset.scoring.reference
    return given or (default if default in names else None)
