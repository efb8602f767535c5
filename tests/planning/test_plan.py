from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kit import registry
from kit.errors import InvalidFile, InvalidSubmission, NotAvailable, UnknownName, UsageError
from kit.planning.plan import plan_run, plan_trial
from kit.planning.request import TrialRequest
from kit.records.ledger import LEDGER, Ledger
from kit.records.ledger_entry import Identification
from kit.records.signing import load_or_create_key
from kit.rules.ruleset import load_ruleset
from kit.rules.sampling import sample
from kit.rules.seeds import RunSecret, TrialSeeds
from kit.rules.submission import load_submission

Add = Callable[..., Path]
POINTS = "default: {points: [{a: 1}, {a: 2}]}"
FIXED = "default: {fixed: {a: 1}}"


@pytest.fixture
def plan(project: Path) -> Callable[..., TrialRequest]:
    """Return `plan_trial` with defaults for this project."""

    def with_defaults(**arguments: Any) -> TrialRequest:
        defaults: dict[str, Any] = {
            "workload": "digits",
            "submission": "tuned",
            "ruleset": "tiny",
            "results": project / "results",
            "config": project / "config",
        }
        return plan_trial(**(defaults | arguments))

    return with_defaults


Plan = Callable[..., TrialRequest]


def refusal(plan: Plan, error: type[Exception] = UsageError, **arguments: Any) -> str:
    with pytest.raises(error) as caught:
        plan(**arguments)
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_a_plan_joins_rules_submission_and_seeds(plan: Plan, add_submission: Add) -> None:
    add_submission()
    made = plan(variant="silu", study=2, trial=3)

    assert (made.id.workload, made.id.variant, made.id.label) == ("digits", "silu", "digits_silu")
    assert (made.id.study, made.id.trial, made.batch_size) == (2, 3, 16)
    assert (made.rules.target.validation, made.rules.target.test) == (0.7, 0.8)
    assert (made.rules.step_hint, made.rules.max_runtime_seconds) == (50, 20)
    assert made.rules.variants == {}
    assert made.id.submission == "tuned"
    assert made.unofficial_reasons == ()


def test_a_repeated_attempt_has_the_same_point_and_seeds(plan: Plan, add_submission: Add) -> None:
    add_submission()

    assert plan(study=2, trial=3) == plan(study=2, trial=3)


def run_secret(project: Path) -> RunSecret:
    """Return the secret as the holder of the key recomputes it."""
    key = load_or_create_key(project / "config")
    ruleset = hashlib.sha256((project / "rules" / "tiny.yaml").read_bytes()).hexdigest()
    tuning = load_submission("tuned").tuning_for("tiny").model_dump(mode="json", exclude_none=True)
    declared = hashlib.sha256(json.dumps(tuning, sort_keys=True).encode()).hexdigest()
    purpose = f"stopwatch secret|run|{ruleset}|{declared}".encode()
    return RunSecret(hashlib.sha256(key.sign(purpose)).digest())


def test_seeds_derive_from_the_key_the_ruleset_and_the_search_space(
    plan: Plan, add_submission: Add, project: Path
) -> None:
    add_submission()
    made = plan(study=2, trial=3)
    study = run_secret(project).study(2)

    assert made.seeds == study.trial("digits", 3)
    assert made.study_commitment == study.commitment


def test_hosts_of_one_organizer_deal_from_one_set_of_points(
    plan: Plan, add_submission: Add, project: Path
) -> None:
    """Studies divided between hosts never have the same points, whatever the host or the code."""
    folder = add_submission()
    here = plan(study=1)
    (folder / "submission.py").write_text("# edited\n" + (folder / "submission.py").read_text())
    there = plan(study=1, results=project / "another host")

    assert there.hyperparameters == here.hyperparameters
    assert there.seeds == here.seeds
    every = [
        tuple(plan(study=s, trial=t, results=project / f"host {s}").hyperparameters.values())
        for s in (1, 2, 3)
        for t in (1, 2, 3, 4)
    ]
    assert len(set(every)) == len(every)


def test_the_points_of_all_studies_are_drawn_once_and_dealt(
    plan: Plan, add_submission: Add, project: Path
) -> None:
    add_submission()
    dealt = [
        plan(study=study, trial=trial).hyperparameters
        for study in (1, 2, 3)
        for trial in (1, 2, 3, 4)
    ]
    run = run_secret(project)
    search_space = load_submission("tuned").tuning_for("tiny").search_space

    assert search_space is not None
    assert dealt == sample(search_space, 12, run.shuffle_seed)
    assert dealt != sample(search_space, 12)


def test_workloads_share_points_and_keys_separate_seeds(
    plan: Plan, add_submission: Add, project: Path
) -> None:
    add_submission()
    made, variant = plan(), plan(variant="silu")

    assert made.hyperparameters == variant.hyperparameters
    assert made.seeds != variant.seeds
    assert plan(config=project / "other-key").seeds != made.seeds


def test_a_list_is_taken_in_order_in_every_study(plan: Plan, add_submission: Add) -> None:
    add_submission(tuning=POINTS)

    for study in (1, 2, 3):
        taken = [plan(study=study, trial=trial).hyperparameters for trial in (1, 2)]
        assert taken == [{"a": 1}, {"a": 2}]


