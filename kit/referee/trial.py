"""One trial from plan to signed record."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil

from kit.data.prepared import manifest_digests, prepared_bytes, verify
from kit.errors import KitError, TrialError
from kit.planning.request import TrialPlan, TrialRequest
from kit.records.attempts import REPEATABLE, rule_on
from kit.records.files import write_record
from kit.records.folders import attempt_folder, attempt_folders, only_run_at
from kit.records.ledger import LEDGER, Ledger, utc_now
from kit.records.ledger_entry import Identification, StudyBody
from kit.records.record import IsolationLevel, TrialState, is_weaker
from kit.records.recovery import enter_missing_end
from kit.records.signing import SigningKey, load_or_create_key
from kit.referee import environment
from kit.referee import isolation as isolating
from kit.referee.clock import Clock
from kit.referee.conduct import Conduct
from kit.referee.debugger import time_outside_debuggers
from kit.referee.events import Observer, Outcome
from kit.referee.proc import cpu_clock
from kit.referee.recording import trial_record
from kit.referee.signals import Signals
from kit.referee.walls import engine_evidence, referee_facts

_CHECKED_BYTES = 1 << 30  # read in full before each trial
_RESERVED_MEMORY_BYTES = 2 << 30  # left to the referee and the system


def run_trial(
    plan: TrialPlan, *, config: Path, observer: Observer, extras: Path | None = None
) -> Outcome:
    """Run one trial under the rules and leave its signed record below the folder of results.

    The prepared data must exist, and so must `extras`, the folder of the submission's extra
    packages if it has some. Signals that ask to end are honoured at the next safe point; the
    record then says `interrupted`.

    Raises:
        KitError: the trial could not be started or recorded. What the trainer does wrong is not an
            error here but the state of the record.
    """
    request = plan.request
    level, remark = _choose(request.execution.isolation)
    if plan.submission.extra_requirements and extras is None and level != "container":
        raise TrialError(
            f"The extra packages of submission {plan.submission.name} were not installed. Install "
            "them first: kit.engine.extras.installed."
        )
    data_manifests = _check_data(plan)
    describe = partial(
        environment.describe,
        level,
        data_digests=data_manifests,
        ignored_variables=environment.ignore_framework_settings(),
        extra_requirements={p.name: p.version for p in plan.submission.extra_requirements},
    )
    results = request.results
    with only_run_at(results, plan.id.folder, str(plan.id)):
        key, ledger = load_or_create_key(config), Ledger(results / LEDGER)
        for earlier in attempt_folders(results / plan.id.folder):
            enter_missing_end(earlier, ledger, key)
        attempt, plan = _attempt(plan, ledger, level)
        who = _identify(plan, attempt, level)
        folder = attempt_folder(results / plan.id.folder, attempt)
        observer.started(plan, isolation=level, attempt=attempt, folder=folder)
        if remark:
            observer.note(remark)
        head = _enter_start(ledger, who, plan, key)
        with Signals() as signals:
            with _interrupted_on_error(ledger, who, key):
                started_at = utc_now()
                clock = Clock(time_outside_debuggers()) if level == "inline" else Clock()
                conduct = Conduct(
                    plan,
                    clock,
                    observer,
                    signals,
                    _memory_limit(request),
                    extras,
                    before_go=partial(ledger.clock, who, key),
                )
                stop = request.stop
                if stop is not None and stop.is_needless:
                    ending = conduct.leave_out(stop)
                else:
                    ending = conduct.run(level)
                ending = replace(
                    ending,
                    started_at=started_at,
                    ended_at=utc_now(),
                    isolation=level,
                    data_manifests=data_manifests,
                )
                record = trial_record(plan, ending, clock, attempt=attempt)
                written = write_record(
                    folder,
                    record=record,
                    evaluations=ending.evaluations,
                    environment=describe(ending.trainer_environment, walls=ending.walls),
                    log=ending.log,
                    source=plan.submission.contents,
                    key=key,
                    ledger_head=head,
                )
            ledger.end(who, record.state, written.envelope_sha256, key)
    outcome = Outcome(
        record=record,
        evaluations=ending.evaluations,
        folder=folder,
        verdict_code=written.verdict_code,
        key_name=key.name,
        attested=True,
    )
    observer.finished(outcome)
    return outcome


def _choose(isolation: str) -> tuple[IsolationLevel, str | None]:
    """Return the level, and a remark if it is weaker than it could be."""
    if isolation == "inline":
        return "inline", None
    if isolation == "container":
        referee_facts()
        return "container", None
    return isolating.choose(isolation)


def _memory_limit(request: TrialRequest) -> int:
    given = request.execution.memory_limit_bytes
    return given or psutil.virtual_memory().total - _RESERVED_MEMORY_BYTES


@contextlib.contextmanager
def _interrupted_on_error(ledger: Ledger, who: Identification, key: SigningKey) -> Iterator[None]:
    """Enter an end without a record when the referee itself fails: the trial may be repeated."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(KitError):  # the first error is the one to report
            ledger.end(who, TrialState.INTERRUPTED, None, key)
        raise


