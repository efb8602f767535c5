"""What is in a real image, and that building it again gives the same."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess

import pytest

from kit import __version__
from kit.engine.build import build, pinned_base
from kit.engine.contents import contents, differences
from kit.engine.image import describe, mismatches
from kit.engine.sources import LEFT_OUT, lock_digest, source_digest

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]
BASE = os.environ.get("BASE_IMAGE") or None

# Recomputes the source digest with nothing of the kit, from the files that lie in the image.
DIGEST_INSIDE = """
import hashlib, pathlib
root = pathlib.Path("/stopwatch")
files = sorted(p.relative_to(root) for p in root.rglob("*") if p.is_file() and p.suffix != ".pyc")
digest = hashlib.sha256()
for path in files:
    content = hashlib.sha256((root / path).read_bytes()).hexdigest()
    digest.update(f"{content}  {path}\\n".encode())
print(digest.hexdigest())
"""
BYTE_CODE = """
import collections, pathlib
flags = collections.Counter(
    path.read_bytes()[4]
    for top in ("/opt/stopwatch", "/stopwatch")
    for path in pathlib.Path(top).rglob("*.pyc")
)
folders = ("/opt/stopwatch/lib", "/stopwatch")
print(dict(flags), sum(1 for folder in folders for _ in pathlib.Path(folder).rglob("*.py")))
"""


@pytest.fixture(scope="module")
def files(image):
    return contents(image)


@pytest.fixture
def build_from(engine):
    """Return a function that builds `cpu` from a folder under a name of its own, removed after."""
    names = []

    def run(project, **options):
        names.append(f"stopwatch-test:{os.getpid()}-{len(names)}")
        return build("cpu", BASE, project=project, name=names[-1], **options)

    yield run
    for name in names:
        with contextlib.suppress(Exception):
            engine.images.remove(name, force=True)


def layers(engine, image_id):
    return engine.images.get(image_id).attrs["RootFS"]["Layers"]


def test_the_default_user_is_not_root(engine, image, run_inside):
    assert engine.images.get(image).attrs["Config"]["User"] == "10001:10001"
    assert run_inside("id", "-u").strip() == "10001"


def test_nothing_in_the_image_changes_user_or_has_capabilities(files):
    assert len(files) > 1000
    raised = [path for path, e in files.items() if e.mode & (stat.S_ISUID | stat.S_ISGID)]
    assert raised == []
    assert [path for path, entry in files.items() if entry.capability] == []


@pytest.mark.parametrize(
    "name",
    [
        "pip",
        "pip3",
        "ensurepip",
        "gcc",
        "cc",
        "g++",
        "clang",
        "make",
        "uv",
        "pytest",
        "git",
        "curl",
    ],
)
def test_nothing_installs_or_compiles_in_the_image(files, name):
    """(The Python package `clang`, which TensorFlow depends on, is bindings without a compiler.)"""
    programs = {
        path
        for path, entry in files.items()
        if path.rsplit("/", 1)[-1] == name
        and ((entry.mode & 0o111 and entry.kind != "directory") or name in ("pip", "ensurepip"))
    }
    assert programs == set()


def test_no_caches_are_added_to_the_base(files):
    added = files.keys() - contents(BASE or pinned_base()).keys()
    caches = ("/root/", "/tmp/", "/var/cache/", "/var/lib/apt/", "/var/log/")
    assert [path for path in added if path.startswith(caches)] == []
    assert [path for path in added if path.endswith((".whl", ".deb", ".tar.gz"))] == []


def test_no_file_of_ours_can_be_written_by_the_trainer(files):
    ours = {p: e for p, e in files.items() if p.startswith(("/opt/stopwatch", "/stopwatch"))}
    assert {(entry.uid, entry.gid) for entry in ours.values()} == {(0, 0)}
    assert not [p for p, e in ours.items() if e.kind != "link" and e.mode & 0o022]


def test_the_source_is_the_kit_without_submissions_and_tests(files):
    top = {path.split("/")[2] for path in files if path.startswith("/stopwatch/")}
    assert top == {"kit", "pyproject.toml", "requirements", "rules", "workloads"}


def test_the_command_runs(run_inside):
    assert run_inside("kit", "--version").strip() == f"kit, version {__version__}"
    assert "mnist" in run_inside("kit", "list")


def test_tensorflow_and_keras_import(run_inside):
    program = "import keras, tensorflow as tf; print(keras.backend.backend(), int(tf.add(1, 2)))"
    assert run_inside("python", "-c", program).split() == ["tensorflow", "3"]


def test_everything_is_byte_compiled_without_dates(run_inside):
    flags, sources = run_inside("python", "-c", BYTE_CODE).split("} ")
    assert flags == "{1: " + sources.strip()  # 1: unchecked hash, as written by `compileall`


def test_the_referee_inside_knows_its_revision(run_inside, image):
    program = (
        "from kit.referee.environment import *; import json; print(json.dumps(source_revision()))"
    )
    facts = describe(image)
    assert json.loads(run_inside("python", "-c", program)) == {
        "revision": facts.revision, "dirty": facts.dirty,
    }  # fmt: skip


def test_the_labels_are_those_of_a_clean_checkout(engine, snapshot, build_from):
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=snapshot, text=True).strip()
    facts = describe(build_from(snapshot))
    assert (facts.target, facts.version, facts.revision) == ("cpu", __version__, head)
    assert facts.dirty is False
    assert facts.created == "2024-01-02T03:04:05Z"
    assert facts.lock_sha256 == lock_digest("cpu", snapshot)
    assert facts.source_sha256 == source_digest("cpu", snapshot)
    assert facts.size_bytes > 1e9
    assert mismatches(facts, snapshot) == []
    inside = engine.containers.run(
        facts.id, ["python", "-c", DIGEST_INSIDE], remove=True, network_mode="none"
    )
    assert inside.decode().strip() == facts.source_sha256


def test_a_changed_source_is_noticed_and_rebuilds_the_last_layer_alone(
    engine, snapshot, build_from, commit
):
    first = build_from(snapshot)
    (snapshot / "kit" / "errors.py").write_text("# changed\n")
    assert mismatches(describe(first), snapshot)[0].startswith("the image was built from other")
    commit(snapshot)
    second = build_from(snapshot)
    before, after = layers(engine, first), layers(engine, second)
    assert before[:-1] == after[:-1]
    assert before[-1] != after[-1]
    changed = list(differences(contents(first), contents(second)))
    assert [line.partition(":")[0] for line in changed] == [
        "/stopwatch/kit/__pycache__/errors.cpython-311.pyc",
        "/stopwatch/kit/errors.py",
    ]


def test_the_same_tree_elsewhere_and_later_gives_the_same_files(snapshot, build_from, tmp_path):
    first = build_from(snapshot)
    other = snapshot.rename(tmp_path / "moved")
    for path in (other / "kit").rglob("*.py"):
        path.chmod(0o600)  # as a clone under a stricter umask has them
        os.utime(path, (1, 1))
    (other / "rules" / "unrelated").touch()
    changed = build_from(other)  # the source stage runs again …
    (other / "rules" / "unrelated").unlink()
    again = build_from(other)
    assert again != changed
    assert list(differences(contents(first), contents(again))) == []


@pytest.mark.slow
def test_two_builds_without_any_cache_give_the_same_files(snapshot, build_from):
    first = build_from(snapshot)
    second = build_from(snapshot, no_cache=True)
    assert list(differences(contents(first), contents(second))) == []


def test_private_files_do_not_reach_the_engine(engine, snapshot, build_from):
    (snapshot / "kit" / "leaked.pem").write_text("PRIVATE KEY")
    (snapshot / "data").mkdir()
    assert "*.pem" in LEFT_OUT
    facts = describe(build_from(snapshot))
    assert mismatches(facts, snapshot) == []
    assert not [path for path in contents(facts.id) if path.endswith(".pem") and "kit" in path]
