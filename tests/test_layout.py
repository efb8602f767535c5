"""Who may import whom, and what the locked files promise; read from the files, nothing runs."""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
OWN = ("kit", "workloads", "submissions")
FRAMEWORKS = {"keras", "tensorflow", "jax", "torch"}
SHARED = {"kit", "contracts", "errors", "paths", "registry", "schema", "text"}

# From the bottom up: a package of kit -> those below it that it may import besides itself.
ALLOWED = {
    "schema": {"errors", "paths", "text"},
    "contracts": {"errors", "schema"},
    "algorithms": {"contracts"},
    "exchange": {"contracts", "errors", "text"},
    "backend": {"contracts", "errors", "exchange"},
    "data": SHARED,
    "trainer": SHARED | {"backend", "exchange"},
    "rules": SHARED,
    "conformance": SHARED | {"backend", "data", "rules", "trainer"},
    "records": SHARED | {"rules"},
    "planning": SHARED | {"rules", "records"},
    "referee": SHARED | {"backend", "data", "exchange", "planning", "records", "rules", "trainer"},
    "engine": SHARED | {"backend", "data", "planning", "records", "referee", "rules", "trainer"},
    "scoring": SHARED | {"rules", "records"},
    "report": SHARED | {"rules", "records", "scoring"},
    "study": SHARED | {"planning", "rules", "records", "scoring"},
    "calibration": SHARED | {"planning", "rules", "records", "scoring", "study"},
    "mirror": SHARED | {"records", "rules", "scoring"},
    "review": SHARED | {"mirror", "records", "rules", "scoring"},
    "doctor": SHARED | {"data", "engine", "records", "referee", "rules"},
    # Options, calls and output: what computes stays out of reach.
    "cli": SHARED
    | {"calibration", "conformance", "data", "doctor", "engine", "mirror", "planning", "records"}
    | {"referee", "report", "review", "rules", "scoring", "study"},
}
ALLOWED_FRAMEWORKS = {  # package of kit -> frameworks that it may import
    "contracts": {"keras"},
    "algorithms": {"keras"},
    "backend": {"keras", "tensorflow"},
    "data": {"tensorflow"},
    "trainer": {"keras"},
    "referee": {"keras"},
    "conformance": {"keras"},
}
LIGHT = (
    "kit.planning",
    "kit.rules",
    "kit.records",
    "kit.scoring",
    "kit.report",
    "kit.study",
    "kit.calibration",
    "kit.data",
    "kit.mirror",
    "kit.review",
    "kit.doctor",
    "kit.engine",
    "kit.cli",
)


TENSORFLOW_FILES = (
    PROJECT / "kit/backend/tensorflow.py",
    *(  # what the workloads' data.py files share
        PROJECT / f"kit/data/{name}.py" for name in ("pipeline", "imagenet", "small_images")
    ),
    PROJECT / "workloads/imagenet_vit/rand_augment.py",  # parts of one data.py
    PROJECT / "workloads/imagenet_vit/image_operations.py",
    PROJECT / "workloads/fastmri/undersampling.py",
    PROJECT / "workloads/fastmri/volumes.py",
)


