"""Images without an engine: digests, labels, messages, and what the Dockerfile promises."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import shutil
from pathlib import Path

import pytest

from kit import paths
from kit.engine import build, image, sources
from kit.engine.image import ImageFacts, facts_of, labels, mismatches
from kit.errors import NotAvailable, UnknownName
from kit.referee.environment import source_revision

DOCKERFILE = (paths.PROJECT / "Dockerfile").read_text()
ALLOWED = {
    line.removeprefix("!")
    for line in (paths.PROJECT / ".dockerignore").read_text().splitlines()
    if line.startswith("!")
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a small checkout outside git."""
    for name, content in {
        "kit/a.py": "a = 1\n",
        "kit/deep/b.py": "b = 1\n",
        "workloads/w/workload.py": "w = 1\n",
        "rules/mini.yaml": "x: 1\n",
        "pyproject.toml": "[project]\n",
        "requirements/cpu.in": "numpy\n",
        "requirements/cpu.lock": "numpy==1\n",
        "requirements/dev.lock": "pytest==1\n",
        "submissions/s/submission.py": "s = 1\n",
        "tests/test_a.py": "t = 1\n",
        "data/secret.npz": "labels",
        "results/ledger.jsonl": "{}",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path


def built(project: Path, **changes: object) -> ImageFacts:
    attributes = {
        "Id": "sha256:1",
        "Size": 5,
        "Config": {"Labels": labels("cpu", "some:base", project)},
    }
    return dataclasses.replace(facts_of(attributes), **changes)


def test_the_source_digest_is_that_of_sha256sum(checkout):
    lines = [
        f"{hashlib.sha256((checkout / path).read_bytes()).hexdigest()}  {path}\n"
        for path in (
            "kit/a.py",
            "kit/deep/b.py",
            "pyproject.toml",
            "requirements/cpu.lock",
            "requirements/dev.lock",
            "rules/mini.yaml",
            "workloads/w/workload.py",
        )
    ]
    expected = hashlib.sha256("".join(lines).encode()).hexdigest()
    assert sources.source_digest("cpu", checkout) == expected


def test_dates_and_byte_code_do_not_change_the_source_digest(checkout):
    before = sources.source_digest("cpu", checkout)
    os.utime(checkout / "kit/a.py", (1, 1))
    (checkout / "kit/__pycache__").mkdir()
    (checkout / "kit/__pycache__/a.cpython-311.pyc").write_bytes(b"x")
    assert sources.source_digest("cpu", checkout) == before


@pytest.mark.parametrize(
    "change", ["kit/a.py", "kit/new.py", "rules/mini.yaml", "requirements/dev.lock"]
)
def test_any_file_that_is_copied_changes_the_source_digest(checkout, change):
    before = sources.source_digest("cpu", checkout)
    (checkout / change).write_text("other\n")
    assert sources.source_digest("cpu", checkout) != before


def test_submissions_tests_data_and_results_are_no_part_of_an_image(checkout):
    before = sources.source_digest("cpu", checkout)
    for name in ("submissions/s/submission.py", "tests/test_a.py", "data/secret.npz"):
        (checkout / name).write_text("other\n")
    assert sources.source_digest("cpu", checkout) == before
    parts = {path.parts[0] for path in sources.source_files("test", checkout)}
    assert {"submissions", "tests"} <= parts
    assert not {"data", "results"} & parts


def test_the_lock_digest_is_that_of_the_file(checkout):
    expected = hashlib.sha256(b"numpy==1\n").hexdigest()
    assert sources.lock_digest("cpu", checkout) == expected
    assert sources.lock_digest("test", checkout) != expected


def test_an_unknown_target_is_told_with_the_choices():
    with pytest.raises(UnknownName, match="Choose one of: cpu, gpu, test, upload"):
        sources.source_digest("tpu")


def test_an_image_of_this_checkout_matches(checkout):
    assert mismatches(built(checkout), checkout) == []


def test_other_sources_and_other_packages_are_told_apart(checkout):
    facts = built(checkout, revision="abc1234def", dirty=True)
    (checkout / "kit/a.py").write_text("a = 2\n")
    assert mismatches(facts, checkout) == [
        "the image was built from other sources (revision abc1234 with changes) than this checkout"
    ]
    shutil.copy(checkout / "requirements/dev.lock", checkout / "requirements/cpu.lock")
    assert mismatches(facts, checkout)[0] == (
        "the image holds other packages (revision abc1234 with changes) than "
        "requirements/cpu.lock of this checkout"
    )


def test_an_image_without_labels_says_so():
    facts = facts_of({"Id": "sha256:1", "Size": 5, "Config": {"Labels": None}})
    assert facts.dirty is None
    assert mismatches(facts) == [
        "the image does not say what it holds: it was not built by `kit image build`"
    ]


def test_the_date_of_an_image_is_that_of_the_commit(checkout, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert built(checkout).created == "2023-11-14T22:13:20Z"


def test_inside_an_image_the_revision_comes_from_the_build(tmp_path, monkeypatch):
    for name in ("STOPWATCH_SOURCE_REVISION", "STOPWATCH_SOURCE_DIRTY"):
        monkeypatch.delenv(name, raising=False)
    assert source_revision(tmp_path) == {"revision": None, "dirty": None}
    monkeypatch.setenv("STOPWATCH_SOURCE_REVISION", "abc")
    monkeypatch.setenv("STOPWATCH_SOURCE_DIRTY", "true")
    assert source_revision(tmp_path) == {"revision": "abc", "dirty": True}
    monkeypatch.setenv("STOPWATCH_SOURCE_REVISION", "unknown")
    monkeypatch.setenv("STOPWATCH_SOURCE_DIRTY", "unknown")
    assert source_revision(tmp_path) == {"revision": None, "dirty": None}


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (["write /x: no space left on device"], "disk is full"),
        (["…", "[Errno -3] Temporary failure in name resolution"], "STOPWATCH_BUILD_NETWORK=host"),
        (["Step 7", "THESE PACKAGES DO NOT MATCH THE HASHES", "code: 1"], "DO NOT MATCH | code: 1"),
    ],
)
def test_a_failed_build_is_explained_in_one_line(output, said):
    message = str(build.explained("cpu", output))
    assert said.replace("DO NOT MATCH |", "DO NOT MATCH THE HASHES |") in message
    assert "\n" not in message


