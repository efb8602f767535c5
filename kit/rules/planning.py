"""Turn what a user asks for into the plan of one trial; every mistake is one line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kit.errors import UsageError
from kit.records.ledger import LEDGER, Ledger
from kit.records.signing import load_or_create_key
from kit.rules.availability import workload_rules
from kit.rules.plan import TrialPlan
from kit.rules.ruleset import Ruleset, load_ruleset
from kit.rules.sampling import sample
from kit.rules.seeds import RunSecret, TrialSeeds
from kit.rules.submission import Submission, SubmissionTuning, load_submission

SEED_BY_HAND = "the seed was given by hand"
FOREIGN_RULESET = "the ruleset is not one of the kit's"
PAIRED = "a comparison's pair, whose seeds two submissions share"


def plan_trial(
    *,
    workload: str,
    submission: str | Path,
    ruleset: str | Path = "mini",
    variant: str | None = None,
    study: int = 1,
    trial: int = 1,
    seed: int | None = None,
    comparison: str | None = None,
    results: Path,
    config: Path,
    unofficial_reasons: Sequence[str] = (),
) -> TrialPlan:
    """Plan one trial: rules with overrides, hyperparameters, batch size, seeds.

    All seeds derive from the signing key below `config` and the ledger below `results`; both are
    made where there is none. A `seed` given by hand stands for them; that is never official. Nor is
    a trial of a `comparison`: there `study` is the number of a pair, without a limit; seeds derive
    from the key and the comparison's name, so that both sides share them; and every pair has the
    point of study 1.

    Raises:
        UsageError: anything that the user has to change, in one line.
    """
    rules_file = load_ruleset(ruleset)
    rules = workload_rules(rules_file, workload, variant)
    entry = load_submission(submission, rules_file.submission_limits)
    tuning = entry.tuning_for(rules_file.name)
    point_of_study = study if comparison is None else 1
    _check_numbers(rules_file, entry, tuning, study=point_of_study, trial=trial, seed=seed)
    if tuning.fixed is not None:
        rules = rules.with_runtime_factor(rules_file.tuning.self_tuning.runtime_factor)
    batch_size = entry.batch_size(rules_file.scale, workload, variant)
    if comparison is not None:
        run = RunSecret.of_comparison(load_or_create_key(config), comparison, rules_file.name)
    else:
        run = _run_secret(rules_file, entry, seed, results=results, config=config)
    own_study = run.study(study)
    label = f"{workload}_{variant}" if variant else workload
    return TrialPlan(
        ruleset=rules_file,
        rules=rules,
        workload=workload,
        variant=variant,
        submission=entry,
        study=study,
        trial=trial,
        hyperparameters=_hyperparameters(
            rules_file, tuning, run, study=point_of_study, trial=trial
        ),
        batch_size=batch_size,
        seeds=own_study.trial(label, trial) if seed is None else TrialSeeds.by_hand(seed),
        study_commitment=own_study.commitment if seed is None else None,
        unofficial_reasons=(
            *unofficial_reasons,
            *([SEED_BY_HAND] if seed is not None else []),
            *([PAIRED] if comparison is not None else []),
            *([] if rules_file.is_shipped else [FOREIGN_RULESET]),
            *entry.unofficial_reasons(rules_file),
        ),
    )


def _check_numbers(
    ruleset: Ruleset,
    submission: Submission,
    tuning: SubmissionTuning,
    *,
    study: int,
    trial: int,
    seed: int | None,
) -> None:
    external, self_tuning = ruleset.tuning.external, ruleset.tuning.self_tuning
    if tuning.fixed is None:
        studies, trials, mode = external.studies, external.trials, "external tuning"
    else:
        studies, trials, mode = self_tuning.studies, 1, "self-tuning"
    if not 1 <= study <= studies:
        raise UsageError(
            f"Study {study} does not exist: ruleset {ruleset.name} has {_count(studies, 'study')} "
            f"of {mode}. {_choose(studies)} Received: --study={study}."
        )
    reason = f"ruleset {ruleset.name} has {_count(trials, 'trial')} per study of {mode}"
    points = len(tuning.points) if tuning.points is not None else trials
    if points < trials:
        trials = points
        reason = (
            f"submission {submission.name} declares {_count(points, 'point')} for ruleset "
            f"{ruleset.name}"
        )
    if not 1 <= trial <= trials:
        raise UsageError(
            f"Trial {trial} does not exist: {reason}. {_choose(trials)} Received: --trial={trial}."
        )
    if seed is not None and seed < 0:
        raise UsageError(f"A seed is a whole number, 0 or larger. Received: --seed={seed}.")


def _count(number: int, noun: str) -> str:
    plural = "studies" if noun == "study" else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def _choose(last: int) -> str:
    return "Choose 1." if last == 1 else f"Choose 1 to {last}."


def _run_secret(
    ruleset: Ruleset, submission: Submission, seed: int | None, *, results: Path, config: Path
) -> RunSecret:
    if seed is not None:
        return RunSecret.by_hand(seed)
    key = load_or_create_key(config)
    ledger = Ledger(results / LEDGER).identity(key)
    return RunSecret.of(key, ledger=ledger, ruleset=ruleset.name, submission=submission.name)


def _hyperparameters(
    ruleset: Ruleset, tuning: SubmissionTuning, run: RunSecret, *, study: int, trial: int
) -> dict[str, Any]:
    """Return the point of a trial: dealt from all studies' points, or taken from the list."""
    if tuning.fixed is not None:
        return dict(tuning.fixed)
    if tuning.points is not None:
        return dict(tuning.points[trial - 1])
    if tuning.search_space is None:  # the schema excludes it
        raise ValueError("A submission's tuning has no form.")
    external = ruleset.tuning.external
    points = sample(tuning.search_space, external.studies * external.trials, run.shuffle_seed)
    return points[(study - 1) * external.trials + trial - 1]
