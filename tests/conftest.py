"""Run real submissions under the real referee."""

from __future__ import annotations

import contextlib
import os
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import kit.data
from kit import paths
from kit.engine.build import build
from kit.engine.client import connect
from kit.engine.settings import Settings
from kit.engine.trial import run_in_containers
from kit.errors import NotAvailable
from kit.planning.plan import plan_trial
from kit.planning.request import Execution, TrialPlan, open_request
from kit.referee import isolation
from kit.referee.events import Outcome, Progress
from kit.referee.trial import run_trial

if TYPE_CHECKING:
    import docker

COMPOSE_FILE = paths.PROJECT / "docker-compose.yml"
CHEATING = Path(__file__).parent / "cheating"
MANIFEST = """
name: {name}
authors: [the tests]
description: An attack.
batch_sizes: {{mini: {{mnist: 64}}}}
tuning: {{default: {{points: [{{x: 1}}, {{x: 2}}]}}}}
"""


class Silent:
    """An observer that keeps nothing."""

    def started(self, plan: object, **_: object) -> None: ...
    def note(self, message: str) -> None: ...
    def progress(self, progress: Progress) -> None: ...
    def evaluated(self, evaluation: object) -> None: ...
    def finished(self, outcome: Outcome) -> None: ...


Attack = Callable[..., Outcome]
in_containers = pytest.param("container", marks=pytest.mark.docker)
unshut = pytest.param("process", marks=pytest.mark.slow)  # the ordinary tests take the default


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """A client of the container engine that answers."""
    try:
        client = connect()
    except NotAvailable as error:
        pytest.skip(str(error))
    with contextlib.closing(client):
        yield client


@pytest.fixture(scope="session")
def image(engine: docker.DockerClient) -> str:
    """The id of the image `cpu` of this checkout, built on BASE_IMAGE where that is set."""
    return build("cpu", os.environ.get("BASE_IMAGE") or None)


@pytest.fixture(scope="session")
def mnist_data() -> None:
    """Prepare the data that the trials of the tests train on."""
    kit.data.prepare("mnist", "mini")


def write_attack(folder: Path, name: str, **constants: object) -> Path:
    """Write the attack `name` as a submission, its constants replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    code = (CHEATING / "attacks" / f"{name}.py").read_text()
    for constant, value in constants.items():
        lines = code.splitlines()
        (at,) = [i for i, line in enumerate(lines) if line.startswith(f"{constant} = ")]
        lines[at] = f"{constant} = {value!r}"
        code = "\n".join(lines) + "\n"
    (folder / "submission.py").write_text(code)
    for shared in ("honest.py", "wakers.py"):
        (folder / shared).write_text((CHEATING / "attacks" / shared).read_text())
    (folder / "submission.yaml").write_text(MANIFEST.format(name=folder.name))
    return folder


def replaced(plan: TrialPlan, **fields: Any) -> TrialPlan:
    """Return the plan with fields of its request replaced."""
    return replace(plan, request=plan.request.changed(**fields))


@pytest.fixture
def attack(
    tmp_path: Path,
    mnist_data: None,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Attack:
    """Return a function that runs an attack, its constants replaced, and returns the outcome."""

    def kit_restored() -> None:
        """Undo at the end of the test what an attack patches in this process."""
        for name in (
            "kit.exchange.weights.WeightsOutbox.write",
            "kit.trainer.loop.Loop._evaluate",
            "kit.trainer.port.SocketPort.evaluate",
        ):
            monkeypatch.setattr(name, pkgutil.resolve_name(name))

    def run(
        name: str,
        *,
        level: str = "auto",
        trial: int = 1,
        memory_limit_bytes: int | None = None,
        change: Callable[[TrialPlan], TrialPlan] = lambda plan: plan,
        results: Path | None = None,
        compose_file: Path = COMPOSE_FILE,
        **constants: object,
    ) -> Outcome:
        folder = tmp_path / "submissions" / name.replace("_", "-")
        results, config = results or tmp_path / "results", tmp_path / "config"
        asked = plan_trial(
            workload="mnist",
            submission=write_attack(folder, name, **constants),
            ruleset=CHEATING / "cheating.yaml",
            trial=trial,
            execution=Execution(
                isolation="auto" if level == "container" else level,
                memory_limit_bytes=memory_limit_bytes,
            ),
            results=results,
            config=config,
        )
        plan = change(open_request(asked))
        if level == "inline":
            kit_restored()
        if level == "container":
            request.getfixturevalue("image")
            settings = Settings(config=config, compose_file=compose_file)
            return run_in_containers(plan, settings, observer=Silent())
        return run_trial(plan, config=config, observer=Silent())

    return run


@pytest.fixture
def sandboxed(attack: Attack) -> Attack:
    """Like `attack`, always under bubblewrap."""
    if problem := isolation.bubblewrap_problem():
        pytest.skip(problem)
    return lambda name, **options: attack(name, level="bubblewrap", **options)
