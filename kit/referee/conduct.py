"""One run of a trainer under the referee: what lies between the ledger's start and the record."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit.errors import RuleViolation, TrainerFailed
from kit.exchange import directory
from kit.exchange.messages import Setup
from kit.planning.request import EarlyStop, TrialPlan
from kit.records.record import Evaluation, Failure, FreezingRecord, IsolationLevel, TrialState
from kit.records.schedule import Schedule
from kit.referee.clock import Clock
from kit.referee.environment import gpus
from kit.referee.events import Observer
from kit.referee.launching import Launched, launched
from kit.referee.output import tail
from kit.referee.recording import Ending, Verdict, rules_record
from kit.referee.signals import Signals
from kit.referee.trainer_process import Trainer
from kit.text import escape_block, escape_line

if TYPE_CHECKING:
    from kit.referee.bench import Bench


class Conduct:
    """Starts a trainer, builds the referee's bench, and sees one run through to its ending."""

    def __init__(
        self,
        plan: TrialPlan,
        clock: Clock,
        observer: Observer,
        signals: Signals,
        memory_limit_bytes: int,
        extras: Path | None = None,
        before_go: Callable[[], object] = lambda: None,
    ) -> None:
        self._plan = plan
        self._clock = clock
        self._observer = observer
        self._signals = signals
        self._memory_limit_bytes = memory_limit_bytes
        self._extras = extras
        self._before_go = before_go
        self._evaluations: list[Evaluation] = []
        self._initial_metrics: Mapping[str, float] = {}
        self._walls: Mapping[str, object] = {}
        self._freezing: FreezingRecord | None = None

    def run(self, level: IsolationLevel) -> Ending:
        """Run the trainer under the referee. It is launched first, so that both import."""
        with contextlib.ExitStack() as stack:
            started = stack.enter_context(
                launched(
                    level,
                    self._plan,
                    extras=self._extras,
                    memory_limit_bytes=self._memory_limit_bytes,
                )
            )
            trainer = started.trainer
            stack.callback(trainer.end)
            verdict = started.run(lambda: self._conduct(started, inline=level == "inline"))
            self._clock.stop()
            if verdict.failure is not None:
                verdict = replace(verdict, failure=_complete(verdict.failure, trainer))
            trainer.end()  # the log is complete when the last process that writes to it is gone
            return Ending(
                verdict=verdict,
                evaluations=tuple(self._evaluations),
                log=trainer.log(),
                peak_trainer_memory_bytes=trainer.tree.peak_resident_bytes or None,
                trainer_environment=started.environment,
                walls=self._walls,
                freezing=self._freezing,
                initial_metrics=self._initial_metrics,
            )

    def _conduct(self, started: Launched, *, inline: bool) -> Verdict:
        from kit.exchange.weights import WeightsInbox
        from kit.referee.session import Session, connect

        trainer, exchange = started.trainer, started.exchange
        with self._verdicts() as ended, contextlib.ExitStack() as stack:
            # Seeds and devices are settings of a process: two that share one build in turn.
            bench = self._bench({}) if inline else None
            channel = connect(trainer, started.listener, self._setup(), self._signals.received)
            stack.callback(channel.close)
            self._walls = started.check_walls()
            self._freezing = trainer.tree.freezing()
            bench = bench or self._bench(self._evaluation_device())
            layout = bench.evaluator.layout
            control = stack.enter_context(directory.RefereeControl(exchange))
            inbox = stack.enter_context(WeightsInbox(exchange, layout, directory.WEIGHTS))
            with WeightsInbox(exchange, layout, directory.INITIAL) as initial:
                initial.write(bench.evaluator.initial)
            ended.verdict = Session(
                bench,
                trainer,
                channel,
                control,
                inbox,
                at_chosen_steps=bool(self._plan.request.evaluate_at_steps),
            ).run()
        return ended.verdict

    def leave_out(self, stop: EarlyStop) -> Ending:
        """Start nothing, because no result of the trial could change a score."""
        self._clock.stop()
        reason = f"Not started, because no result could change a score: {stop.rule}."
        return Ending(verdict=Verdict(TrialState.STOPPED_EARLY, reason), evaluations=())

    def _bench(self, device: Mapping[str, Any]) -> Bench:
        """Build the workload, its initial parameters and the compiled evaluation."""
        from kit.backend import framework
        from kit.referee.bench import Bench
        from kit.referee.evaluator import Evaluator
        from kit.referee.judge import Judge
        from kit.registry import load_workload

        plan = self._plan
        framework().configure(**device)
        workload = load_workload(plan.id.workload, plan.ruleset.scale, plan.id.variant)
        evaluator = Evaluator(workload, plan.request.seeds.initialization)
        schedule = Schedule.of(rules_record(plan))
        judge = Judge(
            plan.request.rules, plan.ruleset, self._clock, schedule, stop=plan.request.stop
        )
        self._evaluations = judge.evaluations
        bench = Bench(
            clock=self._clock,
            judge=judge,
            evaluator=evaluator,
            observer=self._observer,
            interrupted=self._signals.received,
            memory_limit_bytes=self._memory_limit_bytes,
            before_go=self._before_go,
        )
        self._initial_metrics = evaluator.prepare(bench.check_interrupted)
        return bench

    def _evaluation_device(self) -> dict[str, Any]:
        """Return where the ruleset has the referee evaluate, and how much memory it may take."""
        where = self._plan.ruleset.evaluation
        memory = [gpu["memory_bytes"] for gpu in gpus()]
        if where.device == "cpu" or not memory:
            return {"device": "cpu"}
        return {"device": "gpu", "gpu_memory_bytes": int(where.memory_share * min(memory))}

    def _setup(self) -> Setup:
        plan = self._plan
        return Setup(
            workload=plan.id.workload,
            scale=plan.ruleset.scale,
            variant=plan.id.variant,
            batch_size=plan.request.batch_size,
            step_hint=plan.request.rules.step_hint,
            hyperparameters=dict(plan.request.hyperparameters),
            data_seed=plan.request.seeds.data,
            algorithm_seed=plan.request.seeds.algorithm,
            max_submission_seconds=plan.request.announced_runtime_seconds,
            target=plan.request.rules.target.validation,
            higher_is_better=plan.request.rules.target.higher_is_better,
            evaluate_at_steps=list(plan.request.evaluate_at_steps),
        )

    @contextlib.contextmanager
    def _verdicts(self) -> Iterator[_Ended]:
        """Turn what ends a trial early into its verdict."""
        from kit.referee.evaluator import Interrupted

        ended = _Ended()
        try:
            yield ended
        except RuleViolation as error:
            reason = escape_line(str(error))
            ended.verdict = Verdict(TrialState.RULE_VIOLATION, reason, failure=Failure())
        except TrainerFailed as error:
            text = escape_block(str(error))
            ended.verdict = Verdict(
                TrialState.FAILED, _last_line(text), failure=Failure(traceback=text)
            )
        except Interrupted as error:
            ended.verdict = Verdict(TrialState.INTERRUPTED, f"The run was ended by {error}.")


class _Ended:
    verdict: Verdict


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "The trainer failed without a message."


def _complete(failure: Failure, trainer: Trainer) -> Failure:
    """Add exit status and log tail to a failure; kills the trainer if it still runs."""
    status = trainer.exit_status(timeout_seconds=0.5) or "killed by the referee"
    trainer.end()  # the log is complete when the last process that writes to it is gone
    return failure.model_copy(update={"exit_status": status, "log_tail": tail(trainer.log())})
