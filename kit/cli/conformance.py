"""`kit conformance`: compare models and algorithms with golden files."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kit.cli.views.terminal import libraries_silenced

if TYPE_CHECKING:
    from kit.conformance.report import Check, ConformanceReport

_FILES = click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path)
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
_VERBOSE = click.option(
    "--verbose", is_flag=True, help="Show every compared quantity, not the worst of each kind."
)


@click.group(epilog="Example: kit conformance model tests/golden/models/imagenet_resnet.npz")
def conformance() -> None:
    """Compare models and algorithms with golden files.

    Exits with 1 if an error is beyond its tolerance.
    """


@conformance.command(
    epilog="Example: kit conformance model tests/golden/models/imagenet_resnet__silu.npz"
)
@_FILES
@_JSON
@_VERBOSE
@click.pass_context
def model(ctx: click.Context, /, files: tuple[Path, ...], **output: bool) -> None:
    """Compare outputs, losses, gradients and statistics of a workload's model with FILE."""
    with libraries_silenced():
        from kit.conformance.model import check_model

    _report(ctx, check_model, files, **output)


@conformance.command(epilog="Example: kit conformance algorithm tests/golden/optimizers/nadamw.npz")
@_FILES
@click.option(
    "--submission",
    metavar="NAME",
    help="Compare this submission; without it, the one that FILE is named after.",
)
@_JSON
@_VERBOSE
@click.pass_context
def algorithm(
    ctx: click.Context, /, files: tuple[Path, ...], submission: str | None, **output: bool
) -> None:
    """Compare the parameters a submission reaches after each update with FILE.

    The fixed gradients are read from problem.npz beside FILE.
    """
    with libraries_silenced():
        from kit.conformance.algorithm import check_algorithm

    _report(ctx, lambda file: check_algorithm(file, submission), files, **output)


def _report(
    ctx: click.Context,
    check: Callable[[Path], ConformanceReport],
    files: tuple[Path, ...],
    *,
    as_json: bool,
    verbose: bool,
) -> None:
    reports = []
    for file in files:
        with libraries_silenced():
            reports.append(check(file))
        if not as_json:
            _print(reports[-1], verbose=verbose)
    passed = all(report.passed for report in reports)
    if as_json:
        content = {"passed": passed, "reports": [report.as_json() for report in reports]}
        click.echo(json.dumps(content, indent=2))
    if not passed:
        ctx.exit(1)


def _print(report: ConformanceReport, *, verbose: bool) -> None:
    beyond = sum(not check.passed for check in report.checks)
    verdict = "agrees with" if report.passed else "DIFFERS from"
    title = f"{report.subject} {verdict} {report.file}: "
    title += f"{beyond} of {len(report.checks)} quantities are beyond their tolerance"
    checks = list(report.checks) if verbose else worst_of_each_kind(report.checks)
    rows = [
        (
            check.quantity,
            f"{check.error:.2e}",
            f"{check.tolerance:.2e}",
            "ok" if check.passed else "BEYOND",
        )
        for check in checks
    ]
    header = ("quantity" if verbose else "worst of its kind", "max error", "tolerance", "")
    if sys.stdout.isatty():
        _print_table(title, header, rows)
        return
    click.echo(title)
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        click.echo("  " + "  ".join(map(str.ljust, row, widths)).rstrip())


def _print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for name in header:
        table.add_column(name, justify="right" if name in ("max error", "tolerance") else "left")
    for row in rows:
        table.add_row(*row, style=None if row[-1] == "ok" else "bold red")
    Console().print(table)


def worst_of_each_kind(checks: Iterable[Check]) -> list[Check]:
    """Return, for each kind of quantity, the check nearest to its tolerance or beyond it.

    The kind is what stands before the leaf: `grad` in "grad/Dense_0/kernel", `param` in "param.w1".
    Outputs and losses are kinds of their own.
    """
    worst: dict[str, Check] = {}
    for check in checks:
        kind = _kind(check.quantity)
        if kind not in worst or _excess(check) > _excess(worst[kind]):
            worst[kind] = check
    return list(worst.values())


def _kind(quantity: str) -> str:
    if quantity.startswith(("output", "loss")):
        return quantity
    return quantity.replace(".", "/").split("/")[0]


def _excess(check: Check) -> float:
    if check.error != check.error:  # NaN is worse than any number
        return float("inf")
    return check.error / check.tolerance if check.tolerance else check.error
