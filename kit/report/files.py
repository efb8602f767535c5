"""Figures as files, light and dark: for a README, a paper, or whatever takes pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from kit.records.atomic import disk_errors, write_atomic
from kit.report.facts import Facts
from kit.report.figures import DARK, LIGHT, all_pictures

Form = Literal["svg", "png"]


def write_figures(facts: Facts, folder: Path, form: Form) -> Iterator[Path]:
    """Write every figure as `<name>-light.<form>` and `<name>-dark.<form>`; yield each path.

    Raises:
        TrialError: the folder cannot be written.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for theme in (LIGHT, DARK):
        for picture in all_pictures(facts, theme=theme):
            path = folder / f"{picture.name}-{theme.name}.{form}"
            write_atomic(path, picture.svg() if form == "svg" else picture.png())
            yield path
