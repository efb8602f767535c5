"""What the documents point at exists."""

from __future__ import annotations

import importlib.util
import re

import pytest

from kit import paths, registry
from kit.cli.main import _COMMANDS

DOCUMENTS = sorted([paths.PROJECT / "README.md", *(paths.PROJECT / "docs").rglob("*.md")])


@pytest.mark.parametrize("document", ["rules.md", "threat-model.md", "held-out.md"])
def test_every_test_that_is_named_as_evidence_exists(document: str) -> None:
    text = (paths.PROJECT / "docs" / document).read_text()
    named = re.findall(r"`([a-z_]+/test_[a-z_]+\.py)(?:::(test_\w+))?", text)
    assert len(named) > 9
    for file, test in named:
        path = paths.PROJECT / "tests" / file
        assert path.is_file(), file
        assert test.rstrip("_") in path.read_text(), (file, test)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_commands_of_a_document_exist(document) -> None:
    text = document.read_text()
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert link.startswith("http") or (document.parent / link).exists(), link
    for command in re.findall(
        r"(?:^ {4}|`|bin/)kit ([a-z]+(?:-[a-z]+)*)\b", text, flags=re.MULTILINE
    ):
        assert command in _COMMANDS or command == "from", command


@pytest.mark.parametrize("workload", registry.workload_names())
def test_generated_part_of_a_workloads_page_is_current(workload) -> None:
    path = paths.PROJECT / "docs" / "generate.py"
    spec = importlib.util.spec_from_file_location("docs_generate", path)
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    page = (paths.PROJECT / "docs" / "workloads" / f"{workload}.md").read_text()
    assert generate.renewed(page, workload) == page, "Run: make docs"
    with pytest.raises(ValueError, match="needs once each"):
        generate.renewed("no marks here", workload)
