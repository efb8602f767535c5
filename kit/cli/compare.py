"""`kit compare`: is this submission faster than that one? Pairs of trials with the same seeds."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit import paths
from kit.cli.study_setup import workload_names
from kit.cli.trial import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK

if TYPE_CHECKING:
    from kit.cli.compare_page import Compared
    from kit.study.estimate import Estimate
    from kit.study.owed import Board
    from kit.study.pairs import Duel

_DEFAULT_PAIRS = 6


@click.command(
    epilog="Example: kit compare my_lion nadamw --workloads mnist",
    short_help="Race two submissions in pairs with the same seeds.",
)
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option(
    "--workloads", metavar="LIST", callback=workload_names,
    help="Only these workloads, separated by commas; without it, all that are scored and built.",
)  # fmt: skip
@click.option(
    "--seeds", "pairs", type=click.IntRange(min=1), default=_DEFAULT_PAIRS, show_default=True,
    help="Run so many pairs on each workload; six are the fewest with which one workload alone can"
    " tell. A larger number later adds to what is there.",
)  # fmt: skip
@click.option(
    "--ruleset", metavar="NAME|FILE", default="mini", show_default=True,
    help="The rules: targets, budgets, eval periods; `kit list rulesets` shows them.",
)  # fmt: skip
@click.option(
    "--trial", type=click.IntRange(min=1), default=1, show_default=True,
    help="Which point each side uses, counted from 1 as the trials of a study.",
)  # fmt: skip
@click.option(
    "--isolation", type=click.Choice(["auto", "bubblewrap", "process"]), default="auto",
    show_default=True,
    help="How trainers are shut in; auto takes the strongest that works here.",
)  # fmt: skip
@click.option(
    "--results", type=click.Path(file_okay=False, path_type=Path), default=paths.results_root,
    show_default="results/ of the project, or STOPWATCH_RESULTS",
    help="Records go to compare/ below this folder, apart from official ones.",
)  # fmt: skip
@click.option("--plan", is_flag=True, help="Say what would run and how long; start nothing.")
@click.option(
    "--json", "as_json", is_flag=True,
    help="Write the result as one JSON object to stdout, and events as JSON lines to stderr.",
)  # fmt: skip
def compare(plan: bool, as_json: bool, **options: Any) -> int:
    """Race submissions A and B, names or folders, in pairs of trials with the same seeds.

    Both trials of a pair start from the same parameters and see the data in the same order; A and B
    alternate, so that drift of the machine cancels. Interrupt it at any moment: the same command
    goes on. Nobody chooses the seeds, but the runs are for development and never official. Exits
    with 0 whoever is faster, 1 when a trial failed, broke a rule or was interrupted too often, 2
    when the request is wrong, and 130 after Ctrl-C.
    """
    from kit.cli.compare_page import announcement, as_dict, print_page, shown_names
    from kit.cli.views.layout import kit_command
    from kit.cli.views.pair_lines import pair_views
    from kit.cli.views.terminal import stream_for_view

    duel = _duel(options)
    names = shown_names(duel)
    boards = duel.boards(while_running=True)
    views = pair_views(stream_for_view(), names, as_json=as_json)
    whole, owed = _estimates(duel, boards, options["results"])
    views[0].note(announcement(duel, names, whole, owed))
    ended_by = None
    if not plan:
        boards, ended_by = _run(duel, views, options["isolation"])
    compared = _compared(duel, boards, names)
    if as_json:
        content = as_dict(compared, interrupted_by=ended_by, estimate=owed)
        click.echo(json.dumps(content, allow_nan=False))
    elif not plan or compared.times:
        again = f"{kit_command(Path.cwd())} compare {shlex.join(_arguments(options))}"
        print_page(compared, again=again)
    return EXIT_OK if plan else _exit_code(boards, ended_by)


def _duel(options: dict[str, Any]) -> Duel:
    from kit.records.signing import load_or_create_key
    from kit.rules.ruleset import load_ruleset
    from kit.rules.submission import load_submission
    from kit.study.evidence import Evidence
    from kit.study.pairs import Duel, side_folders, side_of

    ruleset = load_ruleset(options["ruleset"])
    first, second = (
        load_submission(options[side], ruleset.submission_limits) for side in ("first", "second")
    )
    chosen = {name: options[name] for name in ("workloads", "pairs", "trial")}
    sides = [side_of(ruleset, one, **chosen) for one in (first, second)]
    key = load_or_create_key(paths.config_root())
    folders = side_folders(options["results"].absolute(), first, second)
    return Duel((Evidence(sides[0], folders[0], key), Evidence(sides[1], folders[1], key)))


def _estimates(duel: Duel, boards: tuple[Board, Board], results: Path) -> tuple[Estimate, Estimate]:
    """Estimate all trials, and those still to be run, from earlier ones on this machine."""
    from kit.referee.environment import machine
    from kit.study.estimate import estimate, together
    from kit.study.measures import measures_of

    here = machine()
    parts = []
    for side, board in zip(duel.sides, boards, strict=True):
        assignment = side.assignment
        own = measures_of(side.results, assignment, here)
        others = measures_of(results.absolute(), assignment, here)
        measures = {label: own[label] or others[label] for label in own}
        budgets = {part.label: part.rules.max_runtime_seconds for part in assignment.parts}
        parts.append(
            tuple(
                estimate((s.id.label for s in standings), budgets, measures)
                for standings in (board.standings, board.owed)
            )
        )
    return together(parts[0][0], parts[1][0]), together(parts[0][1], parts[1][1])


def _run(duel: Duel, views: list[Any], isolation: Any) -> tuple[tuple[Board, Board], str | None]:
    from kit.planning.request import Execution
    from kit.referee.signals import Signals
    from kit.study.executor import LocalExecutor
    from kit.study.pairs import run_pairs

    execution, name = Execution(isolation=isolation), duel.sides[0].results.parent.name
    plans = [side.planner(execution, comparison=name) for side in duel.sides]
    with Signals() as signals, LocalExecutor() as executor:
        boards = run_pairs(duel, plans, executor, observers=views, signals=signals)
        return boards, signals.received()


def _compared(duel: Duel, boards: tuple[Board, Board], names: tuple[str, str]) -> Compared:
    from kit.cli.compare_page import Compared
    from kit.scoring.comparison import compare as compare_times
    from kit.scoring.verdict import Verdict, verdict
    from kit.study.pairs import pair_times

    times = pair_times(duel, boards)
    firsts = {label: [pair[0] for pair in pairs] for label, pairs in times.items()}
    seconds = {label: [pair[1] for pair in pairs] for label, pairs in times.items()}
    whole = compare_times(firsts, seconds) if times else None
    nothing = Verdict(None, "Nothing can be said yet: no pair is complete.")
    return Compared(
        names=names,
        duel=duel,
        times=times,
        owed=sum(len(board.owed) for board in boards),
        whole=whole,
        verdict=verdict(whole, *names) if whole else nothing,
        remarks=tuple(_remarks(duel, boards, names)),
    )


def _remarks(duel: Duel, boards: tuple[Board, Board], names: tuple[str, str]) -> list[str]:
    """Return what a reader must know beside the numbers."""
    remarks = []
    modes = [side.assignment.mode for side in duel.sides]
    if modes[0] != modes[1]:
        remarks.append(
            f"{names[0]} ({modes[0]}) and {names[1]} ({modes[1]}): self-tuning has a "
            "longer budget, and leaderboards keep the two apart."
        )
    for name, board in zip(names, boards, strict=True):
        lost = [standing for standing in board.standings if standing.is_forfeited]
        if lost:
            states = sorted({str(s.decided.state) if s.decided else "given up" for s in lost})
            remarks.append(
                f"{name}: {len(lost)} trials count as missed, because something went wrong with "
                f"them ({', '.join(states)}), first {lost[0].id.label}, pair "
                f"{lost[0].id.study}. Their records say what."
            )
    return remarks


def _arguments(options: dict[str, Any]) -> list[str]:
    """Return the arguments that ask for the same again."""
    words = [options["first"], options["second"]]
    if options["workloads"] is not None:
        words += ["--workloads", ",".join(options["workloads"])]
    for name, option, default in (
        ("pairs", "--seeds", _DEFAULT_PAIRS),
        ("ruleset", "--ruleset", "mini"),
        ("trial", "--trial", 1),
        ("isolation", "--isolation", "auto"),
    ):
        words += [] if options[name] == default else [option, str(options[name])]
    if options["results"].absolute() != paths.results_root():
        words += ["--results", str(options["results"])]
    return words


def _exit_code(boards: tuple[Board, Board], ended_by: str | None) -> int:
    if ended_by:
        return EXIT_INTERRUPTED if ended_by == "SIGINT" else EXIT_FAILED
    lost = any(s.is_forfeited for board in boards for s in board.standings)
    return EXIT_FAILED if lost else EXIT_OK
