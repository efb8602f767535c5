"""Which version of a submission is scored: the frozen one, else the first that ran."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from kit.scoring.reading.evidence import Evidence, Trying

Key = tuple[str, str]  # ruleset, submission


def counted_versions(
    evidence: Sequence[Evidence], frozen: Mapping[str, str]
) -> tuple[list[Evidence], list[str]]:
    """Return the evidence of one version of each submission, and what there is to say of others.

    Attempts of other versions do not count against `max_attempts`.

    Args:
        evidence: of one or more places.
        frozen: digests of the frozen submissions, by name.
    """
    first: dict[Key, dict[str, list[Trying]]] = {}  # by digest, in the order of their first starts
    every = (attempt for part in evidence for attempt in part.attempts)
    for attempt in sorted(every, key=lambda attempt: attempt.started_at):
        which = attempt.identification
        versions = first.setdefault((which.ruleset, which.submission), {})
        versions.setdefault(which.submission_sha256, []).append(attempt)
    counted = {
        key: frozen[key[1]] if frozen.get(key[1]) in versions else next(iter(versions))
        for key, versions in first.items()
    }
    kept = [replace(part, attempts=tuple(_counted(part.attempts, counted))) for part in evidence]
    notices = [
        _about_others(submission, versions, counted[ruleset, submission], frozen)
        for (ruleset, submission), versions in first.items()
        if len(versions) > 1
    ]
    return kept, notices


def _counted(attempts: Sequence[Trying], counted: Mapping[Key, str]) -> Iterator[Trying]:
    others: dict[str, int] = {}  # attempts of other versions at a trial, by its folder
    for attempt in sorted(attempts, key=lambda attempt: attempt.identification.attempt):
        which = attempt.identification
        if which.submission_sha256 == counted[which.ruleset, which.submission]:
            yield replace(attempt, uncounted=others.get(which.folder, 0))
        else:
            others[which.folder] = others.get(which.folder, 0) + 1


def _about_others(
    submission: str,
    versions: Mapping[str, Sequence[Trying]],
    counted: str,
    frozen: Mapping[str, str],
) -> str:
    why = "which was frozen" if frozen.get(submission) == counted else "which ran first"
    listed = ", ".join(
        f"{digest[:12]} ({len(attempts)})"
        for digest, attempts in versions.items()
        if digest != counted
    )
    return (
        f"{submission}: {len(versions)} versions ran. Counted is {counted[:12]}, {why}; not "
        f"counted, with their attempts: {listed}."
    )
