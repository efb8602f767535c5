"""`kit show`: all that is known of one workload, submission or ruleset."""

from __future__ import annotations

import json

import click

from kit import registry
from kit.cli.show_pages import Page, ruleset_page, submission_page, text, workload_page
from kit.cli.tables import plain, print_tables
from kit.errors import UnknownName
from kit.rules.ruleset import load_ruleset


@click.command(
    short_help="Show one workload, submission or ruleset in full.",
    epilog="Example: kit show imagenet_resnet",
)
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object to stdout.")
def show(name: str, as_json: bool) -> None:
    """Show the workload, submission or ruleset NAME in full; `kit list` shows the names."""
    page = _page(name)
    if as_json:
        click.echo(json.dumps(page.facts, indent=2))
        return
    lines = {
        key.replace("_", " "): text(value)
        for key, value in page.facts.items()
        if not isinstance(value, dict) and value not in (None, [])
    }
    width = max(len(key) for key in lines)
    for key, value in lines.items():
        click.echo(f"{key:<{width}}  {plain(value)}")
    click.echo()
    print_tables(table for table in page.tables if table.rows)


def _page(name: str) -> Page:
    rulesets = {ruleset: load_ruleset(ruleset) for ruleset in registry.ruleset_names()}
    known = {workload for r in rulesets.values() for workload in (*r.workloads, *r.planned)}
    workloads = known | set(registry.workload_names())
    if name in workloads:
        return workload_page(name, rulesets)
    if name in registry.submission_names():
        return submission_page(name)
    if name in rulesets:
        return ruleset_page(rulesets[name])
    choices = {*workloads, *registry.submission_names(), *rulesets}
    raise UnknownName("workload, submission or ruleset", name, choices)
