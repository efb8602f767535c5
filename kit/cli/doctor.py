"""`kit doctor`: what about this machine helps or hinders an honest measurement."""

from __future__ import annotations

import dataclasses
import json

import click

_MARKS = {"ok": ("ok", "green"), "warning": ("warn", "yellow"), "error": ("FAIL", "red")}
SUBJECT_WIDTH = 12


@click.command(epilog="Example: kit doctor", short_help="Check this machine and say what to fix.")
@click.option("--json", "as_json", is_flag=True, help="Write the findings as one JSON array.")
def doctor(as_json: bool) -> int:
    """Check this machine and say what to fix.

    Exits with 1 when something prevents running. A warning makes a result weaker or slower, or
    closes one of the ways to run.
    """
    from kit.doctor import Finding, Level, examine

    findings: list[Finding] = []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            mark, colour = _MARKS[finding.level]
            fix = f" Fix: {finding.fix}" if finding.fix else ""
            label = click.style(f"{mark:<5}", fg=colour)
            click.echo(f"{label} {finding.subject:<{SUBJECT_WIDTH}} {finding.text}.{fix}")
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(finding) for finding in findings]))
    return int(any(finding.level is Level.ERROR for finding in findings))
