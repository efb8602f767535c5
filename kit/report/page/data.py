"""What the page's script reads: a short row for every trial, and details in compressed chunks.

Rows are there at once; details are unpacked when somebody opens a trial. Everything goes through
JSON, and the script writes it as text: nothing that a record says is ever parsed as HTML.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kit.errors import VerificationError
from kit.records.archive import unpack
from kit.records.files import LOG, SUBMISSION, read_regular
from kit.records.findings import VerificationReport
from kit.records.plausibility import first_evaluation
from kit.records.record import NANOSECONDS, Evaluation
from kit.report.facts import Facts
from kit.report.page.verdict import trust_of
from kit.report.trials import Trial
from kit.report.units import unit_for
from kit.scoring.reading.conditions import recorded_environment
from kit.text import escape_block, escape_line

CHUNK = 50  # trials in one chunk
LOG_CHARACTERS = 3000  # of a log's end
SOURCE_CHARACTERS = 200_000  # of one file
_DIGITS = 6  # of numbers that are shown; the record has them exactly

COLUMNS = (  # key, heading, kind: how the script shows and sorts it
    ("submission", "submission", "text"),
    ("workload", "workload", "text"),
    ("study", "study", "number"),
    ("trial", "trial", "number"),
    ("attempt", "attempt", "number"),
    ("state", "state", "text"),
    ("time", "time to target (s)", "number"),
    ("spent", "submission time (s)", "number"),
    ("steps", "reported steps", "number"),
    ("best", "best validation value", "number"),
    ("official", "all conditions kept", "text"),
    ("signature", "signature", "text"),
    ("isolation", "isolation", "text"),
)


def rows_of(facts: Facts) -> list[list[Any]]:
    """Return one row for each trial, in the order of `COLUMNS`."""
    return [_row(trial) for trial in facts.trials]


def _row(trial: Trial) -> list[Any]:
    trial_id, record = trial.id, trial.record
    official = "unknown" if record is None else "yes" if record.official else "no"
    steps = record.steps if record else (trial.curve.steps[-1] if trial.curve.steps else None)
    return [
        trial_id.submission,
        trial_id.label,
        trial_id.study,
        trial_id.trial,
        trial.attempt,
        trial.state.replace("_", " "),
        _short(trial.seconds) if trial.seconds is not None else None,
        _short(trial.submission_seconds),
        steps,
        _short(trial.best_value),
        official,
        trust_of(trial.report),
        record.isolation if record else "unknown",
    ]


def as_json(value: Any) -> str:
    """Return JSON that can stand in a `<script>` element."""
    text = json.dumps(_finite(value), separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def packed(value: Any) -> str:
    """Return a value as JSON, compressed, in base64."""
    text = json.dumps(_finite(value), separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode("ascii"), 9, mtime=0)).decode("ascii")


def chunks_of(facts: Facts) -> Iterator[str]:
    """Yield the details of all trials, `CHUNK` at a time, packed."""
    for start in range(0, len(facts.trials), CHUNK):
        yield packed([details_of(trial) for trial in facts.trials[start : start + CHUNK]])


def details_of(trial: Trial) -> dict[str, Any]:
    """Return everything about one trial."""
    report, record = trial.report, trial.record
    content: dict[str, Any] = {"title": f"{trial.id}, attempt {trial.attempt}"}
    if report is None or record is None:
        content["evaluations"] = _curve_table(trial)
        content["remark"] = (
            "This trial was read from a log: there is no record, no signature, no environment."
            if trial.state not in ("no_end", "no_record")
            else "The ledger lists this attempt; no record of it can be read here."
        )
        if report is not None:
            content["findings"] = _findings(report)
        return content
    fields = record.model_dump(mode="json")
    segments = fields.pop("segments")
    failure = fields.pop("failure")
    return content | {
        "summary": _summary(trial),
        "record": fields,
        "segments": len(segments),
        "failure": failure,
        "evaluations": _evaluation_table(report.evaluations),
        "findings": _findings(report),
        "signature": _signature(report),
        "environment": recorded_environment(report.path),
        "log": _log_tail(report.path / LOG),
        "source": record.submission_sha256,
        "folder": str(report.path),
    }


def sources_of(facts: Facts) -> dict[str, dict[str, str]]:
    """Return the files of each submission's archive as text, by the digest that records name."""
    found: dict[str, dict[str, str]] = {}
    for trial in facts.trials:
        record = trial.record
        if trial.report and record and record.submission_sha256 not in found:
            found[record.submission_sha256] = _source(trial.report.path / SUBMISSION)
    return found


