"""`kit keys`: create and show signing keys; the private part never leaves its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kit import paths
from kit.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from kit.records.signing import SigningKey


@click.group(epilog="Example: kit keys show")
def keys() -> None:
    """Create and show signing keys."""


@keys.command(epilog="Example: kit keys init --name organiser")
@click.option(
    "--name", default="development", show_default=True,
    help="The key's name: lower-case letters, digits and hyphens. Select it for a run with the "
    "environment variable STOPWATCH_KEY.",
)  # fmt: skip
def init(name: str) -> None:
    """Create a signing key; an existing one is never overwritten."""
    from kit.records.signing import create_key, keys_folder

    config = paths.config_root()
    key = create_key(config, name)
    click.echo(_text(key))
    click.echo(f"\nThe private part is in {keys_folder(config) / name}.pem, readable by you alone.")
    click.echo("Keep a copy in a safe place, and give others only the public key.")


@keys.command(epilog="Example: kit keys show --json")
@click.option("--name", help="Show this key alone; by default all keys are shown.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON to stdout.")
def show(name: str | None, as_json: bool) -> None:
    """Show the public part and the key id of your signing keys."""
    found = _load(paths.config_root(), name)
    if as_json:
        click.echo(json.dumps({"keys": [_fields(key) for key in found]}, indent=2))
    else:
        click.echo("\n\n".join(_text(key) for key in found))


def _load(config: Path, name: str | None) -> list[SigningKey]:
    from kit.records.signing import key_names, keys_folder, load_key

    names = key_names(config)
    if not names:
        raise UsageError(
            f"There is no key in {keys_folder(config)} yet. Create one with `kit keys init`; "
            "`kit run` does so on first use."
        )
    if name is not None and name not in names:
        raise UnknownName("key", name, names, "--name")
    return [load_key(keys_folder(config) / f"{n}.pem") for n in names if name in (None, n)]


def _fields(key: SigningKey) -> dict[str, str]:
    return {
        "name": key.name,
        "key_id": key.key_id,
        "public_key": key.public.hex,
        "public_key_pem": key.public.pem,
    }


def _text(key: SigningKey) -> str:
    return (
        f"name        {key.name}\n"
        f"key id      {key.key_id}\n"
        f"public key  {key.public.hex}\n"
        f"{key.public.pem.rstrip()}"
    )