def test_a_missing_docker_command_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotAvailable, match="The command 'docker' was not found"):
        build.build("cpu")


def test_the_base_is_pinned_by_digest():
    assert re.fullmatch(r"python:3\.11\S*@sha256:[0-9a-f]{64}", build.pinned_base())
    stages = re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.MULTILINE)
    assert len(stages) == len(re.findall("^FROM", DOCKERFILE, re.MULTILINE))
    names = {name for _, name in stages}
    assert {parent for parent, _ in stages} <= names | {"${BASE_IMAGE}"}
    assert set(sources.TARGETS) <= names


def test_the_dockerfile_uses_what_both_builders_know_and_fetches_nothing_by_itself():
    instructions = re.findall(r"^([A-Z]+) ", DOCKERFILE, re.MULTILINE)
    assert "ADD" not in instructions
    for newer in ("--mount", "<<", "# syntax", "--chmod", "--link"):
        assert newer not in DOCKERFILE
    assert not re.search(r"https?://|curl|wget|apt-get", DOCKERFILE)


def test_no_image_runs_as_root():
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert users == ["10001:10001"]
    parents = {n: p for p, n in re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.MULTILINE)}
    for target in sources.TARGETS:
        stage = target
        while stage != "base":
            stage = parents[stage]


def test_what_goes_to_the_engine_is_what_the_digest_covers():
    assert {*sources._KIT, *sources._TESTS} == ALLOWED
    patterns = (paths.PROJECT / ".dockerignore").read_text().splitlines()
    assert patterns[1] == "*"
    assert {f"**/{pattern}" for pattern in sources.LEFT_OUT} <= set(patterns)
    copied = re.findall(r"^COPY (\S+) /stopwatch/\S*$", DOCKERFILE, re.MULTILINE)
    assert set(copied) == {*sources._KIT, "requirements/*.lock"}


@pytest.mark.parametrize("private", ["data", "results", "wandb", ".git", ".venv", ".stopwatch"])
def test_nothing_private_goes_to_the_engine(private):
    assert private not in ALLOWED
    assert "**/*.pem" in (paths.PROJECT / ".dockerignore").read_text()


def test_every_target_is_named_and_described():
    assert set(image._TITLES) == set(sources.TARGETS)