def _source(archive: Path) -> dict[str, str]:
    try:
        files = unpack(read_regular(archive))
    except (VerificationError, ValueError) as error:
        return {"(the archive does not open)": str(error)}
    return {
        name: content[:SOURCE_CHARACTERS].decode("utf-8", "replace")
        for name, content in sorted(files.items())
    }


def _summary(trial: Trial) -> list[tuple[str, str]]:
    """Return what a reader wants first."""
    record, report = trial.record, trial.report
    assert record is not None
    assert report is not None
    unit = unit_for([record.rules.max_runtime_seconds])
    reached = record.time_to_target_seconds
    target = record.rules.target
    sign = target.sign
    best = trial.best_value
    lines = [
        ("State", f"{record.state.replace('_', ' ')}: {record.reason}"),
        ("Time to target", "missed" if reached is None else unit.told(reached)),
        ("Target", f"validation {target.metric} {sign} {target.validation:g}; best "
                   + ("none" if best is None else f"{best:.5g}")),
        ("Submission time", f"{unit.told(record.submission_seconds)} of a budget of"
                            f" {unit.told(record.rules.max_runtime_seconds)}"),
        ("Official", "ran under all conditions; official if an organiser's key signed"
         if record.official else "no: " + "; ".join(record.unofficial_reasons)),
        ("Signature", trust_of(report)),
        ("Verdict code", report.verdict_code or "none"),
        ("Counts", "yes" if trial.deciding else "no: another attempt at this trial counts"),
    ]  # fmt: skip
    if first := first_evaluation(record, report.evaluations):
        lines.append(("First evaluation", first))
    lines += [("Disturbed", text) for text in record.disturbed or ()]
    for reason in record.stop_reasons:
        lines.append(("Stopped because", f"{reason.rule} ({', '.join(reason.evidence)})"))
    return lines


def _signature(report: VerificationReport) -> dict[str, Any]:
    signer = report.signer
    return {
        "status": trust_of(report),
        "verdict code": report.verdict_code,
        "sha256 of attestation.json": report.envelope_sha256,
        "signed by": signer.name if signer else None,
        "key id": signer.key.key_id if signer else None,
        "public key": signer.key.hex if signer else None,
    }


def _findings(report: VerificationReport) -> list[list[str]]:
    return [[f.status, f.check, f.file, f.sentence] for f in report.findings]


def _evaluation_table(rows: Sequence[Evaluation]) -> dict[str, Any]:
    metrics = sorted({name for row in rows for name in row.metrics})
    columns = [
        "reported step",
        "submission s",
        "evaluation s",
        "CPU s while paused",
        "distance",
        *metrics,
    ]
    table = [
        [
            row.step,
            _short(row.submission_seconds),
            _short(row.evaluation_ns / NANOSECONDS),
            _short(row.pause_cpu_seconds),
            _short(row.distance_from_initial),
            *(_short(row.metrics.get(name)) for name in metrics),
        ]
        for row in rows
    ]
    return {"columns": columns, "rows": table}


def _curve_table(trial: Trial) -> dict[str, Any]:
    curve, metric = trial.curve, trial.goal.target.metric
    table = [
        [_short(step), _short(seconds), _short(value)]
        for step, seconds, value in zip(curve.steps, curve.seconds, curve.values, strict=True)
    ]
    return {"columns": ["reported step", "submission s", f"validation/{metric}"], "rows": table}


def _log_tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4 * LOG_CHARACTERS))
            text = file.read(4 * LOG_CHARACTERS).decode("utf-8", "replace")
    except OSError as error:
        return f"(cannot be read: {error.strerror})"
    return text[-LOG_CHARACTERS:]


def _short(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return value
    return float(f"{value:.{_DIGITS}g}")


def _finite(value: Any) -> Any:
    """Return plain JSON that cannot mislead: text is escaped, a number not finite becomes text."""
    if isinstance(value, str):
        return escape_block(value)
    if isinstance(value, float) and not math.isfinite(value):
        return {"inf": "∞", "-inf": "−∞"}.get(repr(value), "NaN")
    if isinstance(value, dict):
        return {escape_line(str(key)): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