def test_a_list_longer_than_the_trials_is_cut(plan: Plan, add_submission: Add) -> None:
    points = ", ".join(f"{{a: {number}}}" for number in range(6))
    add_submission(tuning=f"default: {{points: [{points}]}}")

    assert plan(trial=4).hyperparameters == {"a": 3}
    assert refusal(plan, trial=5) == (
        "Trial 5 does not exist: ruleset tiny has 4 trials per study of external tuning. "
        "Choose 1 to 4. Received: --trial=5."
    )


def test_self_tuning_has_a_longer_runtime_and_one_trial(plan: Plan, add_submission: Add) -> None:
    add_submission(tuning=FIXED)
    made = plan(study=2)

    assert made.hyperparameters == {"a": 1}
    assert made.rules.max_runtime_seconds == 30
    assert made.rules.step_hint == 100
    assert refusal(plan, trial=2) == (
        "Trial 2 does not exist: ruleset tiny has 1 trial per study of self-tuning. Choose 1. "
        "Received: --trial=2."
    )
    assert refusal(plan, study=3) == (
        "Study 3 does not exist: ruleset tiny has 2 studies of self-tuning. Choose 1 to 2. "
        "Received: --study=3."
    )


def test_a_seed_by_hand_is_unofficial_and_needs_no_secret(
    plan: Plan, add_submission: Add, project: Path
) -> None:
    add_submission()
    made = plan(seed=7)

    assert made.seeds == TrialSeeds.by_hand(7)
    assert made.study_commitment is None
    assert made.unofficial_reasons == ("the seed was given by hand",)
    assert made.hyperparameters == plan(seed=7, results=project / "others").hyperparameters
    assert not (project / "config").exists()


def test_a_ruleset_from_elsewhere_is_unofficial(
    plan: Plan, add_submission: Add, project: Path
) -> None:
    add_submission()
    path = project / "tiny.yaml"
    path.write_bytes((project / "rules" / "tiny.yaml").read_bytes())

    assert plan(ruleset=path).unofficial_reasons == ("the ruleset is not one of the kit's",)


@pytest.mark.parametrize(
    ("error", "arguments", "said"),
    [
        (
            UnknownName,
            {"workload": "digit"},
            "Unknown workload 'digit'. Choose one of: digits. Received: --workload=digit.",
        ),
        (
            UsageError,
            {"workload": "digits_silu"},
            "Unknown workload 'digits_silu': it is a variant. Use --workload=digits "
            "--variant=silu. Received: --workload=digits_silu.",
        ),
        (
            NotAvailable,
            {"workload": "speech"},
            "Workload 'speech' is part of ruleset tiny but not built yet. Choose one of: digits. "
            "Received: --workload=speech.",
        ),
        (
            NotAvailable,
            {"workload": "translation"},
            "Workload 'translation' is part of ruleset tiny but not built yet. Choose one of: "
            "digits. Received: --workload=translation.",
        ),
        (
            NotAvailable,
            {"ruleset": "huge"},
            "Workload 'digits' is part of ruleset huge but not built at scale full yet. Choose one "
            "of: (none). Received: --workload=digits.",
        ),
        (
            UnknownName,
            {"variant": "tanh"},
            "Unknown variant of digits 'tanh'. Choose one of: gelu, silu. Received: "
            "--variant=tanh.",
        ),
        (
            NotAvailable,
            {"variant": "gelu"},
            "Variant 'gelu' of digits is part of ruleset tiny but not built yet. Choose one of: "
            "silu. Received: --variant=gelu.",
        ),
        (
            UnknownName,
            {"submission": "tunned"},
            "Unknown submission 'tunned'. Choose one of: tuned. Received: --submission=tunned.",
        ),
        (
            UnknownName,
            {"ruleset": "small"},
            "Unknown ruleset 'small'. Choose one of: huge, tiny. Received: --ruleset=small.",
        ),
        (
            UsageError,
            {"study": 4},
            "Study 4 does not exist: ruleset tiny has 3 studies of external tuning. Choose 1 to 3. "
            "Received: --study=4.",
        ),
        (UsageError, {"study": 0}, None),
        (UsageError, {"trial": 0}, None),
        (
            UsageError,
            {"seed": -1},
            "A seed is a whole number, 0 or larger. Received: --seed=-1.",
        ),
    ],
)
def test_a_users_mistake_is_explained(
    plan: Plan,
    add_submission: Add,
    project: Path,
    error: type[Exception],
    arguments: dict[str, Any],
    said: str | None,
) -> None:
    add_submission()
    message = refusal(plan, error, **arguments)

    assert said is None or message == said
    assert not (project / "config").exists()  # a mistake makes no secret


def test_a_short_list_limits_the_trials(plan: Plan, add_submission: Add) -> None:
    add_submission(tuning=POINTS)

    assert refusal(plan, trial=4) == (
        "Trial 4 does not exist: submission tuned declares 2 points for ruleset tiny. "
        "Choose 1 to 2. Received: --trial=4."
    )


