"""Synthetic trials whose clock, evaluations and seeds fit together, as a referee leaves them."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit.contracts.target import Target
from kit.records.attestation import attest, open_envelope
from kit.records.files import ATTESTATION, ATTESTED, WrittenRecord, write_record
from kit.records.ledger import LEDGER, Ledger
from kit.records.ledger_entry import Identification, StudyBody
from kit.records.record import (
    NANOSECONDS,
    BackendRecord,
    ContentionRecord,
    Evaluation,
    Failure,
    FreezingRecord,
    HostRecord,
    RulesRecord,
    ScheduleRecord,
    SeedsRecord,
    Segment,
    TrainerReport,
    TrialRecord,
    TrialState,
)
from kit.records.signing import SigningKey, load_or_create_key
from kit.rules.seeds import TrialSeeds
from kit.rules.source_digest import digest_files

SOURCE = {
    "submission.py": b"class Submission:\n    pass\n",
    "submission.yaml": b"name: example\n",
    "parts/schedule.py": b"",
}
ENVIRONMENT = {"python": "3.11", "hardware": {"cpus": 2}, "ratio": float("inf")}
LOG = b"step 1\nstep 2\n\xff not text\n"
PERIOD_NS = 2 * NANOSECONDS
TARGET = 0.9
SCHEDULE = ScheduleRecord(kind="after_previous", late_limit_seconds=2.0)
FORMAT_1 = "stopwatch/trial/1"
FORMAT_2: dict[str, Any] = {
    "initial_metrics": {"validation/accuracy": 0.05, "test/accuracy": 0.04},
    "backend": BackendRecord(trainer="tensorflow", referee="tensorflow"),
    "precision": "float32",
    "devices": ["cpu"],
    "host": HostRecord(
        id="0123456789abcdef",
        cpu="a processor",
        cores=2,
        memory_bytes=1 << 33,
        gpus=[],
        kernel="6.1",
        architecture="x86_64",
    ),
    "data_manifests": {"mnist-mini": "ab" * 32},
    "freezing": FreezingRecord(method="cgroup2", cpu_clock="schedstat", seccomp=True),
    "contention": ContentionRecord(seconds=6.0, cpus=2, steal_seconds=0.0),
    "disturbed": [],
}


@dataclass(frozen=True)
class Trial:
    """A record with its evaluations."""

    record: TrialRecord
    evaluations: tuple[Evaluation, ...]


def make_trial(
    *,
    state: TrialState = TrialState.TARGET_REACHED,
    count: int = 4,
    values: tuple[float, ...] | None = None,
    **fields: Any,
) -> Trial:
    """Return a trial with `count` evaluations; `values` are the validation accuracies."""
    reached = state is TrialState.TARGET_REACHED
    if values is None:
        values = tuple(0.1 * n for n in range(1, count)) + ((0.95,) if reached else (0.4,))
    segments, evaluations = run_clock(values, budget_used=state is TrialState.OUT_OF_TIME)
    submission_ns = sum(s.end_ns - s.start_ns for s in segments if s.phase == "submission")
    seeds = TrialSeeds.from_secret(bytes(range(32)))
    content: dict[str, Any] = {
        "kit_version": "0.1.0",
        "started_at": "2026-01-01T00:00:00.000+00:00",
        "ended_at": "2026-01-01T00:01:00.000+00:00",
        "rules": RulesRecord(
            ruleset="example",
            ruleset_sha256="ab" * 32,
            scale="mini",
            target=Target(metric="accuracy", higher_is_better=True, validation=TARGET),
            max_runtime_seconds=60.0,
            eval_period_seconds=PERIOD_NS / NANOSECONDS,
            step_hint=1000,
            **({} if fields.get("format") == FORMAT_1 else {"schedule": SCHEDULE}),
        ),
        "workload": "mnist",
        "variant": None,
        "submission": "example",
        "submission_sha256": digest_files(SOURCE),
        "study": 1,
        "trial": 1,
        "attempt": 1,
        "hyperparameters": {"learning_rate": 1e-3, "nesterov": True, "warmup_steps": 10},
        "batch_size": 128,
        "seeds": SeedsRecord(
            secret=seeds.secret,
            commitment=seeds.commitment,
            initialization=seeds.initialization,
            data=seeds.data,
            algorithm=seeds.algorithm,
        ),
        "official": True,
        "unofficial_reasons": [],
        "isolation": "process",
        "state": state,
        "reason": "The validation metric reached the target." if reached else "It ended.",
        "time_to_target_seconds": evaluations[-1].submission_seconds if reached else None,
        "steps": evaluations[-1].step if evaluations else 0,
        "submission_seconds": submission_ns / NANOSECONDS,
        "segments": segments,
        "trainer_report": TrainerReport(compile_seconds=0.25, xla={"update": False}),
        "failure": Failure(traceback="Traceback") if state is TrialState.FAILED else None,
        **({} if fields.get("format") == FORMAT_1 else FORMAT_2),
    }
    return Trial(TrialRecord(**{**content, **fields}), tuple(evaluations))


def run_clock(
    values: tuple[float, ...], *, budget_used: bool
) -> tuple[list[Segment], list[Evaluation]]:
    """Return the clock's segments and the evaluations of a trial."""
    segments = [Segment(phase="setup", start_ns=0, end_ns=3_000_000_007)]
    evaluations: list[Evaluation] = []
    submission_ns, due_ns = 0, 0
    for index, value in enumerate(values, start=1):
        late_ns = 1_234_567 * index
        append(segments, "submission", due_ns - submission_ns + late_ns)
        submission_ns = due_ns + late_ns
        total_ns = segments[-1].end_ns
        append(segments, "evaluation", 400_000_003)
        evaluations.append(
            Evaluation(
                index=index,
                step=1 + 100 * (index - 1),
                submission_ns=submission_ns,
                total_ns=total_ns,
                evaluation_ns=400_000_003,
                due_ns=due_ns,
                freeze_ns=10_000,
                pause_cpu_seconds=0.0,
                distance_from_initial=0.1 * index,
                finite=True,
                weights_sha256="0" * 64,
                metrics={
                    "train/loss": 1.0 / 3 / index,
                    "validation/accuracy": value,
                    "validation/loss": float("nan"),
                    "test/accuracy": value - 1e-3,
                },
            )
        )
        due_ns = submission_ns + PERIOD_NS
        append(segments, "logging", 5_000_001)
    if budget_used:
        append(segments, "submission", 60 * NANOSECONDS)
    return segments, evaluations