def sources() -> list[Path]:
    """Return every source file of the project."""
    return sorted(path for folder in OWN for path in (PROJECT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def module_names() -> frozenset[str]:
    return frozenset(map(name_of, sources()))


def statements(tree: ast.AST, *, lazy: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield imports, those for type checkers left out; inside functions only if `lazy`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        elif lazy or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from statements(node, lazy=lazy)


@functools.cache
def imports(path: Path, *, lazy: bool = True) -> frozenset[str]:
    """Return what a file imports; `from a import b` counts as a.b where that is a module."""
    found = set()
    for node in statements(ast.parse(path.read_text(encoding="utf-8")), lazy=lazy):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
            continue
        assert node.level == 0, f"{path}: imports are absolute"
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            found.add(full if full in module_names() else str(node.module))
    return frozenset(found)


def top(name: str) -> str:
    return name.partition(".")[0]


def package(name: str) -> str:
    """Return "referee" for kit.referee.clock, "kit" for kit itself."""
    return name.split(".")[1] if "." in name else name


def of(folder: str) -> list[Path]:
    return [path for path in sources() if path.is_relative_to(PROJECT / folder)]


def identify(path: Path) -> str:
    return str(path.relative_to(PROJECT))


kit_files = pytest.mark.parametrize(
    "path", [p for p in of("kit") if package(name_of(p)) in ALLOWED], ids=identify
)


def test_every_package_has_a_rule():
    packages = {path.parent.name for path in (PROJECT / "kit").glob("*/__init__.py")}
    assert packages == set(ALLOWED)


def test_no_arrow_points_back():
    below = set(SHARED)
    for name, allowed in ALLOWED.items():
        assert allowed <= below, f"{name} may import what comes after it"
        below.add(name)


@kit_files
def test_kit_packages_import_only_what_lies_below_them(path):
    own = package(name_of(path))
    used = {package(name) for name in imports(path) if top(name) == "kit"}
    assert used <= ALLOWED[own] | {own}


@pytest.mark.parametrize("path", of("kit"), ids=identify)
def test_kit_never_imports_workloads_or_submissions_by_name(path):
    assert not {top(name) for name in imports(path)} & {"workloads", "submissions"}


@pytest.mark.parametrize("path", of("kit"), ids=identify)
def test_frameworks_stay_where_they_belong(path):
    allowed = ALLOWED_FRAMEWORKS.get(package(name_of(path)), set())
    assert {top(name) for name in imports(path)} & FRAMEWORKS <= allowed


@pytest.mark.parametrize("path", sources(), ids=identify)
def test_only_readers_of_data_and_the_backend_import_tensorflow(path):
    if "tensorflow" in {top(name) for name in imports(path)}:
        assert path.name == "data.py" or path in TENSORFLOW_FILES


@pytest.mark.parametrize("path", of("workloads"), ids=identify)
def test_workloads_import_contracts_data_and_themselves(path):
    own = ".".join(name_of(path).split(".")[:2])
    for name in imports(path):
        if top(name) == "kit":
            assert package(name) in {"contracts", "data", "errors"}, name
        elif top(name) == "workloads":
            assert name.startswith(own), name
        else:
            assert top(name) != "submissions", name


@pytest.mark.parametrize("path", of("submissions"), ids=identify)
def test_submissions_import_contracts_and_algorithms_only(path):
    for name in imports(path):
        if top(name) == "kit":
            assert package(name) in {"contracts", "algorithms"}, name
        else:
            assert top(name) in {"keras", "numpy"} | sys.stdlib_module_names, name


def reached_frameworks(start: str) -> set[str]:
    """Follow imports that happen when a module is loaded; return the frameworks among them."""
    paths = {name_of(path): path for path in sources()}
    waiting, seen, frameworks = [start], set(), set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):  # importing a.b.c loads a and a.b first
            part = ".".join(parts[:depth])
            if part in paths:
                waiting.extend(imports(paths[part], lazy=False))
        if top(name) in FRAMEWORKS:
            frameworks.add(top(name))
    return frameworks


@pytest.mark.parametrize(
    "name",
    sorted(
        n for n in module_names() if n.startswith(LIGHT) and n not in map(name_of, TENSORFLOW_FILES)
    ),
)
def test_light_modules_never_load_a_framework(name):
    assert not reached_frameworks(name)


def test_following_imports_finds_a_framework_where_there_is_one():
    assert "tensorflow" in reached_frameworks("kit.backend.tensorflow")
    assert "keras" in reached_frameworks("kit.algorithms.keras_adapter")


# The locked files and the texts around them.

PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
LOCKS = sorted((PROJECT / "requirements").glob("*.lock"))


def pins(path: Path) -> dict[str, str]:
    return dict(PIN.findall(path.read_text(encoding="utf-8")))


def test_cpu_gpu_and_development_locks_agree_on_shared_versions():
    cpu = pins(PROJECT / "requirements/cpu.lock")
    for name in ("gpu", "dev"):
        other = pins(PROJECT / f"requirements/{name}.lock")
        shared = cpu.keys() & other.keys()
        assert shared
        assert {key: cpu[key] for key in shared} == {key: other[key] for key in shared}


@pytest.mark.parametrize("path", LOCKS, ids=identify)
def test_lock_has_hashes_and_names_no_host(path):
    text = path.read_text(encoding="utf-8")
    assert "make lock" in text.splitlines()[1]
    assert "://" not in text
    for block in re.split(r"\n(?=[A-Za-z0-9])", text):
        if PIN.match(block):
            assert "--hash=sha256:" in block


@pytest.mark.parametrize("path", sources(), ids=identify)
def test_source_files_are_short_enough_to_read(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 350
