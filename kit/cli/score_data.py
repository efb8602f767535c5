"""A leaderboard for programs: JSON and CSV."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import asdict
from typing import Any

from kit.cli.score_page import Scored, notices
from kit.records.held_out import Revealed
from kit.scoring.bootstrap import Bounds, Intervals
from kit.scoring.explanation import slower_choices
from kit.scoring.leaderboard import Standing, WorkloadTime

FORMAT = "stopwatch/leaderboard/1"


def as_dict(scored: Scored) -> dict[str, Any]:
    """Return everything about a leaderboard as plain JSON; infinity is "inf", unknown is null."""
    board, loaded = scored.board, scored.loaded
    rules = board.results.rules
    content: dict[str, Any] = {
        "format": FORMAT,
        "verified": loaded.verified,  # null: logs carry no signatures
        "read_as": loaded.form,
        "ruleset": {"name": loaded.ruleset.name, "sha256": loaded.ruleset.sha256},
        "tuning": loaded.tuning,
        "workloads": list(rules.bases),
        "workloads_left_out": list(rules.left_out),
        "studies_left_out": rules.studies_left_out,
        "held_out": dict(rules.held_out),
        "held_out_source": loaded.held_out.source,
        "held_out_draw": _draw(loaded.held_out.revealed),
        "r_max": rules.r_max,
        "studies": rules.studies,
        "trials": rules.trials,
        "convention": {"name": "rules" if scored.by_rules else "algoperf"}
        | asdict(board.convention),
        "reference": board.reference,
        "intervals": _intervals(board.intervals),
        "standings": [_standing(line, scored) for line in board.standings],
        "missing": [asdict(entry) for entry in board.results.missing()],
        "censored_trials": [
            {**asdict(trial.id), "at_least_seconds": trial.outcome.lowest}
            for trial in board.results.censored()
        ],
        "notices": list(notices(scored)),
        "seconds": dict(scored.seconds),
    }
    if not scored.by_rules:
        content["differences"] = [asdict(difference) for difference in scored.differences]
        content["slower_trial_chosen"] = [
            {"submission": name, "workload": label, "study": study, "slowdown": slowdown}
            for name, label, study, slowdown in slower_choices(board.results)
        ]
    return content


def as_csv(scored: Scored) -> str:
    """Return the leaderboard as CSV: a row per submission, all its times as columns."""
    buffer = io.StringIO()
    bases, held_out = scored.board.results.rules.bases, scored.board.results.rules.held_out
    labels = [f"{base}_{held_out[base]}" for base in bases if base in held_out]
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*_CSV_COLUMNS, *bases, *labels, *(f"{base} outcome" for base in bases)])
    evidence = {True: "verified", False: "UNVERIFIED", None: "log"}[scored.loaded.verified]
    for line in scored.board.standings:
        times = [line.workloads[base] for base in bases]
        speedup = line.speedup
        writer.writerow(
            [
                line.rank,
                line.submission,
                line.score,
                *(_pair(line.interval) or ("", "")),
                *(_pair(line.rank_interval) or ("", "")),
                "" if speedup is None or speedup.factor is None else speedup.factor,
                "" if speedup is None else speedup.workloads,
                line.counting,
                evidence,
                *(_number(entry.seconds) for entry in times),
                *(
                    _number(line.workloads[base].variant_seconds)
                    for base in bases
                    if base in held_out
                ),
                *(entry.fate.name.lower() for entry in times),
            ]
        )
    return buffer.getvalue()


_CSV_COLUMNS = (
    "rank",
    "submission",
    "score",
    "score_low",
    "score_high",
    "rank_low",
    "rank_high",
    "speedup",
    "speedup_workloads",
    "workloads_counting",
    "evidence",
)


def _standing(line: Standing, scored: Scored) -> dict[str, Any]:
    return {
        "rank": line.rank,
        "submission": line.submission,
        "score": line.score,
        "score_interval": _pair(line.interval),
        "rank_interval": _pair(line.rank_interval),
        "speedup": asdict(line.speedup) if line.speedup else None,
        "workloads_counting": line.counting,
        "remarks": list(scored.loaded.remarks.get(line.submission, ())),
        "times": {base: _time(entry) for base, entry in line.workloads.items()},
        "profile": {"tau": list(line.profile.tau), "share": list(line.profile.share)},
    }


def _time(entry: WorkloadTime) -> dict[str, Any]:
    return {
        "seconds": _number(entry.seconds),
        "variant_seconds": _number(entry.variant_seconds),
        "at_least_seconds": entry.at_least_seconds,
        "variant_at_least_seconds": entry.variant_at_least_seconds,
        "outcome": entry.fate.name.lower(),
        "ratio": _number(entry.ratio),
    }


def _draw(revealed: Revealed | None) -> dict[str, Any] | None:
    if revealed is None:
        return None
    return {
        "commit_sha256": revealed.commit_sha256,
        "freeze_sha256": revealed.freeze_sha256,
        "reveal_sha256": revealed.reveal_sha256,
        "public_value": revealed.public_value,
        "public_key": revealed.key.hex,
    }


def _intervals(drawn: Intervals | None) -> dict[str, Any] | None:
    if drawn is None:
        return None
    return {
        "level": drawn.level,
        "resamples": drawn.resamples,
        "seed": drawn.seed,
        "censored_trials_counted_as_missed": drawn.censored_trials,
        "covers": "run-to-run variation: other seeds and other points of the same search space",
        "available": drawn.scores is not None,
    }


def _pair(bounds: Bounds | None) -> tuple[float, float] | None:
    return None if bounds is None else (bounds.low, bounds.high)


def _number(value: float | None) -> float | str | None:
    if value is None:
        return None
    return value if math.isfinite(value) else repr(value)
