"""`kit image`: build the container images, say what is in them, compare two."""

from __future__ import annotations

import dataclasses
import itertools
import json
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kit.engine.image import ImageFacts

SHOWN_DIFFERENCES = 20

_target = click.option(
    "--target", default="cpu", show_default=True, metavar="NAME",
    help="Which image: cpu or gpu train and judge, upload mirrors results, test runs the tests.",
)  # fmt: skip
_as_json = click.option("--json", "as_json", is_flag=True, help="Write one JSON object to stdout.")


@click.group(epilog="Example: kit image build --target cpu")
def image() -> None:
    """Build, show and compare container images."""


@image.command(epilog="Example: kit image build --target gpu")
@_target
@click.option(
    "--base-image", envvar="BASE_IMAGE", metavar="REFERENCE",
    help="A base image with Python 3.11, instead of the one that the Dockerfile pins by digest. "
    "The environment variable BASE_IMAGE does the same.",
)  # fmt: skip
@_as_json
def build(target: str, base_image: str | None, as_json: bool) -> None:
    """Build an image and name it stopwatch:TARGET.

    The engine's output goes to stderr. STOPWATCH_BUILD_NETWORK=host serves an engine without a
    bridge.
    """
    from kit.engine.build import build as build_image
    from kit.engine.image import describe

    _print(describe(build_image(target, base_image or None)), as_json)


@image.command(epilog="Example: kit image show --target cpu --json")
@_target
@_as_json
def show(target: str, as_json: bool) -> None:
    """Show what an image holds, and whether this checkout would build the same."""
    from kit.engine.image import describe, tag
    from kit.engine.sources import lock_files

    lock_files(target)  # an unknown target is told from an image that is not built
    _print(describe(tag(target)), as_json)


@image.command(epilog="Example: kit image compare stopwatch:cpu sha256:1f2e…")
@click.argument("first")
@click.argument("second")
def compare(first: str, second: str) -> int:
    """Compare the files of two images: type, mode, owner, size, content, link target.

    Dates do not count: the engine stamps the directories that it makes itself. Exits with 1 when
    anything else differs.
    """
    from kit.engine.contents import contents, differences

    found = differences(contents(first), contents(second))
    shown = list(itertools.islice(found, SHOWN_DIFFERENCES))
    more = sum(1 for _ in found)
    if not shown:
        click.echo("The files of the two images are the same.")
        return 0
    click.echo("\n".join(shown))
    click.echo(f"The images differ in {len(shown) + more} paths.")
    return 1


def _print(facts: ImageFacts, as_json: bool) -> None:
    from kit.engine.image import mismatches

    unlike = mismatches(facts)
    if as_json:
        click.echo(json.dumps({**dataclasses.asdict(facts), "mismatches": unlike}, indent=2))
        return
    changes = {True: ", with uncommitted changes", False: "", None: ", changes unknown"}
    lines = {
        "image": facts.id,
        "target": facts.target,
        "size": f"{facts.size_bytes / 1e9:.2f} GB",
        "version": facts.version,
        "revision": f"{facts.revision}{changes[facts.dirty]}",
        "lock": facts.lock_sha256,
        "source": facts.source_sha256,
        "base": facts.base_image,
    }
    for name, value in lines.items():
        click.echo(f"{name:<9} {value or 'unknown'}")
    for sentence in unlike:
        click.secho(f"Note: {sentence}.", fg="yellow", err=True, color=sys.stderr.isatty())
