"""One trial from plan to signed record."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from kit.data import train_folder
from kit.errors import KitError, RuleViolation, TrainerFailed
from kit.exchange import directory
from kit.exchange.channel import Listener
from kit.exchange.messages import Setup
from kit.records.files import write_record
from kit.records.ledger import LEDGER, Ledger, utc_now
from kit.records.ledger_entry import Identification, StudyBody
from kit.records.record import Evaluation, Failure, IsolationLevel, TrialState
from kit.records.recovery import enter_missing_end
from kit.records.signing import SigningKey, load_or_create_key
from kit.referee import environment
from kit.referee import isolation as isolating
from kit.referee.clock import Clock
from kit.referee.events import Observer, Outcome
from kit.referee.recording import Ending, trial_record
from kit.referee.signals import Signals
from kit.referee.trainer_process import TrainerProcess
from kit.referee.workspace import Workspace
from kit.rules.plan import TrialPlan

if TYPE_CHECKING:
    from kit.referee.bench import Bench, Verdict
    from kit.referee.isolation import TrainerFolders

_RESERVED_MEMORY_BYTES = 2 << 30  # left to the referee and the system


def run_trial(
    plan: TrialPlan,
    *,
    results: Path,
    config: Path,
    observer: Observer,
    isolation: str = "auto",
    inline: bool = False,
    memory_limit_bytes: int | None = None,
) -> Outcome:
    """Run one trial under the rules and leave its signed record below `results`.

    The prepared data must exist. Signals that ask to end are honoured at the next safe point; the
    record then says `interrupted`.

    Raises:
        KitError: the trial could not be started or recorded. What the trainer does wrong is no
            error here but the state of the record.
    """
    chosen, remark = isolating.choose("process" if inline else isolation)
    level: IsolationLevel = "inline" if inline else chosen
    key = load_or_create_key(config)
    ledger = Ledger(results / LEDGER)
    for earlier in _folders(plan, results):
        enter_missing_end(earlier, ledger, key)
    attempt, plan = _attempt(plan, ledger, inline=inline)
    who = _identify(plan, attempt, level)
    folder = _folder(plan, results, attempt)
    observer.started(plan, isolation=level, attempt=attempt, folder=folder)
    if remark and not inline:
        observer.note(remark)
    head = _enter_start(ledger, who, plan, key)
    started_at, clock = utc_now(), Clock()
    limit = memory_limit_bytes or psutil.virtual_memory().total - _RESERVED_MEMORY_BYTES
    with Signals() as signals:
        try:
            trial = _Trial(plan, clock, observer, signals, limit)
            ending = trial.run_inline() if inline else trial.run(chosen)
            ending = replace(ending, started_at=started_at, ended_at=utc_now(), isolation=level)
            record = trial_record(plan, ending, clock, attempt=attempt)
            written = write_record(
                folder,
                record=record,
                evaluations=ending.evaluations,
                environment=environment.describe(level, ending.trainer_environment),
                log=ending.log,
                source=plan.submission.contents,
                key=key,
                ledger_head=head,
            )
        except BaseException:
            with contextlib.suppress(KitError):  # the first error is the one to report
                ledger.end(who, TrialState.FAILED, None, key)
            raise
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


def _attempt(plan: TrialPlan, ledger: Ledger, *, inline: bool) -> tuple[int, TrialPlan]:
    """Return the number of this attempt, and the plan with what makes it unofficial added."""
    slot = _identify(plan, 1, "process").slot
    earlier = [a for a in ledger.attempts() if a.identification.slot == slot]
    number = len(earlier) + 1
    reasons = list(plan.unofficial_reasons)
    if inline:
        reasons.append("--inline runs referee and submission in one process")
    if any(a.state not in (None, TrialState.INTERRUPTED) for a in earlier):
        reasons.append("an earlier attempt at this trial has finished")
    elif number > plan.ruleset.max_attempts:
        reasons.append(f"more than {plan.ruleset.max_attempts} attempts at this trial")
    return number, replace(plan, unofficial_reasons=tuple(reasons))


def _identify(plan: TrialPlan, attempt: int, level: str) -> Identification:
    return Identification(
        ruleset=plan.ruleset.name,
        ruleset_sha256=plan.ruleset.sha256,
        workload_label=plan.workload_label,
        submission=plan.submission.name,
        submission_sha256=plan.submission.sha256,
        study=plan.study,
        trial=plan.trial,
        attempt=attempt,
        seed_commitment=plan.seeds.commitment,
        isolation=level,
    )


def _folder(plan: TrialPlan, results: Path, attempt: int) -> Path:
    """Return the record's folder; evidence is never overwritten: later attempts get their own."""
    folder = plan.folder(results)
    return folder if attempt == 1 else folder.with_name(f"{folder.name}_attempt_{attempt}")


def _folders(plan: TrialPlan, results: Path) -> list[Path]:
    """Return the records of all attempts at this trial that are on the disk."""
    folder = plan.folder(results)
    return [folder, *sorted(folder.parent.glob(f"{folder.name}_attempt_*"))]


def _enter_start(ledger: Ledger, who: Identification, plan: TrialPlan, key: SigningKey) -> str:
    """Commit to the study's secret once, and enter the start; return the ledger's head."""
    if plan.study_commitment is not None:
        body = StudyBody(
            ruleset=who.ruleset,
            submission=who.submission,
            study=who.study,
            commitment=plan.study_commitment,
        )
        known = (e.body for e in ledger.entries() if e.kind == "study")
        if body.model_dump() not in known:
            ledger.append("study", body, key)
    return ledger.start(who, key).sha256


