"""`kit image`, without an engine."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from kit.cli.main import cli
from kit.engine import build, contents, image
from kit.engine.contents import Entry
from kit.engine.image import ImageFacts
from kit.errors import NotAvailable, UnknownName

FACTS = ImageFacts(
    id="sha256:abc", size_bytes=1_580_000_000, target="cpu", version="1", revision="abc1234def",
    dirty=True, created="2024-01-02T03:04:05Z", base_image="python:3.11", lock_sha256="1" * 64,
    source_sha256="2" * 64,
)  # fmt: skip


def invoke(*arguments: str):
    return CliRunner().invoke(cli, ["image", *arguments], catch_exceptions=True)


def test_build_prints_what_was_built(monkeypatch):
    asked = []
    monkeypatch.setattr(build, "build", lambda *a: asked.append(a) or "sha256:abc")
    monkeypatch.setattr(image, "describe", lambda _: FACTS)
    result = invoke("build", "--target", "gpu", "--base-image", "some:base")
    assert result.exit_code == 0
    assert asked == [("gpu", "some:base")]
    for part in ("sha256:abc", "1.58 GB", "abc1234def, with uncommitted changes", "1" * 64):
        assert part in result.stdout


def test_the_base_image_may_come_from_the_environment(monkeypatch):
    asked = []
    monkeypatch.setenv("BASE_IMAGE", "other:base")
    monkeypatch.setattr(build, "build", lambda *a: asked.append(a) or "sha256:abc")
    monkeypatch.setattr(image, "describe", lambda _: FACTS)
    invoke("build")
    assert asked == [("cpu", "other:base")]


def test_show_says_where_the_image_is_not_this_checkout(monkeypatch):
    monkeypatch.setattr(image, "describe", lambda _: FACTS)
    result = invoke("show")
    assert "built from other sources (revision abc1234 with changes)" in result.stderr
    data = json.loads(invoke("show", "--json").stdout)
    assert data["id"] == "sha256:abc"
    assert len(data["mismatches"]) == 2


def test_an_unknown_target_is_told_before_the_engine_is_asked():
    result = invoke("show", "--target", "tpu")
    assert isinstance(result.exception, UnknownName)


def test_without_an_engine_the_message_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    assert isinstance(invoke("show").exception, NotAvailable)


@pytest.mark.parametrize(("other", "code"), [(0o644, 0), (0o755, 1)])
def test_compare_exits_with_1_where_files_differ(monkeypatch, other, code):
    trees = {"a": {"/x": Entry("file", 0o644, 0, 0)}, "b": {"/x": Entry("file", other, 0, 0)}}
    monkeypatch.setattr(contents, "contents", trees.get)
    result = CliRunner().invoke(cli, ["image", "compare", "a", "b"], standalone_mode=False)
    assert result.return_value == code
    assert ("/x: mode 0o644 and 0o755" in result.stdout) == bool(code)


def test_compare_shows_the_first_differences_and_counts_all(monkeypatch):
    trees = {"a": {f"/{i:03}": Entry("file", 0o644, 0, 0) for i in range(50)}, "b": {}}
    monkeypatch.setattr(contents, "contents", trees.get)
    result = CliRunner().invoke(cli, ["image", "compare", "a", "b"], standalone_mode=False)
    assert result.stdout.count("only in the first image") == 20
    assert "The images differ in 50 paths." in result.stdout
