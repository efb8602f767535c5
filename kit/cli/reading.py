"""What is read and scored, and how: options and work that `kit score` and `kit report` share."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit import paths
from kit.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from kit.cli.score_page import Scored
    from kit.scoring.leaderboard import Leaderboard
    from kit.scoring.reading.load import Loaded, Request

DEFAULT_SEED = 20_240_801  # equals kit.scoring.bootstrap.SEED, which help does not import
_NO_VARIANTS = "none"

_SHA256 = re.compile(r"[0-9a-f]{64}")


def _sha256(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _SHA256.fullmatch(value):
        raise UsageError(
            "--commit takes the sha256 of a commit.json, 64 lower-case hexadecimal digits. "
            f"Received: {value[:80]!a}."
        )
    return value


# fmt: off
_OPTIONS = (
    click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path)),
    click.option(
        "--ruleset",
        metavar="NAME|FILE",
        help="The ruleset; logs need it, records name their own.",
    ),
    click.option(
        "--tuning",
        type=click.Choice(["external", "self-tuning"]),
        help="Score submissions that are tuned this way; without it, as the records say, and"
        " external for logs.",
    ),
    click.option(
        "--compat",
        type=click.Choice(["algoperf"]),
        help="Count as AlgoPerf's scorer does, quirks included, and say where the written rules"
        " differ.",
    ),
    click.option(
        "--reference",
        metavar="SUBMISSION",
        help="Give speedups over this submission; without it, over the ruleset's reference.",
    ),
    click.option(
        "--held-out",
        "held_out",
        multiple=True,
        metavar="FOLDER|BASE=VARIANT",
        help="Gate by the variants that a draw revealed, given its public folder; submissions must"
        " be frozen there as they are. Or gate a base workload by this variant, taken at its word;"
        " may be repeated; `none` for no gates. Without it, the ruleset's published choice.",
    ),
    click.option(
        "--commit",
        metavar="SHA256",
        callback=_sha256,
        help="The draw must be the one whose commit.json has this sha256.",
    ),
    click.option(
        "--workloads",
        metavar="LIST",
        help="Score only these base workloads, separated by commas; the result is marked as"
        " partial.",
    ),
    click.option(
        "--studies",
        type=click.IntRange(min=1),
        metavar="N",
        help="Score only the first N studies of each submission; the result is marked as partial.",
    ),
    click.option(
        "--resamples",
        type=click.IntRange(min=0),
        default=1000,
        show_default=True,
        help="Draw so many leaderboards for the intervals; 0 for none.",
    ),
    click.option(
        "--seed",
        type=click.IntRange(min=0),
        default=DEFAULT_SEED,
        show_default=True,
        help="Seed of the intervals; it stands in the output.",
    ),
    click.option(
        "--trusted-key",
        "trusted_keys",
        multiple=True,
        metavar="KEY",
        help="A public key that you trust, as for `kit verify`; may be repeated; records of other"
        " keys are then refused.",
    ),
    click.option(
        "--unverified",
        is_flag=True,
        help="Score records that do not verify, too; every output then says UNVERIFIED.",
    ),
)
# fmt: on


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add RESULTS and the options that say how to read and score them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def scored(options: dict[str, Any]) -> Scored:
    """Read and score, and take the time of both."""
    from kit.cli.score_page import Scored
    from kit.scoring.explanation import differences

    started = time.perf_counter()
    loaded = read(options)
    after_reading = time.perf_counter()
    board = leaderboard(loaded, options)
    found = differences(loaded.results) if options["compat"] == "algoperf" else []
    seconds = {
        "reading": after_reading - started,
        "scoring": time.perf_counter() - after_reading,
    }
    return Scored(loaded, board, tuple(found), seconds)


def read(options: dict[str, Any]) -> Loaded:
    """Read RESULTS as the options say."""
    from kit.scoring.reading.load import load

    return load(_request(options))


def leaderboard(loaded: Loaded, options: dict[str, Any]) -> Leaderboard:
    """Score what was read as the options say."""
    from kit.scoring.leaderboard import score
    from kit.scoring.rules import ALGOPERF_SCORER, WRITTEN_RULES

    return score(
        loaded.results,
        reference=_reference(options["reference"], loaded),
        convention=ALGOPERF_SCORER if options["compat"] == "algoperf" else WRITTEN_RULES,
        resamples=options["resamples"],
        seed=options["seed"],
    )


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
        workloads=None if workloads is None else [n.strip() for n in workloads.split(",")],
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