def append(segments: list[Segment], phase: Any, length_ns: int) -> None:
    """Append a segment to the clock."""
    start = segments[-1].end_ns
    segments.append(Segment(phase=phase, start_ns=start, end_ns=start + length_ns))


def changed(trial: Trial, **fields: Any) -> Trial:
    """Return the trial with fields of its record changed."""
    return Trial(trial.record.model_copy(update=fields), trial.evaluations)


def changed_evaluation(trial: Trial, number: int, **fields: Any) -> Trial:
    """Return the trial with fields of its evaluation `number` (from 1) changed."""
    rows = list(trial.evaluations)
    rows[number - 1] = rows[number - 1].model_copy(update=fields)
    return Trial(trial.record, tuple(rows))


class Results:
    """A results folder with a ledger and a key, as a referee keeps them."""

    def __init__(self, root: Path) -> None:
        self.root = root / "results"
        self.config = root / "config"
        self.key: SigningKey = load_or_create_key(self.config, "development")
        self._seconds = itertools.count()
        self.ledger = Ledger(self.root / LEDGER, now=self._now)

    def _now(self) -> str:
        return f"2026-01-01T00:00:{next(self._seconds):02d}.000+00:00"

    def folder(self, record: TrialRecord) -> Path:
        """Return where a record lies."""
        end = f"_attempt_{record.attempt}" if record.attempt > 1 else ""
        path = self.root / record.rules.ruleset / record.submission / record.id.label
        return path / f"study_{record.study}" / f"trial_{record.trial}{end}"

    def start(self, record: TrialRecord) -> Identification:
        """Enter the study's commitment and the start, and that of its clock."""
        which = Identification.of(record)
        if not any(entry.kind == "study" for entry in self.ledger.entries()):
            self.ledger.append("study", study_body(record), self.key)
        self.ledger.start(which, self.key)
        if record.submission_seconds > 0:
            self.ledger.clock(which, self.key)
        return which

    def write(
        self, trial: Trial, source: Mapping[str, bytes] = SOURCE, key: SigningKey | None = None
    ) -> WrittenRecord:
        """Write the record; the trial must have been started."""
        return write_record(
            self.folder(trial.record),
            record=trial.record,
            evaluations=trial.evaluations,
            environment=ENVIRONMENT,
            log=LOG,
            source=source,
            key=key or self.key,
            ledger_head=self.ledger.head(),
        )

    def run(
        self,
        trial: Trial,
        source: Mapping[str, bytes] = SOURCE,
        *,
        forge: Callable[[Path], None] | None = None,
    ) -> WrittenRecord:
        """Enter, write and close a trial as the referee does; `forge` changes what is signed."""
        which = self.start(trial.record)
        written = self.write(trial, source)
        digest = written.envelope_sha256
        if forge is not None:
            forge(written.folder)
            resign(written.folder, self.key)
            digest = hashlib.sha256((written.folder / ATTESTATION).read_bytes()).hexdigest()
        self.ledger.end(which, trial.record.state, digest, self.key)
        return written


def study_body(record: TrialRecord) -> StudyBody:
    """Return the commitment to a record's study."""
    return StudyBody(
        ruleset=record.rules.ruleset,
        submission=record.submission,
        study=record.study,
        commitment="cd" * 32,
    )


def resign(folder: Path, key: SigningKey, **predicate: str) -> None:
    """Sign the record again as a forger with a key would, with digests that fit."""
    digests = {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in ATTESTED}
    said = dict(open_envelope((folder / ATTESTATION).read_bytes()).predicate)
    (folder / ATTESTATION).write_bytes(attest(digests, {**said, **predicate}, key))
