"""Turn what a user asks for into the request of one trial; every mistake is one line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kit.contracts.trial_id import TrialId
from kit.errors import UsageError
from kit.planning.request import EarlyStop, Execution, TrialRequest
from kit.records.ledger import LEDGER, Ledger
from kit.records.signing import load_or_create_key
from kit.rules.availability import workload_rules
from kit.rules.ruleset import Ruleset, load_ruleset
from kit.rules.sampling import sample
from kit.rules.seeds import RunSecret, TrialSeeds
from kit.rules.submission import Submission, SubmissionTuning, load_submission

SEED_BY_HAND = "the seed was given by hand"
FOREIGN_RULESET = "the ruleset is not one of the kit's"
PAIRED = "a comparison's pair, whose seeds two submissions share"
EDITED = "the submission, or the ruleset, differs from the one that began this study"
DEVELOPMENT = "development"  # the folder of development runs below a results folder


def plan_trial(
    *,
    workload: str,
    submission: str | Path | Submission,
    ruleset: str | Path | Ruleset = "mini",
    variant: str | None = None,
    study: int = 1,
    trial: int = 1,
    seed: int | None = None,
    comparison: str | None = None,
    stop: EarlyStop | None = None,
    execution: Execution | None = None,
    results: Path,
    config: Path,
) -> TrialRequest:
    """Plan one trial: rules with overrides, hyperparameters, batch size, seeds.

    Points and seeds derive from the signing key below `config`, which is made if there is none,
    from the ruleset and from the declared tuning: another host with the same key deals the same
    points to the same studies. A `seed` given by hand replaces them; that is never official. Nor is
    a trial of a `comparison`: there `study` is the number of a pair, without a limit; seeds derive
    from the key and the comparison's name, so that both sides share them; and every pair has the
    point of study 1.

    Raises:
        UsageError: anything that the user has to change, in one line.
    """
    rules_file = ruleset if isinstance(ruleset, Ruleset) else load_ruleset(ruleset)
    rules = workload_rules(rules_file, workload, variant)
    entry = (
        submission
        if isinstance(submission, Submission)
        else load_submission(submission, rules_file.submission_limits)
    )
    tuning = entry.tuning_for(rules_file.name)
    point_of_study = study if comparison is None else 1
    _check_numbers(rules_file, entry, tuning, study=point_of_study, trial=trial, seed=seed)
    if tuning.fixed is not None:
        rules = rules.with_runtime_factor(rules_file.tuning.self_tuning.runtime_factor)
    batch_size = entry.batch_size(rules_file.scale, workload, variant)
    if seed is not None:
        run = RunSecret.by_hand(seed)
    elif comparison is not None:
        derive = load_or_create_key(config).derive_secret
        run = RunSecret.of_comparison(derive, comparison, rules_file.name)
    else:
        run = RunSecret.of(
            load_or_create_key(config).derive_secret,
            ruleset_sha256=rules_file.sha256,
            tuning_sha256=_digest(tuning),
        )
    own_study = run.study(study)
    trial_id = TrialId(rules_file.name, entry.name, workload, variant, study, trial)
    point = _hyperparameters(rules_file, tuning, run, study=point_of_study, trial=trial)
    return TrialRequest(
        id=trial_id,
        ruleset=rules_file.name if rules_file.is_shipped else str(rules_file.path),
        ruleset_sha256=rules_file.sha256,
        submission=entry.folder.absolute(),
        submission_sha256=entry.sha256,
        results=results.absolute(),
        rules=rules,
        hyperparameters=entry.completed(point),
        batch_size=batch_size,
        seeds=own_study.trial(trial_id.label, trial) if seed is None else TrialSeeds.by_hand(seed),
        study_commitment=own_study.commitment if seed is None else None,
        unofficial_reasons=(
            *([SEED_BY_HAND] if seed is not None else []),
            *([PAIRED] if comparison is not None else []),
            *([] if rules_file.is_shipped else [FOREIGN_RULESET]),
            *entry.unofficial_reasons(rules_file),
        ),
        stop=stop,
        execution=execution or Execution(),
    )


def plan_run(
    *, quick: bool = False, evaluate_at_steps: Sequence[int] = (), **asked: Any
) -> TrialRequest:
    """Plan one trial for `kit run`; what can never be official is recorded apart.

    Args:
        quick: a check of ten seconds.
        evaluate_at_steps: evaluate after these steps instead of by time.
        asked: arguments of `plan_trial`.

    Raises:
        UsageError: anything that the user has to change, in one line.
    """
    request = plan_trial(**asked)
    by_hand = quick or evaluate_at_steps or asked.get("seed") is not None
    if evaluate_at_steps:
        request = request.evaluated_at(evaluate_at_steps)
    if quick:
        request = request.quick()
    if not by_hand and is_edited(request):
        return in_development(request.unofficial(EDITED))
    inline = request.execution.isolation == "inline"
    return in_development(request) if by_hand or inline else request


def in_development(request: TrialRequest) -> TrialRequest:
    """Return the request of a run for development, recorded apart from all official results.

    Its store is a results folder with a separate ledger, one for each version of a submission, so
    no plan, study, score, report or export ever counts it.
    """
    version = f"{request.id.submission}-{request.submission_sha256[:12]}"
    return request.changed(results=request.results / DEVELOPMENT / version)


def is_edited(request: TrialRequest) -> bool:
    """Tell whether the folder holds attempts of another version of submission or ruleset."""
    digests = (request.submission_sha256, request.ruleset_sha256)
    for attempt in Ledger(request.results / LEDGER).attempts():
        which = attempt.identification
        ours = (which.ruleset, which.submission) == (request.id.ruleset, request.id.submission)
        if ours and (which.submission_sha256, which.ruleset_sha256) != digests:
            return True
    return False


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


def _digest(tuning: SubmissionTuning) -> str:
    """Return the sha256 of a declared tuning, whatever the layout of its file."""
    text = json.dumps(tuning.model_dump(mode="json", exclude_none=True), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


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