class _Trial:
    """The parts of one run that `run_trial` wraps in ledger and record."""

    def __init__(
        self,
        plan: TrialPlan,
        clock: Clock,
        observer: Observer,
        signals: Signals,
        memory_limit_bytes: int,
    ) -> None:
        self._plan = plan
        self._clock = clock
        self._observer = observer
        self._signals = signals
        self._memory_limit_bytes = memory_limit_bytes
        self._evaluations: list[Evaluation] = []

    def run(self, level: isolating.Isolation) -> Ending:
        """Run the trainer in a process of its own. It is launched first, so that both import."""
        plan = self._plan
        data = train_folder(plan.workload, plan.ruleset.scale)
        with Workspace(plan.submission.contents, data) as folders:
            listener = Listener(folders.exchange / directory.SOCKET)
            launch = isolating.launch(level, folders)
            with contextlib.ExitStack() as stack:
                stack.callback(listener.close)
                trainer = TrainerProcess(launch)
                stack.callback(trainer.end)
                verdict = self._conduct(trainer, listener, folders)
                self._clock.stop()
                if verdict.failure is not None:
                    verdict = replace(verdict, failure=_complete(verdict.failure, trainer))
            return Ending(
                verdict=verdict,
                evaluations=tuple(self._evaluations),
                log=trainer.log(),
                peak_trainer_memory_bytes=trainer.tree.peak_resident_bytes,
                trainer_environment=launch.environment,
            )

    def _conduct(
        self, trainer: TrainerProcess, listener: Listener, folders: TrainerFolders
    ) -> Verdict:
        from kit.exchange.weights import WeightsInbox
        from kit.referee.session import Session, connect

        with self._verdicts() as ended, contextlib.ExitStack() as stack:
            channel = connect(trainer, listener, self._setup(), self._signals.received)
            stack.callback(channel.close)
            bench = self._bench()
            layout = bench.evaluator.layout
            control = stack.enter_context(directory.RefereeControl(folders.exchange))
            inbox = stack.enter_context(WeightsInbox(folders.exchange, layout, directory.WEIGHTS))
            with WeightsInbox(folders.exchange, layout, directory.INITIAL) as initial:
                initial.write(bench.evaluator.initial)
            ended.verdict = Session(
                bench,
                trainer,
                channel,
                control,
                inbox,
                at_chosen_steps=bool(self._plan.evaluate_at_steps),
            ).run()
        return ended.verdict

    def run_inline(self) -> Ending:
        """Run referee and submission in this process, for a debugger."""
        from kit.referee.evaluator import Interrupted
        from kit.referee.inline import run_inline

        with Workspace(self._plan.submission.contents, Path()) as folders:
            with self._verdicts() as ended:
                bench = self._bench()
                try:
                    ended.verdict = run_inline(self._plan, bench, folders.submission)
                except (RuleViolation, Interrupted):
                    raise
                except Exception as error:  # submission code may raise anything
                    raise TrainerFailed(traceback.format_exc()) from error
            self._clock.stop()
        return Ending(verdict=ended.verdict, evaluations=tuple(self._evaluations))

    def _bench(self) -> Bench:
        """Build the workload, its initial parameters and the compiled evaluation."""
        from kit.backend import framework
        from kit.referee.bench import Bench
        from kit.referee.evaluator import Evaluator
        from kit.referee.judge import Judge
        from kit.registry import load_workload

        plan = self._plan
        framework().configure()
        workload = load_workload(plan.workload, plan.ruleset.scale, plan.variant)
        evaluator = Evaluator(workload, plan.seeds.initialization)
        evaluator.prepare()
        judge = Judge(plan.rules, plan.ruleset, self._clock)
        self._evaluations = judge.evaluations
        return Bench(
            clock=self._clock,
            judge=judge,
            evaluator=evaluator,
            observer=self._observer,
            interrupted=self._signals.received,
            memory_limit_bytes=self._memory_limit_bytes,
        )

    def _setup(self) -> Setup:
        plan = self._plan
        return Setup(
            workload=plan.workload,
            scale=plan.ruleset.scale,
            variant=plan.variant,
            batch_size=plan.batch_size,
            step_hint=plan.rules.step_hint,
            hyperparameters=dict(plan.hyperparameters),
            data_seed=plan.seeds.data,
            algorithm_seed=plan.seeds.algorithm,
            max_submission_seconds=plan.rules.max_runtime_seconds,
            target=plan.rules.target.validation,
            higher_is_better=plan.rules.target.higher_is_better,
            evaluate_at_steps=list(plan.evaluate_at_steps),
        )

    @contextlib.contextmanager
    def _verdicts(self) -> Iterator[_Ended]:
        """Turn what ends a trial early into its verdict."""
        from kit.referee.bench import Verdict
        from kit.referee.evaluator import Interrupted

        ended = _Ended()
        try:
            yield ended
        except RuleViolation as error:
            ended.verdict = Verdict(TrialState.RULE_VIOLATION, str(error), failure=Failure())
        except TrainerFailed as error:
            ended.verdict = Verdict(
                TrialState.FAILED, _last_line(str(error)), failure=Failure(traceback=str(error))
            )
        except Interrupted as error:
            ended.verdict = Verdict(TrialState.INTERRUPTED, f"The run was ended by {error}.")


class _Ended:
    verdict: Verdict


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "The trainer failed without a message."


def _complete(failure: Failure, trainer: TrainerProcess) -> Failure:
    """Add exit status and log tail to a failure, the trainer being dead or about to be killed."""
    status = trainer.exit_status(timeout_seconds=0.5)
    return failure.model_copy(
        update={"exit_status": status or "killed by the referee", "log_tail": trainer.log_tail()}
    )
