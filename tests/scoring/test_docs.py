"""The page about scoring names functions that exist."""

from __future__ import annotations

import importlib
import re

from kit import paths

PAGE = (paths.PROJECT / "docs" / "scoring.md").read_text(encoding="utf-8")


def test_every_function_that_the_page_names_exists():
    named = re.findall(r"`([a-z_]+)\.([A-Za-z_]+)`", PAGE)
    named = [(module, name) for module, name in named if name not in {"json", "csv"}]
    assert len(named) > 12
    for module, name in named:
        assert hasattr(importlib.import_module(f"kit.scoring.{module}"), name), (module, name)
