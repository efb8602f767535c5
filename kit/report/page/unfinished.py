"""What did not run to its end, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kit.report.facts import Facts


def unfinished(facts: Facts) -> Iterator[tuple[int, str, str, str]]:
    """Yield number, place, state and reason of every attempt that did not run to its end."""
    ended = {"target_reached", "out_of_time", "completed_without_target", "missed", "over_budget"}
    by_digest = {
        trial.report.envelope_sha256: str(trial.id) for trial in facts.trials if trial.report
    }
    for number, trial in enumerate(facts.trials):
        if trial.state in ended:
            continue
        record = trial.record
        if record is None:
            why = "The ledger lists this attempt, and no record of it can be read here."
        elif record.stop_reasons:
            why = "; ".join(
                f"{reason.rule}, because of {_evidence(reason.evidence, by_digest)}"
                for reason in record.stop_reasons
            )
        else:
            why = record.reason
        yield number, f"{trial.id}, attempt {trial.attempt}", trial.state.replace("_", " "), why


def _evidence(digests: Sequence[str], known: dict[str | None, str]) -> str:
    named = [known.get(digest, f"a record that is not here ({digest[:12]}…)") for digest in digests]
    return " and ".join(named) or "no result that it names"