def test_a_missing_batch_size_says_what_to_add(
    plan: Plan, add_submission: Add, project: Path
) -> None:
    folder = project / "workloads" / "speech"
    folder.mkdir()
    (folder / "workload.yaml").write_text(
        "description: Speech.\nmetric: wer\nloss_type: ctc\nscales: {mini: {}}\n"
    )
    add_submission()

    assert refusal(plan, InvalidSubmission, workload="speech").endswith(
        "Add `speech: <examples per step>` under batch_sizes: mini:."
    )


def test_the_rulesets_limits_are_applied(plan: Plan, add_submission: Add) -> None:
    add_submission(files={"large.txt": b"x" * 10_000})

    assert "more than the 10,000 bytes" in refusal(plan, InvalidSubmission)


def test_a_malformed_workload_file_is_explained_where_it_is_chosen(
    plan: Plan, add_submission: Add, project: Path
) -> None:
    add_submission()
    (project / "workloads" / "digits" / "workload.yaml").write_text("[digits]")

    assert refusal(plan, InvalidFile).startswith(
        "workloads/digits/workload.yaml: must be a mapping with the keys description, metric, "
    )


@pytest.mark.parametrize("name", registry.ruleset_names())
def test_variants_that_the_kits_rulesets_name_exist(name: str) -> None:
    for workload, rules in load_ruleset(name).workloads.items():
        if workload in registry.workload_names():
            assert rules.variants.keys() <= registry.workload_manifest(workload).variants.keys()


@pytest.mark.parametrize("name", ["mini", "algoperf-0.6", "algoperf-0.5"])
def test_the_kits_rulesets_deal_as_many_points_as_they_have_trials(name: str) -> None:
    external = load_ruleset(name).tuning.external

    assert external.studies * external.trials == {"mini": 6, "algoperf-0.6": 15}.get(name, 25)


def test_both_sides_of_a_comparison_share_the_seeds_of_each_pair(
    plan: Plan, add_submission: Add
) -> None:
    add_submission()
    add_submission("other")
    own = plan(comparison="a_vs_b", study=7, trial=2)
    other = plan(comparison="a_vs_b", study=7, trial=2, submission="other")
    assert own.seeds == other.seeds
    assert (own.id.study, own.id.trial) == (7, 2), "pairs go beyond the ruleset's studies"
    assert plan(comparison="a_vs_b", study=8, trial=2).seeds != own.seeds
    assert plan(comparison="a_vs_c", study=7, trial=2).seeds != own.seeds
    assert plan(comparison="a_vs_b", study=8, trial=2).hyperparameters == own.hyperparameters
    assert own.unofficial_reasons == ("a comparison's pair, whose seeds two submissions share",)
    assert "Trial 5 does not exist" in refusal(plan, comparison="a_vs_b", trial=5)


LOCKED = f"alpha==1.0 --hash=sha256:{'a' * 64}\n".encode()


def test_wheels_that_the_ruleset_does_not_list_make_a_trial_unofficial(
    plan: Plan, add_submission: Add, project: Path
) -> None:
    add_submission(files={"requirements.lock": LOCKED})
    assert plan().unofficial_reasons == (
        "requirements.lock adds wheels that ruleset tiny does not allow by name, version and "
        "sha256: alpha==1.0",
    )
    rules = project / "rules" / "tiny.yaml"
    wheel = f"{{name: alpha, version: '1.0', sha256: {'a' * 64}}}"
    text = rules.read_text().replace("  max_bytes:", f"  allowed_wheels: [{wheel}]\n  max_bytes:")
    rules.write_text(text)
    assert plan().unofficial_reasons == ()


def test_edited_code_runs_for_development_and_leaves_the_study_alone(
    plan: Plan, add_submission: Add, project: Path
) -> None:
    folder = add_submission()
    places = {"results": project / "results", "config": project / "config"}
    asked = {"workload": "digits", "submission": "tuned", "ruleset": "tiny", **places}
    first = plan_run(**asked)
    assert (first.results, first.unofficial_reasons) == (project / "results", ())
    which = Identification(
        ruleset="tiny",
        ruleset_sha256=first.ruleset_sha256,
        workload_label="digits",
        submission="tuned",
        submission_sha256=first.submission_sha256,
        study=1,
        trial=1,
        attempt=1,
        seed_commitment=first.seeds.commitment,
        isolation="process",
    )
    Ledger(project / "results" / LEDGER).start(which, load_or_create_key(project / "config"))
    own = (folder / "submission.py").read_text()
    (folder / "submission.py").write_text("# edited\n" + own)
    edited = plan_run(**asked)
    version = f"tuned-{edited.submission_sha256[:12]}"
    assert edited.results == project / "results" / "development" / version
    assert edited.unofficial_reasons == (
        "the submission, or the ruleset, differs from the one that began this study",
    )
    (project / "tiny.yaml").write_text("# looser\n" + (project / "rules/tiny.yaml").read_text())
    (folder / "submission.py").write_text(own)
    assert plan_run(**asked) == first
    looser = plan_run(**asked | {"ruleset": project / "tiny.yaml"})
    assert looser.results.parent == project / "results" / "development"
