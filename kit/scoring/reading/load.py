"""Read whatever is given on a command line into results that can be scored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from kit.contracts.trial_id import TrialId, workload_label
from kit.errors import UsageError
from kit.records.signing import PublicKey
from kit.rules.ruleset import Ruleset, load_ruleset
from kit.scoring.reading.batch import Batch, Curve, join
from kit.scoring.reading.compact import COLUMNS, is_compact, read_compact
from kit.scoring.reading.evidence import Evidence, check_disjoint, is_evidence, read_evidence
from kit.scoring.reading.held_out import (
    Chosen,
    HeldOutChoice,
    about_no_choice,
    check_frozen,
    held_out_choice,
)
from kit.scoring.reading.layout import is_layout, read_layout
from kit.scoring.reading.records import judge_records, ruleset_of, tuning_of
from kit.scoring.reading.versions import counted_versions
from kit.scoring.results import Results, collect
from kit.scoring.rules import TUNING_MODES, ScoringRules, TuningMode, scoring_rules

_MOST = 100  # studies, or trials of one; every number up to the highest takes a place

Form = Literal["records", "AlgoPerf's logs", "a compact table"]


@dataclass(frozen=True)
class Request:
    """What to read, and how the user wants it read."""

    paths: Sequence[Path]
    ruleset: str | None = None
    tuning: TuningMode | None = None  # None: as the records say; external for logs
    held_out: Chosen | None = None  # None: the ruleset's published choice
    commit_sha256: str | None = None  # of the draw that `held_out` must be
    workloads: Sequence[str] | None = None  # None: all that the ruleset scores
    studies: int | None = None  # the first so many; None: all that the ruleset has
    as_present: bool = False  # score the workloads, studies, trials and rows as they are there
    unverified: bool = False
    trusted: Sequence[PublicKey] = ()
    must_trust: bool = False


@dataclass(frozen=True)
class Loaded:
    """Results, and what a reader of their scores must know."""

    results: Results
    ruleset: Ruleset
    tuning: TuningMode
    form: Form
    verified: bool | None  # None: logs carry no signatures
    notices: tuple[str, ...]
    held_out: HeldOutChoice
    remarks: Mapping[str, Sequence[str]] = field(default_factory=dict)  # by submission
    curves: Mapping[TrialId, Curve] = field(default_factory=dict)  # of logs; records hold their own
    evidence: tuple[Evidence, ...] = ()  # of records


def load(request: Request) -> Loaded:
    """Read all paths, in whatever form they are, into one leaderboard's results.

    Raises:
        KitError: there is nothing to read, or it does not verify or fit together.
    """
    forms = {path: find_form(path) for path in request.paths}
    if len(set(forms.values())) != 1:
        listed = ", ".join(f"{path} ({form})" for path, form in forms.items())
        raise UsageError(
            f"Records and logs cannot stand on one leaderboard. Received: {listed}. Score them one "
            "by one."
        )
    form = next(iter(forms.values()))
    return _load_records(request) if form == "records" else _load_logs(request, form)


def find_form(path: Path) -> Form:
    """Return what lies at `path`, by looking.

    Raises:
        UsageError: nothing that can be scored.
    """
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder. Give results/, a log, or a table.")
    if path.is_file() and is_compact(path):
        return "a compact table"
    if is_evidence(path):
        return "records"
    if path.is_dir() and is_layout(path):
        return "AlgoPerf's logs"
    raise UsageError(
        f"{path}: nothing to score here. Give one of: a folder with records or a ledger; "
        "AlgoPerf's logs, <submission>/study_<i>/<workload>_<framework>/trial_<j>/; a CSV or "
        f"CSV.gz file with the columns {', '.join(COLUMNS)}."
    )


def _load_records(request: Request) -> Loaded:
    evidence = [
        read_evidence(
            path,
            unverified=request.unverified,
            trusted=request.trusted,
            must_trust=request.must_trust,
        )
        for path in request.paths
    ]
    check_disjoint(evidence)
    ruleset = ruleset_of(evidence, request.ruleset)
    choice = held_out_choice(
        ruleset,
        request.held_out,
        commit_sha256=request.commit_sha256,
        trusted=request.trusted if request.must_trust else None,
    )
    frozen = choice.revealed.frozen if choice.revealed else {}
    evidence, other_versions = counted_versions(evidence, frozen)
    modes = tuning_of(evidence, ruleset, assumed=request.tuning)
    tuning = _one_mode(request, modes)
    others = sorted(name for name, mode in modes.items() if mode != tuning)
    rules = _rules(request, ruleset, tuning, choice)
    not_frozen = []
    if choice.revealed is not None:
        not_frozen = check_frozen(
            choice.revealed, evidence, rules, without=others, unverified=request.unverified
        )
    judged = judge_records(evidence, rules, ruleset, without=others)
    notices = [f"Left out: {', '.join(others)}: not {tuning}."] if others else []
    results, more = _collect(request, rules, judged.batch)
    return Loaded(
        results=results,
        ruleset=ruleset,
        tuning=tuning,
        form="records",
        verified=not request.unverified,
        notices=(
            *notices,
            *other_versions,
            *not_frozen,
            *judged.batch.notices,
            *more,
            *_about_rules(ruleset, results.rules),
            *about_no_choice(ruleset, choice),
        ),
        held_out=choice,
        remarks=judged.remarks,
        evidence=tuple(evidence),
    )


def _load_logs(request: Request, form: Form) -> Loaded:
    if request.ruleset is None:
        raise UsageError(
            "Logs do not say which ruleset they were run under. Say it, for example: "
            "--ruleset algoperf-0.5."
        )
    ruleset = load_ruleset(request.ruleset)
    tuning: TuningMode = request.tuning or "external"
    if isinstance(request.held_out, Path):
        raise UsageError(
            "Logs do not say which version of a submission ran, so nothing can be compared with "
            "what was frozen. Give the choice itself: --held-out base=variant. Received: "
            f"--held-out={request.held_out}."
        )
    choice = held_out_choice(ruleset, request.held_out, commit_sha256=request.commit_sha256)
    rules = _rules(request, ruleset, tuning, choice)
    read = read_compact if form == "a compact table" else read_layout
    batch = join(read(path, rules, as_present=request.as_present) for path in request.paths)
    if not batch.trials:
        raise UsageError(
            f"Nothing to score: no trial was measured on a workload that counts under ruleset "
            f"{ruleset.name}: {', '.join(rules.bases)}. {' '.join(batch.notices[:2])}"
        )
    results, more = _collect(request, rules, batch)
    return Loaded(
        results=results,
        ruleset=ruleset,
        tuning=tuning,
        form=form,
        verified=None,
        notices=(
            *batch.notices,
            *more,
            *_about_tuning(request, rules, ruleset, batch),
            *_about_rules(ruleset, results.rules),
            *about_no_choice(ruleset, choice),
        ),
        held_out=choice,
        curves=batch.curves,
    )


def _rules(
    request: Request, ruleset: Ruleset, tuning: TuningMode, choice: HeldOutChoice
) -> ScoringRules:
    rules = scoring_rules(ruleset, tuning=tuning, held_out=choice.variants)
    if request.workloads is not None:
        rules = rules.restricted(request.workloads)
    return rules if request.studies is None else rules.with_studies(request.studies)


def _one_mode(request: Request, modes: Mapping[str, TuningMode]) -> TuningMode:
    """Return the way of tuning that is scored; the two have leaderboards of their own."""
    if request.tuning is not None:
        return request.tuning
    if len(set(modes.values())) > 1:
        listed = ", ".join(f"{name} ({mode})" for name, mode in sorted(modes.items()))
        raise UsageError(
            f"Externally tuned and self-tuning submissions have leaderboards of their own: "
            f"{listed}. Choose one with --tuning: {', '.join(TUNING_MODES)}."
        )
    return next(iter(modes.values()), "external")


def _collect(request: Request, rules: ScoringRules, batch: Batch) -> tuple[Results, list[str]]:
    """Put the trials in their places; deal with workloads that nobody has trials of."""
    notices: list[str] = []
    if request.studies is not None:
        batch = _first_studies(batch, request.studies)
    if request.as_present:
        rules, notices = _with_room(rules, batch)
    results = collect(batch.trials, rules, submissions=batch.submissions)
    if not results.submissions:
        raise UsageError("No submission has anything that can be scored under these rules.")
    tried = {trial_id.workload for trial_id in results.trials if trial_id.variant is None}
    notices += _untried_variants(results, tried)
    untried = [base for base in rules.bases if base not in tried]
    if not untried:
        return results, notices
    if request.as_present:
        rest = rules.restricted([base for base in rules.bases if base in tried])
        kept = [trial for trial in batch.trials if rest.counts(trial.id.workload, trial.id.variant)]
        return collect(kept, rest, submissions=batch.submissions), [
            *notices,
            f"Left out, because nobody has a trial of it: {', '.join(untried)}; "
            f"{len(rest.bases)} workloads are scored.",
        ]
    hint = f" To leave it out: --workloads {','.join(sorted(tried))}." if tried else ""
    return results, [
        *notices,
        f"Nobody has a trial of {', '.join(untried)}, which ruleset {rules.ruleset} scores: it "
        f"adds 0 to every score.{hint}",
    ]


def _untried_variants(results: Results, tried: Collection[str]) -> list[str]:
    """Return the notice about held-out variants that gate a workload and nobody has trials of."""
    there = {trial_id.workload for trial_id in results.trials if trial_id.variant is not None}
    lost = [base for base in results.rules.held_out if base in tried and base not in there]
    if not lost:
        return []
    labels = ", ".join(workload_label(base, results.rules.held_out[base]) for base in lost)
    return [
        f"Nobody has a trial of the held-out {labels}, so nobody keeps {', '.join(lost)}, and it "
        "adds 0 to every score. Choose the variants that were run with --held-out."
    ]


def _first_studies(batch: Batch, studies: int) -> Batch:
    """Return the trials of the first studies, counted from 0 where a submission has a study 0."""
    from_zero = {trial.id.submission for trial in batch.trials if trial.id.study == 0}
    kept = [
        trial
        for trial in batch.trials
        if trial.id.study < studies + (trial.id.submission not in from_zero)
    ]
    return replace(batch, trials=tuple(kept))


def _with_room(rules: ScoringRules, batch: Batch) -> tuple[ScoringRules, list[str]]:
    """Return the rules with as many studies and trials as anyone has, where that is more.

    Raises:
        UsageError: a number is so high that it can be no count.
    """
    trial_ids = [trial.id for trial in batch.trials]
    studies = max((_numbers({s.study for s in trial_ids if s.submission == name})
                   for name in batch.submissions), default=0)  # fmt: skip
    trials = max((_numbers({s.trial for s in trial_ids if s.submission == name})
                  for name in batch.submissions), default=0)  # fmt: skip
    if studies <= rules.studies and trials <= rules.trials:
        return rules, []
    if max(studies, trials) > _MOST:
        highest = max(trial_ids, key=lambda trial_id: max(trial_id.study, trial_id.trial))
        raise UsageError(
            f"{highest}: studies and trials are counted on from 0 or 1, up to {_MOST} at most. "
            "Number them without gaps, then score again."
        )
    notice = (
        f"Ruleset {rules.ruleset} has {rules.studies} studies of {rules.trials} trials; there are "
        f"up to {studies} of {trials}, and all are used."
    )
    room = replace(rules, studies=max(studies, rules.studies), trials=max(trials, rules.trials))
    return room, [notice]


def _numbers(used: set[int]) -> int:
    """Return how many numbers there are, from 0 or 1 up to the largest used."""
    return max(used, default=0) + (0 in used)


def _about_tuning(
    request: Request, rules: ScoringRules, ruleset: Ruleset, batch: Batch
) -> list[str]:
    """Return the notice that logs that were taken for external tuning look like self-tuning."""
    trial_ids = [trial.id for trial in batch.trials]
    studies = Counter(
        (trial_id.submission, trial_id.label, trial_id.study) for trial_id in trial_ids
    )
    if request.tuning is not None or rules.trials == 1 or max(studies.values()) > 1:
        return []
    factor = ruleset.tuning.self_tuning.runtime_factor
    return [
        "Scored as external tuning, and no study here has more than one trial. If the submissions "
        "tuned themselves, say --tuning self-tuning: studies of one trial, and budgets that are "
        f"{factor:g} times as long."
    ]


def _about_rules(ruleset: Ruleset, rules: ScoringRules) -> list[str]:
    notices = []
    if rules.left_out:
        notices.append(
            f"PARTIAL: {len(rules.bases)} of {len(rules.bases) + len(rules.left_out)} workloads of "
            f"ruleset {ruleset.name}; without {', '.join(rules.left_out)}."
        )
    if rules.studies_left_out:
        every = rules.studies + rules.studies_left_out
        notices.append(
            f"PARTIAL: the first {rules.studies} of {every} studies of ruleset {ruleset.name}."
        )
    return notices
