"""Which view of a study fits where the output goes."""

from __future__ import annotations

from typing import TextIO

from kit.cli.views.canvas import Terminal
from kit.cli.views.study_lines import StudyJsonView, StudyPlainView
from kit.cli.views.study_live import StudyLiveView

StudyView = StudyLiveView | StudyPlainView | StudyJsonView


def choose_study_view(stream: TextIO, *, as_json: bool = False) -> StudyView:
    """Return JSON lines if asked for, the live table on a terminal, plain lines elsewhere."""
    if as_json:
        return StudyJsonView(stream)
    console = Terminal(file=stream)
    if console.is_terminal and not console.is_dumb_terminal:
        return StudyLiveView(console)
    return StudyPlainView(stream)
