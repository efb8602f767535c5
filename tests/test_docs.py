"""What the documents point at exists."""

from __future__ import annotations

import re

import pytest

from kit import paths
from kit.cli.main import _COMMANDS

DOCUMENTS = sorted([paths.PROJECT / "README.md", *(paths.PROJECT / "docs").rglob("*.md")])


@pytest.mark.parametrize("document", ["rules.md", "threat-model.md"])
def test_every_test_that_is_named_as_evidence_exists(document: str) -> None:
    text = (paths.PROJECT / "docs" / document).read_text()
    named = re.findall(r"`([a-z_]+/test_[a-z_]+\.py)(?:::(test_\w+))?", text)
    assert len(named) > 20
    for file, test in named:
        path = paths.PROJECT / "tests" / file
        assert path.is_file(), file
        assert test.rstrip("_") in path.read_text(), (file, test)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_commands_of_a_document_exist(document) -> None:
    text = document.read_text()
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert link.startswith("http") or (document.parent / link).exists(), link
    for command in re.findall(r"(?:^ {4}|`|bin/)kit ([a-z]+)\b", text, flags=re.MULTILINE):
        assert command in _COMMANDS or command == "from", command
