"""The ruleset and the submissions of calibration runs are valid, and stay what they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit import paths, registry
from kit.calibration.derived import (
    UNREACHABLE,
    Stage,
    Steps,
    derived_ruleset,
    derived_submission,
    settle,
)
from kit.calibration.spaces import SHIPPED, Spaces, draw, load_spaces, space_of
from kit.errors import InvalidFile, NotAvailable, UsageError
from kit.rules.ruleset import load_ruleset, parse_ruleset
from kit.rules.submission import load_submission

STAGE = Stage("target-setting-tuning", studies=1, trials=3)
BASELINES = ("adamw", "nadamw", "nesterov", "heavy_ball")


@pytest.mark.parametrize(
    ("total", "evaluations", "expected"),
    [
        (100, 4, (1, 25, 50, 75, 100)),
        (10, 3, (1, 3, 7, 10)),
        (2, 20, (1, 2)),
        (1, 1, (1,)),
        (7, 1, (1, 7)),
    ],
)
def test_evaluations_come_after_step_1_and_evenly_up_to_the_last_step(
    total, evaluations, expected
) -> None:
    assert Steps.spaced(total, evaluations).evaluate_at == expected


@pytest.mark.parametrize("name", ["mini", "algoperf-0.5", "algoperf-0.6"])
def test_a_derived_ruleset_is_valid_and_keeps_the_conditions(name: str) -> None:
    base = load_ruleset(name)
    steps = Steps.spaced(40, 4)
    for workload, rules in base.workloads.items():
        variant = next(iter(rules.variants), None)
        content = derived_ruleset(base, STAGE, workload=workload, variant=variant, steps=steps)
        path = Path("target-setting-tuning.yaml")
        derived = parse_ruleset(content, path)
        own = derived.workloads[workload].for_variant(variant)
        higher = rules.target.higher_is_better
        assert own.target.validation == (UNREACHABLE if higher else -UNREACHABLE)
        assert own.step_hint == 40
        assert (derived.tuning.external.studies, derived.tuning.external.trials) == (1, 3)
        assert derived.held_out is None
        for field in ("scale", "isolation", "evaluation", "pause_cpu_tolerance_seconds"):
            assert getattr(derived, field) == getattr(base, field)


def test_numbers_that_a_calibration_sets_change_nothing_about_its_ruleset() -> None:
    base = load_ruleset("mini")
    rules = base.workloads["mnist"]
    target = rules.target.model_copy(update={"validation": 0.5, "test": 0.4})
    changed = rules.model_copy(
        update={"target": target, "max_runtime_seconds": 1.0, "eval_period_seconds": 2.0}
    )
    other = base.model_copy(update={"workloads": {**base.workloads, "mnist": changed}})
    asked = {"workload": "mnist", "variant": None, "steps": Steps.spaced(40, 4)}
    assert derived_ruleset(base, STAGE, **asked) == derived_ruleset(other, STAGE, **asked)


@pytest.mark.parametrize("scale", ["mini", "full"])
@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_has_a_space_and_its_points_are_a_valid_submission(
    tmp_path: Path, name: str, scale: str
) -> None:
    submission = load_submission(name)
    space = space_of(load_spaces(SHIPPED), submission, scale=scale, path=SHIPPED)
    points = draw(space, 3)
    assert len({str(point) for point in points}) == 3
    assert points == draw(space, 5)[:3]
    folder = tmp_path / name
    files = derived_submission(submission, STAGE, points)
    settle({folder / path: content for path, content in files.items()}, tmp_path)
    derived = load_submission(folder)
    assert derived.tuning_for(STAGE.ruleset).points == tuple(points)  # to the last bit
    assert derived.contents["submission.py"] == submission.contents["submission.py"]
    assert derived.manifest.batch_sizes == submission.manifest.batch_sizes


@pytest.mark.parametrize("name", BASELINES)
def test_spaces_name_what_the_submission_already_names(name: str) -> None:
    tuning = load_submission(name).manifest.tuning
    known = {key for point in tuning["mini"].points or () for key in point} | {"dropout_rate"}
    assert set(load_spaces(SHIPPED).mini[name]) <= known


def test_spaces_are_of_submissions_that_exist() -> None:
    spaces = load_spaces(SHIPPED)
    assert {*spaces.mini, *spaces.full} <= set(registry.submission_names())
    assert SHIPPED.is_relative_to(paths.RULES)


def test_a_submission_without_any_space_is_refused() -> None:
    with pytest.raises(
        NotAvailable, match=r"No search space for submission 'nadamw' at scale mini"
    ):
        space_of(Spaces(), load_submission("nadamw"), scale="mini", path=SHIPPED)


def test_a_space_with_a_mistake_names_it(tmp_path: Path) -> None:
    path = tmp_path / "spaces.yaml"
    path.write_text("mini: {adamw: {learning_rate: {min: 1, max: 0, scaling: linear}}}\n")
    with pytest.raises(InvalidFile, match=r"mini.adamw.learning_rate: min 1.0 is larger than max"):
        load_spaces(path)


def test_files_are_written_once_and_never_changed(tmp_path: Path) -> None:
    files = {tmp_path / "rules" / "a.yaml": b"a: 1\n"}
    settle(files, tmp_path)
    settle(files, tmp_path)
    with pytest.raises(UsageError, match=r"begun with other settings.*rules/a.yaml differs"):
        settle({tmp_path / "rules" / "a.yaml": b"a: 2\n"}, tmp_path)
    assert (tmp_path / "rules" / "a.yaml").read_bytes() == b"a: 1\n"
