"""What compose is told about a trial."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kit import paths
from kit.engine.access import Access
from kit.engine.settings import Images, Settings, device_of, project_name, variables
from kit.errors import UsageError
from kit.rules.plan import EarlyStop, TrialPlan
from kit.rules.planning import plan_trial
from tests.conftest import CHEATING, write_attack

GIB = 1 << 30
ACCESS = Access(Path("/keys/organiser.pem"), "organiser", 997, Path("/memory/inspection.json"))
IMAGES = Images("sha256:1", "sha256:2")


@pytest.fixture
def planned(tmp_path: Path) -> Callable[..., TrialPlan]:
    """Return a function that plans a trial; its seeds come from folders of this test."""

    def plan(submission: str | Path = "nadamw", **request: object) -> TrialPlan:
        folders = {"results": tmp_path / "results", "config": tmp_path / "config"}
        return plan_trial(workload="mnist", submission=submission, **folders, **request)

    return plan


def told(plan: TrialPlan, *, memory_bytes: int = 16 * GIB, **settings: object) -> dict[str, str]:
    made = Settings(results=Path("/results of ada"), config=Path("/config"), **settings)
    return variables(plan, made, images=IMAGES, access=ACCESS, memory_bytes=memory_bytes)


def test_a_trial_is_described_by_names_numbers_and_places(planned):
    given = told(replace(planned(), study=2, trial=3))
    expected = {
        "WORKLOAD": "mnist",
        "SCALE": "mini",
        "SUBMISSION": "nadamw",
        "SUBMISSIONS": str(paths.SUBMISSIONS),
        "STUDY": "2",
        "TRIAL": "3",
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


def test_a_folder_that_cannot_be_mounted_is_named(planned, monkeypatch):
    monkeypatch.setenv("STOPWATCH_DATA", "/data:old")
    with pytest.raises(UsageError, match=r"cannot mount /data:old: the path holds a colon\."):
        told(planned())


def test_what_was_left_out_is_empty_and_not_missing(planned):
    """A variable that compose is not told is one that a file `.env` could still set."""
    given = told(planned())
    assert {given[name] for name in ("VARIANT", "SEED", "QUICK", "STEPS", "STOP")} == {""}


def test_what_was_chosen_is_told(planned):
    plan = replace(planned(seed=7), variant="tanh").evaluated_at([1, 100])
    given = told(plan, seed=7, quick=True)
    chosen = {"VARIANT": "tanh", "SEED": "7", "QUICK": "1", "STEPS": "1,100"}
    assert chosen.items() <= given.items()


def test_an_early_stop_is_told_as_json(planned):
    plan = replace(planned(), stop=EarlyStop(1.5, 'slower than "best"', ("ab" * 32,)))
    assert json.loads(told(plan)["STOP"]) == {
        "after_seconds": 1.5,
        "rule": 'slower than "best"',
        "evidence": ["ab" * 32],
    }


def test_seed_zero_is_a_seed(planned):
    assert told(planned(seed=0), seed=0)["SEED"] == "0"


def test_a_ruleset_of_the_kit_is_told_by_its_name(planned):
    given = told(planned())
    assert (given["RULESET"], given["RULESETS"]) == ("mini", str(paths.RULES))


def test_a_quick_trial_has_the_ruleset_of_the_file_that_it_came_from(planned):
    assert planned().quick().ruleset.name == "mini-quick"
    assert told(planned().quick())["RULESET"] == "mini"


def test_another_ruleset_is_told_by_its_place_in_the_container(planned, tmp_path):
    folder = tmp_path / "own rules"
    folder.mkdir()
    file = folder / "cheating.yaml"
    file.write_text((CHEATING / "cheating.yaml").read_text())
    submission = write_attack(tmp_path / "mine", "honest")
    given = told(planned(submission, ruleset=file))
    assert (given["RULESET"], given["RULESETS"]) == ("/rulesets/cheating.yaml", str(folder))
    assert (given["SUBMISSION"], given["SUBMISSIONS"]) == ("mine", str(tmp_path))


@pytest.mark.parametrize("host_gib", [3, 4, 16, 200])
@pytest.mark.parametrize("wanted_gib", [None, 1, 2, 1000])
def test_a_trainer_never_gets_the_memory_that_is_left_to_the_host(planned, host_gib, wanted_gib):
    wanted = None if wanted_gib is None else wanted_gib * GIB
    given = told(planned(), memory_bytes=host_gib * GIB, memory_limit_bytes=wanted)
    most = (host_gib - 2) * GIB
    assert given["TRAINER_MEMORY"] == f"{min(most, wanted or most)}b"


def test_memory_and_exchange_follow_the_host(planned):
    given = told(planned(), memory_bytes=16 * GIB)
    assert given["REFEREE_MEMORY"] == f"{15 * GIB}b"
    assert given["EXCHANGE_SIZE"] == str(8 * GIB)


def test_on_a_tiny_host_both_still_get_what_python_needs(planned):
    given = told(planned(), memory_bytes=GIB // 2)
    assert given["TRAINER_MEMORY"] == given["REFEREE_MEMORY"] == f"{GIB}b"


@pytest.mark.parametrize(("asked", "device"), [("auto", "cpu"), ("cpu", "cpu"), ("gpu", "gpu")])
def test_the_ruleset_decides_the_device_unless_one_is_asked_for(planned, asked, device):
    settings = Settings(results=Path("/results"), config=Path("/config"), device=asked)
    assert device_of(settings, planned()) == device


def test_a_trial_has_one_project_name_and_another_trial_another(planned):
    results, plan = Path("/results"), planned()
    first = project_name(plan, results)
    assert first == project_name(planned(), results)
    others = [
        project_name(replace(plan, trial=2), results),
        project_name(replace(plan, study=2), results),
        project_name(planned("adamw"), results),
        project_name(plan.quick(), results),
        project_name(plan, Path("/elsewhere")),
    ]
    assert len({first, *others}) == 6
    # Nothing else is taken by both composes: lower-case letters, digits and hyphens.
    assert all(re.fullmatch(r"stopwatch-[0-9a-f]{12}", name) for name in (first, *others))
