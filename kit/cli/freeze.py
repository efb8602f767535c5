"""`kit freeze`: record the digests of submissions before held-out variants are revealed."""

from __future__ import annotations

import json
from pathlib import Path

import click

from kit import paths
from kit.cli.tables import plain

FOLDER_HELP = "The public folder of the draw; by default held-out/ of the project and the ruleset."


@click.command(epilog="Example: kit freeze nadamw adamw path/to/their_folder --ruleset mini")
@click.argument("submissions", nargs=-1, required=True, metavar="SUBMISSION...")
@click.option(
    "--ruleset", required=True, metavar="NAME",
    help="The ruleset whose held-out variants will be drawn.",
)  # fmt: skip
@click.option("--folder", type=click.Path(path_type=Path), help=FOLDER_HELP)
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON to stdout.")
def freeze(submissions: tuple[str, ...], ruleset: str, folder: Path | None, as_json: bool) -> None:
    """Record names and digests of submissions in a signed statement.

    It comes after `kit heldout commit` and before `kit heldout reveal`. What is frozen stays so; a
    further freeze only adds. The choice of variants depends on all frozen submissions.
    """
    from kit.records.held_out import Organiser, default_folder
    from kit.records.held_out import freeze as take_step
    from kit.records.signing import load_or_create_key
    from kit.rules.held_out import policy_of
    from kit.rules.ruleset import load_ruleset
    from kit.rules.submission import load_submission

    rules = load_ruleset(ruleset)
    policy_of(rules)
    loaded = [load_submission(name, rules.submission_limits) for name in submissions]
    for submission in loaded:
        submission.tuning_for(rules.name)  # one that cannot be run is not worth freezing
    config = paths.config_root()
    statement, added = take_step(
        folder or default_folder(rules.name),
        ruleset=rules,
        submissions=loaded,
        organiser=Organiser(load_or_create_key(config), config),
    )
    path = (folder or default_folder(rules.name)) / statement.file
    if as_json:
        fields = {"file": str(path), "sha256": statement.sha256, "time": statement.said.time}
        frozen = dict(statement.digests)
        click.echo(json.dumps({**fields, "added": added, "frozen": frozen}, indent=2))
        return
    click.echo(plain(f"{path}: {_counted(len(statement.digests))} frozen, {len(added)} new."))
    for name, digest in statement.digests.items():
        click.echo(f"  {digest}  {name}{' (new)' if name in added else ''}")
    click.echo(f"sha256 {statement.sha256}")
    click.echo(
        "Publish this sha256 where somebody else dates it, before the public value can be known: "
        "only that shows that nothing was frozen later."
    )


def _counted(count: int) -> str:
    return f"{count} submission" if count == 1 else f"{count} submissions"
