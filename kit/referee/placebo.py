"""Placebo trials: training labels mean nothing, so what comes near the target knew the answers.

A placebo finds parameters trained beforehand and evaluation data, however they are encoded. It does
not find a submission that recognises the true training split and behaves well on any other.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from kit import __version__, paths
from kit.contracts.target import Target
from kit.data.permuted import permuted_training_split
from kit.errors import TrialError
from kit.planning.request import TrialRequest, open_request
from kit.records.record import TrialState
from kit.referee.events import Observer, Outcome
from kit.referee.trial import run_trial
from kit.referee.workspace import PREFIX
from kit.rules.ruleset import Ruleset
from kit.rules.submission import load_submission

PERMUTED = "the training labels were permuted"
# Of the way from the reference's placebo to the target. docs/threat-model.md has measurements.
SUSPICIOUS_SHARE = 0.25
_SOUND = (TrialState.TARGET_REACHED, TrialState.OUT_OF_TIME, TrialState.COMPLETED_WITHOUT_TARGET)


def run_placebo(
    request: TrialRequest, *, config: Path, observer: Observer, extras: Path | None
) -> float:
    """Run a trial on permuted labels; return its best validation metric.

    The secret of the trial decides the permutation. It is recorded where the request says, which
    must not be among official results.

    Raises:
        NotAvailable: the workload declares no labels.
        TrialError: the trial did not run to a legitimate end, or has no finite evaluation.
    """
    secret = bytes.fromhex(request.seeds.secret)
    seed = int.from_bytes(hmac.digest(secret, b"permuted labels", "sha256"), "big")
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-") as root:
        plan = open_request(request.unofficial(PERMUTED))
        workload, scale = request.id.workload, plan.ruleset.scale
        folder = permuted_training_split(workload, scale, seed, Path(root))
        plan = replace(plan, training_data=folder)
        outcome = run_trial(plan, config=config, observer=observer, extras=extras)
    return _best_metric(outcome)


def _best_metric(outcome: Outcome) -> float:
    record, target = outcome.record, outcome.record.rules.target
    if record.state not in _SOUND:
        raise TrialError(
            f"The placebo of {record.submission} gives no verdict, because it ended as "
            f"{record.state}: {record.reason}"
        )
    values = [e.metrics.get(f"validation/{target.metric}", math.nan) for e in outcome.evaluations]
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        raise TrialError(
            f"The placebo of {record.submission} gives no verdict, because no evaluation has a "
            f"finite {target.metric}."
        )
    return target.best(finite)


@dataclass(frozen=True)
class PlaceboVerdict:
    """A submission's best metric on permuted labels next to that of the ruleset's reference."""

    metric: str
    best: float
    reference: float
    target: float
    limit: float  # this and what is better is flagged
    flagged: bool

    @classmethod
    def of(cls, best: float, reference: float, target: Target) -> PlaceboVerdict:
        """Compare; what lies beyond a share of the way from the reference to the target is flagged.

        Raises:
            TrialError: the reference itself reaches the target, so nothing can be told.
        """
        if target.reached_by(reference):
            raise TrialError(
                f"The placebo gives no verdict, because the reference reaches the target of "
                f"{target.validation:g} with permuted labels too: {reference:.4g}."
            )
        limit = reference + SUSPICIOUS_SHARE * (target.validation - reference)
        flagged = target.model_copy(update={"validation": limit}).reached_by(best)
        return cls(target.metric, best, reference, target.validation, limit, flagged)

    def __str__(self) -> str:
        """Tell the verdict in plain words."""
        verdict = "flagged: it knows what it was not taught" if self.flagged else "not flagged"
        return (
            f"{verdict}. Its best validation {self.metric} with permuted labels is "
            f"{self.best:.4g}; the reference's is {self.reference:.4g}, the target "
            f"{self.target:g}, the limit {self.limit:.4g}"
        )


def known_reference(ruleset: Ruleset, workload: str) -> float | None:
    """Return the reference's metric that an earlier placebo left in the cache, or None."""
    try:
        return float(_reference_file(ruleset, workload).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def remember_reference(ruleset: Ruleset, workload: str, metric: float) -> None:
    """Keep the reference's metric in the cache."""
    path = _reference_file(ruleset, workload)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(repr(metric), encoding="ascii")


def _reference_file(ruleset: Ruleset, workload: str) -> Path:
    code = load_submission(ruleset.scoring.reference).sha256
    key = hashlib.sha256(f"{__version__}|{ruleset.sha256}|{code}|{workload}".encode()).hexdigest()
    return paths.cache_root() / "placebo" / key