def _check_data(plan: TrialPlan) -> dict[str, str]:
    """Check what will be trained and evaluated on; return what fixes every byte of it.

    Raises:
        DataError: it is missing or altered. Large data is checked by size, small by content.
    """
    where = (plan.id.workload, plan.ruleset.scale)
    if prepared_bytes(*where) <= _CHECKED_BYTES:
        verify(*where)
    return manifest_digests(*where)


def _attempt(plan: TrialPlan, ledger: Ledger, level: IsolationLevel) -> tuple[int, TrialPlan]:
    """Return the number of this attempt, and the plan with what makes it unofficial added."""
    earlier = [a for a in ledger.attempts() if a.identification.folder == plan.id.folder]
    number = len(earlier) + 1
    reasons = list(plan.request.unofficial_reasons)
    if plan.ruleset.evaluation.device == "gpu" and not environment.gpus():
        reasons.append("the ruleset evaluates on a GPU, and this machine has none")
    if level == "container" and engine_evidence() is None:
        reasons.append("the containers were not inspected: kit run did not start them")
    if level == "inline":
        reasons.append("--inline runs referee and submission in one process")
    elif is_weaker(level, plan.ruleset.isolation):
        reasons.append(f"the ruleset asks for isolation {plan.ruleset.isolation!r} at least")
    if plan.ruleset.pause_cpu_clock != "ticks" == cpu_clock():
        reasons.append("the ruleset requires CPU times in nanoseconds; this kernel counts ticks")
    ruling = rule_on([a.tried for a in earlier], plan.ruleset.max_attempts)
    if any(a.state not in REPEATABLE for a in earlier):
        reasons.append("an earlier attempt at this trial has finished")
    elif ruling.used >= plan.ruleset.max_attempts:
        reasons.append(f"more than {plan.ruleset.max_attempts} attempts at this trial")
    return number, replace(plan, request=plan.request.changed(unofficial_reasons=tuple(reasons)))


def _identify(plan: TrialPlan, attempt: int, level: str) -> Identification:
    return Identification(
        ruleset=plan.ruleset.name,
        ruleset_sha256=plan.ruleset.sha256,
        workload_label=plan.id.label,
        submission=plan.submission.name,
        submission_sha256=plan.submission.sha256,
        study=plan.id.study,
        trial=plan.id.trial,
        attempt=attempt,
        seed_commitment=plan.request.seeds.commitment,
        isolation=level,
    )


def _enter_start(ledger: Ledger, who: Identification, plan: TrialPlan, key: SigningKey) -> str:
    """Commit to the study's secret once, and enter the start; return the ledger's head."""
    if plan.request.study_commitment is not None:
        body = StudyBody(
            ruleset=who.ruleset,
            submission=who.submission,
            study=who.study,
            commitment=plan.request.study_commitment,
        )
        known = (e.body for e in ledger.entries() if e.kind == "study")
        if body.model_dump() not in known:
            ledger.append("study", body, key)
    return ledger.start(who, key).sha256
