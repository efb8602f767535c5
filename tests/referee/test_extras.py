"""Extra packages in real trials: importable after Go, last in line, and in the trainer alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kit.engine.settings import Settings
from kit.engine.trial import run_in_containers
from kit.errors import TrialError
from kit.planning.plan import plan_trial
from kit.planning.request import Execution, open_request
from kit.records.ledger import LEDGER, Ledger
from kit.records.record import TrialState
from kit.referee import isolation
from kit.referee.events import Outcome
from kit.referee.trial import run_trial
from kit.rules.extra_requirements import LOCK
from tests.conftest import CHEATING, MANIFEST, Silent, in_containers

# Keras imports pandas while it is loaded, before Go, where there is one: so a folder that joins
# sys.path too early is noticed. sitecustomize and numpy would be run, or would hide the pinned one.
EXTRAS = {
    "pandas/__init__.py": "WHEN = 'after Go'\n",
    "sitecustomize.py": "raise SystemExit('run at the start')\n",
    "numpy/__init__.py": "raise SystemExit('hides the pinned one')\n",
    "hook.pth": "import sys; sys.hooked = True\n",
}
SUBMISSION = """
import importlib, os, sys
from pathlib import Path
assert "pandas" not in sys.modules, "it was there before Go"
import numpy
import pandas
from honest import Honest as Base
assert pandas.WHEN == "after Go"
folder = Path(pandas.__file__).parents[1]
assert sys.path[-1] == str(folder), sys.path
assert sys.path.count(str(folder)) == 1, sys.path
assert numpy.__version__ == {numpy!r} and not Path(numpy.__file__).is_relative_to(folder)
assert not hasattr(sys, "hooked")
if {mounted!r}:
    assert str(folder) == {mounted!r}
    try:
        (folder / "smuggled.txt").write_text("x")
    except OSError:
        pass
    else:
        raise AssertionError("the folder can be written")
HYPERPARAMETERS = {{"x": {{"meaning": "nothing"}}}}
class Algorithm(Base):
    pass
"""
MOUNTED = {"bubblewrap": "/extras", "container": "/stopwatch-extras"}
Trial = Callable[..., Outcome]


@pytest.fixture
def restored_path() -> Iterator[None]:
    """Undo what a trial in this process does to the interpreter."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.split(".")[0] in ("pandas", "honest", "submission"):
            del sys.modules[name]


@pytest.fixture
def trial(
    tmp_path: Path, mnist_data: None, restored_path: None, request: pytest.FixtureRequest
) -> Trial:
    """Return a function that runs the submission above, its extra packages made by hand."""

    def run(level: str, *, extras: bool = True) -> Outcome:
        import numpy

        folder = tmp_path / "extra"
        folder.mkdir()
        code = SUBMISSION.format(numpy=numpy.__version__, mounted=MOUNTED.get(level))
        (folder / "submission.py").write_text(code)
        (folder / "honest.py").write_text((CHEATING / "attacks" / "honest.py").read_text())
        (folder / "submission.yaml").write_text(MANIFEST.format(name="extra"))
        (folder / LOCK).write_text(f"pandas==3.0.0 --hash=sha256:{'a' * 64}\n")
        packages = tmp_path / "packages"
        for name, content in EXTRAS.items():
            (packages / name).parent.mkdir(parents=True, exist_ok=True)
            (packages / name).write_text(content)
        where = {"results": tmp_path / "results", "config": tmp_path / "config"}
        rules = tmp_path / "cheating.yaml"
        text = (CHEATING / "cheating.yaml").read_text()
        rules.write_text(text.replace("[.py, .yaml]", "[.py, .yaml, .lock]"))
        execution = Execution(isolation="auto" if level == "container" else level)
        asked = plan_trial(
            workload="mnist", submission=folder, ruleset=rules, execution=execution, **where
        )
        plan, config = open_request(asked), where["config"]
        if level == "container":
            request.getfixturevalue("image")
            return run_in_containers(
                plan, Settings(config=config, extras=packages), observer=Silent()
            )
        installed = packages if extras else None
        return run_trial(plan, config=config, observer=Silent(), extras=installed)

    return run


@pytest.mark.parametrize("level", ["bubblewrap", "process", "inline", in_containers])
def test_extra_packages_join_the_path_after_go_and_after_everything_else(
    trial: Trial, level: str
) -> None:
    if level == "bubblewrap" and (problem := isolation.bubblewrap_problem()):
        pytest.skip(problem)
    outcome = trial(level)
    failure = outcome.record.failure
    assert outcome.record.state is TrialState.COMPLETED_WITHOUT_TARGET, failure
    recorded = json.loads((outcome.folder / "environment.json").read_text())
    assert recorded["extra_requirements"] == {"pandas": "3.0.0"}
    assert "pandas" not in recorded["packages"]
    images = recorded["image_digest"], recorded["trainer_image_digest"]
    assert (images[0] != images[1]) == (level == "container"), "the referee stays on the base"


def test_extra_packages_that_were_not_installed_consume_no_attempt(
    trial: Trial, tmp_path: Path
) -> None:
    with pytest.raises(TrialError, match=r"extra packages of submission extra were not installed"):
        trial("process", extras=False)
    assert Ledger(tmp_path / "results" / LEDGER).attempts() == []
