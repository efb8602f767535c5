"""Labelled paragraphs at a given width, and paths as a user would type them."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

LABEL_WIDTH = 14


@dataclass(frozen=True)
class Section:
    """A labelled paragraph; `lines` are kept as they are, for copying."""

    label: str
    text: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """What is printed, before it is laid out."""

    good: bool
    headline: str
    sections: tuple[Section, ...]

    def text(self, width: int = 80) -> str:
        """Lay out at `width` columns."""
        out = [_fill(self.headline, width), ""]
        for section in self.sections:
            if section.text:
                out.append(_fill(section.text, width, f"  {section.label:<{LABEL_WIDTH}}"))
            if section.lines:
                out += [] if section.text else ["", f"{section.label}:"]
                out += [f"    {line}" for line in section.lines]
        return "\n".join(out)


def _fill(text: str, width: int, start: str = "") -> str:
    """Wrap `text` behind `start`, never between a number and its unit."""
    filled = textwrap.fill(
        re.sub(r"(?<=\d) (?=(s|min|h|MB|GB|step|steps)\b)", "\N{NO-BREAK SPACE}", text),
        width,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return filled.replace("\N{NO-BREAK SPACE}", " ")


def shown_path(path: Path, directory: Path) -> str:
    """Return `path` as a user in `directory` would type it."""
    relative = os.path.relpath(path, directory)
    return str(path) if relative.startswith(os.path.join("..", "..")) else relative


def kit_command(directory: Path) -> str:
    """Return how to call `kit` from `directory`."""
    command = shutil.which("kit")
    if command is not None and Path(command) == Path(sys.prefix) / "bin" / "kit":
        return "kit"
    return shown_path(Path(sys.prefix) / "bin" / "kit", directory)
