"""`kit heldout`: commit to a nonce, reveal the variants that follow, and check both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kit import paths
from kit.cli.freeze import FOLDER_HELP
from kit.cli.tables import plain
from kit.text import escape_line

if TYPE_CHECKING:
    from kit.records.held_out import Organiser

_ruleset = click.option(
    "--ruleset", required=True, metavar="NAME",
    help="The ruleset whose held-out variants are drawn; `kit list rulesets` shows them.",
)  # fmt: skip
_folder = click.option("--folder", type=click.Path(path_type=Path), help=FOLDER_HELP)
_json = click.option("--json", "as_json", is_flag=True, help="Write the result as JSON to stdout.")


@click.group(epilog="Example: kit heldout check --folder held-out/mini")
def heldout() -> None:
    """Draw held-out variants so that neither submitters nor organisers know them early.

    Three steps: `kit heldout commit`, `kit freeze`, `kit heldout reveal`. Anyone can `check`.
    """


@heldout.command(
    epilog="Example: kit heldout commit --ruleset mini --public-value-will-be"
    " 'Bitcoin block hash at height 990000, hexadecimal'"
)
@_ruleset
@_folder
@click.option(
    "--public-value-will-be", required=True, metavar="TEXT",
    help="Which value will be mixed in at the reveal: one that nobody can know before all"
    " submissions are frozen, described so exactly that there is only one.",
)  # fmt: skip
@_json
def commit(ruleset: str, folder: Path | None, public_value_will_be: str, as_json: bool) -> None:
    """Draw a secret nonce and publish its hash, before submissions freeze."""
    from kit.records.held_out import commit as take_step
    from kit.records.held_out import default_folder
    from kit.rules.ruleset import load_ruleset

    rules = load_ruleset(ruleset)
    folder = folder or default_folder(rules.name)
    statement = take_step(
        folder,
        ruleset=rules,
        public_value_will_be=public_value_will_be,
        organiser=_organiser(),
    )
    fields = {
        "file": str(folder / statement.file),
        "sha256": statement.sha256,
        "ruleset_sha256": rules.sha256,
        "key_id": statement.key.key_id,
        **statement.said.model_dump(),
    }
    if as_json:
        click.echo(json.dumps(fields, indent=2))
        return
    click.echo(plain(f"{fields['file']}: committed, for ruleset {rules.name}."))
    click.echo(f"sha256 {statement.sha256}")
    click.echo(
        "Publish this sha256 where somebody else dates it, and the folder: only that shows when "
        "you committed. The nonce is in your private folder "
        f"{plain(paths.config_root() / 'held-out')}; keep a copy, for without it nobody can reveal."
    )


@heldout.command(epilog="Example: kit heldout reveal --ruleset mini --public-value 00000000000…")
@_ruleset
@_folder
@click.option(
    "--public-value", required=True, metavar="TEXT",
    help="The value that the commit statement describes, exactly as its source writes it.",
)  # fmt: skip
@_json
def reveal(ruleset: str, folder: Path | None, public_value: str, as_json: bool) -> None:
    """Open the nonce and publish which variants follow; this happens once."""
    from kit.records.held_out import default_folder, load_reveal
    from kit.records.held_out import reveal as take_step
    from kit.rules.ruleset import load_ruleset

    rules = load_ruleset(ruleset)
    folder = folder or default_folder(rules.name)
    statement = take_step(folder, ruleset=rules, public_value=public_value, organiser=_organiser())
    choice = load_reveal(folder, rules).choice
    path = folder / statement.file
    if as_json:
        fields = {"file": str(path), "sha256": statement.sha256, **statement.said.model_dump()}
        click.echo(json.dumps({**fields, "choice": choice}, indent=2))
        return
    click.echo(plain(f"{path}: revealed. Publish the folder. The variants that count:"))
    for base, variant in choice.items():
        click.echo(f"  {base}  {variant}")
    click.echo(f"sha256 {statement.sha256}")


@heldout.command(epilog="Example: kit heldout check --folder held-out/mini --submission nadamw")
@click.option("--folder", type=click.Path(path_type=Path), help=FOLDER_HELP)
@click.option(
    "--ruleset", metavar="NAME",
    help="The ruleset that must have been committed to; without it, the one that was.",
)  # fmt: skip
@click.option(
    "--submission", metavar="NAME|FOLDER",
    help="Say also whether this submission was frozen as it is now.",
)  # fmt: skip
@click.option(
    "--trusted-key", "trusted_keys", multiple=True, metavar="KEY",
    help="A public key that you trust: 64 hexadecimal digits, or a file with those or PEM. May be"
    " repeated; a draw signed by a key that is neither among these nor your own then fails.",
)  # fmt: skip
@_json
@click.pass_context
def check(
    ctx: click.Context,
    folder: Path | None,
    ruleset: str | None,
    submission: str | None,
    trusted_keys: tuple[str, ...],
    as_json: bool,
) -> None:
    """Recompute everything from the public files; exits with 1 when anything does not match."""
    from kit.cli.heldout_report import Question, as_dict, look, sentences

    question = Question(folder, ruleset, submission, trusted_keys)
    where, found = look(question)
    if as_json:
        click.echo(json.dumps(as_dict(where, found), indent=2))
    else:
        headline, *rest = map(escape_line, sentences(where, found))
        click.echo(click.style(headline, fg="green" if found.ok else "red", bold=True))
        click.echo("\n".join(rest))
    if not found.ok:
        ctx.exit(1)


def _organiser() -> Organiser:
    from kit.records.held_out import Organiser
    from kit.records.signing import load_or_create_key

    config = paths.config_root()
    return Organiser(load_or_create_key(config), config)
