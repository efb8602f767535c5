"""A command installs the extra packages of a submission, and says so before it waits."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kit.cli.extra_packages import extras_folder
from kit.cli.views.canvas import Terminal
from kit.cli.views.live import LiveView
from kit.cli.views.plain import PlainView
from kit.engine import extras
from kit.rules.extra_requirements import ExtraRequirement

ALPHA = ExtraRequirement("alpha", "1.0", ("0" * 64,))


def submission(*requirements: ExtraRequirement) -> Any:
    return SimpleNamespace(extra_requirements=requirements)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def pretend(requirements: Any, cache: Path, *, announce: Any) -> Path:
        announce(f"installing {requirements[0]}")
        return cache / "made"

    monkeypatch.setenv("STOPWATCH_CACHE", str(tmp_path))
    monkeypatch.setattr(extras, "installed", pretend)


@pytest.mark.usefixtures("install")
def test_where_views_write_lines_the_wait_is_announced_as_one(tmp_path: Path) -> None:
    stream = io.StringIO()
    assert extras_folder(submission(ALPHA), PlainView(stream)) == tmp_path / "made"
    assert "installing alpha==1.0" in stream.getvalue()


@pytest.mark.usefixtures("install")
@pytest.mark.parametrize("live", [True, False])
def test_elsewhere_it_is_announced_on_stderr_at_once(
    capsys: pytest.CaptureFixture[str], live: bool
) -> None:
    extras_folder(submission(ALPHA), LiveView(Terminal(file=io.StringIO())) if live else None)
    assert capsys.readouterr() == ("", "installing alpha==1.0\n")


def test_without_extra_packages_there_is_no_folder() -> None:
    assert extras_folder(submission()) is None
