"""What a ruleset owes: which workloads, in which order, how often."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kit.errors import InvalidSubmission, NotAvailable, UnknownName
from kit.rules.ruleset import Ruleset, load_ruleset
from kit.rules.submission import Submission, load_submission
from kit.study.assignment import assign
from tests.rules.conftest import RULESET

Add = Callable[..., Path]
POINTS = "default: {points: [{x: 1}, {x: 2}]}"
FIXED = "default: {fixed: {x: 1}}"


@pytest.fixture
def tiny(project: Path) -> Ruleset:
    return load_ruleset("tiny")


@pytest.fixture
def tuned(add_submission: Add) -> Submission:
    return load_submission(add_submission())


def test_all_scored_workloads_that_are_built_and_the_others_are_named(
    tiny: Ruleset, tuned: Submission
) -> None:
    ours = assign(tiny, tuned)
    assert [part.label for part in ours.parts] == ["digits"]
    assert (ours.mode, ours.studies, ours.trials) == ("external", (1, 2, 3), 4)
    (remark,) = ours.remarks
    assert remark.startswith("Not built yet, so not run: speech, translation. A score needs all")


def test_workloads_that_no_score_needs_are_only_named(tiny: Ruleset, tuned: Submission) -> None:
    """`planned` ones have no numbers in the ruleset, so they are in no score."""
    digits = tiny.model_copy(update={"workloads": {"digits": tiny.workloads["digits"]}})
    assert digits.planned == ("translation",)
    assert assign(digits, tuned).remarks == ("Not built yet, so not run: translation.",)


def test_trials_run_study_by_study_and_bases_before_variants(
    project: Path, tuned: Submission
) -> None:
    both = project / "workloads" / "speech"
    both.mkdir()
    (both / "workload.yaml").write_text(
        "description: Speech.\nmetric: wer\nloss_type: ctc\nscales: {mini: {}}\n"
    )
    manifest = (tuned.folder / "submission.yaml").read_text()
    (tuned.folder / "submission.yaml").write_text(
        manifest.replace("digits: 32", "digits: 32, speech: 8")
    )
    ours = assign(
        load_ruleset("tiny"),
        load_submission(tuned.folder),
        held_out={"digits": "silu"},
        studies=[3, 1],
    )
    order = [(trial_id.label, trial_id.study, trial_id.trial) for trial_id in ours.trial_ids()]
    assert order == [
        (label, study, trial)
        for label in ("digits", "speech", "digits_silu")
        for study in (1, 3)
        for trial in (1, 2, 3, 4)
    ]
    assert ours.parts[2].rules.target.validation == 0.7
    assert ours.parts[2].rules.step_hint == 50


def test_self_tuning_has_one_trial_and_more_time(tiny: Ruleset, add_submission: Add) -> None:
    ours = assign(tiny, load_submission(add_submission("selfish", FIXED)))
    assert (ours.mode, ours.studies, ours.trials) == ("self-tuning", (1, 2), 1)
    assert ours.parts[0].rules.max_runtime_seconds == 30


def test_too_few_points_are_named(tiny: Ruleset, add_submission: Add) -> None:
    ours = assign(tiny, load_submission(add_submission("listed", POINTS)))
    assert ours.trials == 2
    assert "listed declares 2 points, and ruleset tiny has 4 trials per study" in ours.remarks[1]


def test_a_workload_for_development_runs_only_when_it_is_named(
    project: Path, tuned: Submission
) -> None:
    text = RULESET.replace(
        "step_hint: 100\n    variants", "step_hint: 100\n    scored: false\n    variants"
    )
    assert text != RULESET
    (project / "rules" / "tiny.yaml").write_text(text)
    unscored = load_ruleset("tiny")
    with pytest.raises(NotAvailable, match=r"No scored workload .* --workloads: digits"):
        assign(unscored, tuned)
    named = assign(unscored, tuned, workloads=["digits"])
    assert [part.label for part in named.parts] == ["digits"]
    assert named.remarks == ()
    assert "digits" in named.governed_labels()
    assert named.governed_labels() >= {"speech"}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"workloads": ["digit"]}, UnknownName, "Unknown workload 'digit'"),
        ({"workloads": ["speech"]}, NotAvailable, "part of ruleset tiny but not built yet"),
        (
            {"studies": [4]},
            UnknownName,
            "Unknown study of ruleset tiny '4'. Choose one of: 1, 2, 3",
        ),
    ],
)
def test_what_does_not_exist_is_refused_by_name(
    tiny: Ruleset, tuned: Submission, options, error, message: str
) -> None:
    with pytest.raises(error, match=message):
        assign(tiny, tuned, **options)


def test_a_missing_batch_size_is_refused_before_hours_have_passed(
    tiny: Ruleset, tuned: Submission
) -> None:
    path = tuned.folder / "submission.yaml"
    path.write_text(path.read_text().replace("digits: 32, digits_silu: 16", "speech: 1"))
    with pytest.raises(InvalidSubmission, match="no batch size for workload 'digits'"):
        assign(tiny, load_submission(tuned.folder))


def test_a_revealed_variant_that_is_not_built_is_named(tiny: Ruleset, tuned: Submission) -> None:
    ours = assign(tiny, tuned, held_out={"digits": "gelu", "speech": "x"})
    assert [part.label for part in ours.parts] == ["digits"]
    assert any(
        "Variant 'gelu' of digits is part of ruleset tiny but not" in r for r in ours.remarks
    )
    assert any("base workload is not run: speech" in remark for remark in ours.remarks)
