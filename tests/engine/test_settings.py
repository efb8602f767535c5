"""What compose is told about a trial."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kit import paths
from kit.engine.access import Access
from kit.engine.settings import Images, device_of, project_name, variables
from kit.errors import UsageError
from kit.planning.plan import plan_trial
from kit.planning.request import EarlyStop, Execution, TrialPlan, TrialRequest, open_request
from tests.conftest import CHEATING, write_attack

GIB = 1 << 30
ACCESS = Access(Path("/keys/organiser.pem"), "organiser", 997, Path("/memory/inspection.json"))
IMAGES = Images("sha256:1", "sha256:2")


@pytest.fixture
def planned(tmp_path: Path) -> Callable[..., TrialPlan]:
    """Return a function that plans a trial; its seeds come from folders of this test."""

    def plan(submission: str | Path = "nadamw", **request: object) -> TrialPlan:
        folders = {"results": Path("/results of ada"), "config": tmp_path / "config"}
        asked = plan_trial(workload="mnist", submission=submission, **folders, **request)
        return open_request(asked)

    return plan


def told(plan: TrialPlan, *, memory_bytes: int = 16 * GIB) -> dict[str, str]:
    return variables(plan, images=IMAGES, access=ACCESS, memory_bytes=memory_bytes)


def inside(plan: TrialPlan) -> TrialRequest:
    return TrialRequest.decode(told(plan)["TRIAL_REQUEST"])


def test_compose_mounts_what_the_request_names(planned):
    given = told(planned(study=2, trial=2))
    expected = {
        "WORKLOAD": "mnist",
        "SCALE": "mini",
        "SUBMISSION": "nadamw",
        "SUBMISSIONS": str(paths.SUBMISSIONS),
        "RULESETS": str(paths.RULES),
        "STOPWATCH_DATA": str(paths.data_root()),
        "STOPWATCH_RESULTS": "/results of ada",
        "STOPWATCH_IMAGE": "sha256:1",
        "TRAINER_IMAGE": "sha256:2",
        "STOPWATCH_KEY": "organiser",
        "STOPWATCH_KEY_FILE": "/keys/organiser.pem",
        "STOPWATCH_GID": "997",
        "INSPECTION_FILE": "/memory/inspection.json",
    }
    assert expected.items() <= given.items()


def test_the_container_gets_the_same_request_with_the_paths_of_its_mounts(planned):
    stop = EarlyStop(after_seconds=1.5, rule='slower than "best"', evidence=("ab" * 32,))
    plan = planned(study=2, trial=2, stop=stop)
    request = inside(plan)
    places = ("ruleset", "submission", "results", "execution")
    own = plan.request.model_dump(exclude=set(places))
    assert request.model_dump(exclude=set(places)) == own
    assert (request.ruleset, request.submission) == ("mini", Path("/submissions/nadamw"))
    assert request.results == Path("/results")
    assert request.execution.isolation == "container"


def test_a_folder_that_cannot_be_mounted_is_named(planned, monkeypatch):
    monkeypatch.setenv("STOPWATCH_DATA", "/data:old")
    with pytest.raises(UsageError, match=r"cannot mount /data:old: the path holds a colon\."):
        told(planned())


def test_another_ruleset_is_told_by_its_place_in_the_container(planned, tmp_path):
    folder = tmp_path / "own rules"
    folder.mkdir()
    file = folder / "cheating.yaml"
    file.write_text((CHEATING / "cheating.yaml").read_text())
    submission = write_attack(tmp_path / "mine", "honest")
    plan = planned(submission, ruleset=file)
    given = told(plan)
    assert (inside(plan).ruleset, given["RULESETS"]) == ("/rulesets/cheating.yaml", str(folder))
    assert (given["SUBMISSION"], given["SUBMISSIONS"]) == ("mine", str(tmp_path))


@pytest.mark.parametrize("host_gib", [3, 4, 16, 200])
@pytest.mark.parametrize("wanted_gib", [None, 1, 2, 1000])
def test_a_trainer_never_gets_the_memory_that_is_left_to_the_host(planned, host_gib, wanted_gib):
    wanted = None if wanted_gib is None else wanted_gib * GIB
    plan = planned(execution=Execution(memory_limit_bytes=wanted))
    given = told(plan, memory_bytes=host_gib * GIB)
    limit = min((host_gib - 2) * GIB, wanted or (host_gib - 2) * GIB)
    assert given["TRAINER_MEMORY"] == f"{limit}b"
    request = TrialRequest.decode(given["TRIAL_REQUEST"])
    assert request.execution.memory_limit_bytes == limit


def test_memory_and_exchange_follow_the_host(planned):
    given = told(planned(), memory_bytes=16 * GIB)
    assert given["REFEREE_MEMORY"] == f"{15 * GIB}b"
    assert given["EXCHANGE_SIZE"] == str(8 * GIB)


def test_on_a_tiny_host_both_still_get_what_python_needs(planned):
    given = told(planned(), memory_bytes=GIB // 2)
    assert given["TRAINER_MEMORY"] == given["REFEREE_MEMORY"] == f"{GIB}b"


@pytest.mark.parametrize(("asked", "device"), [("auto", "cpu"), ("cpu", "cpu"), ("gpu", "gpu")])
def test_the_ruleset_decides_the_device_unless_one_is_asked_for(planned, asked, device):
    assert device_of(asked, planned().ruleset) == device


def test_a_trial_has_one_project_name_and_another_trial_another(planned):
    plan = planned()
    first = project_name(plan)
    assert first == project_name(planned())
    elsewhere = replace(plan, request=plan.request.changed(results=Path("/elsewhere")))
    others = [
        project_name(planned(trial=2)),
        project_name(planned(study=2)),
        project_name(planned("adamw")),
        project_name(elsewhere),
    ]
    assert len({first, *others}) == 5
    # Nothing else is accepted by both composes: lower-case letters, digits and hyphens.
    assert all(re.fullmatch(r"stopwatch-[0-9a-f]{12}", name) for name in (first, *others))
