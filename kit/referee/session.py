"""One refereed run of a trainer: protocol, clock and rules together."""

from __future__ import annotations

import time
from collections.abc import Callable

from kit.errors import RuleViolation, TrainerFailed
from kit.exchange.channel import Channel, ChannelClosed, Listener
from kit.exchange.directory import RefereeControl
from kit.exchange.messages import (
    Complete,
    Failed,
    Go,
    Initial,
    Ready,
    Report,
    Resume,
    Setup,
    Weights,
    parse_from_trainer,
)
from kit.exchange.weights import WeightsInbox
from kit.records.record import TrialState
from kit.referee.bench import Bench, Pause, visible_metrics
from kit.referee.evaluator import Interrupted
from kit.referee.gpu_audit import GpuAudit
from kit.referee.output import tail
from kit.referee.recording import Verdict
from kit.referee.standstill import Standstill
from kit.referee.trainer_process import Trainer

_TICK_SECONDS = 0.1
_CONNECT_SECONDS = 120.0
_SETUP_SECONDS = 600.0
_MEMORY_CHECK_SECONDS = 1.0


def connect(
    trainer: Trainer,
    listener: Listener,
    setup: Setup,
    interrupted: Callable[[], str | None],
) -> Channel:
    """Wait for the trainer and tell it what to build; it builds while the referee does.

    Raises:
        TrainerFailed: it died or did not connect.
        Interrupted: a signal came first.
    """
    deadline = time.monotonic() + _CONNECT_SECONDS
    while time.monotonic() < deadline:
        if name := interrupted():
            raise Interrupted(name)
        channel = listener.accept(_TICK_SECONDS)
        if channel is not None:
            listener.close()
            try:
                channel.send(setup)
            except ChannelClosed:
                channel.close()
                raise _death(trainer, interrupted) from None
            return channel
        if not trainer.is_alive():
            raise _death(trainer, interrupted)
    raise TrainerFailed(f"The trainer did not connect in {_CONNECT_SECONDS:.0f} s.")


def _death(trainer: Trainer, interrupted: Callable[[], str | None]) -> Exception:
    """Return what the end of a connection means; a signal of its organiser explains it best."""
    deadline = time.monotonic() + trainer.grace_seconds
    while not interrupted() and time.monotonic() < deadline:
        time.sleep(_TICK_SECONDS)
    if name := interrupted():
        return Interrupted(name)
    status = trainer.exit_status()
    if status is None:
        return RuleViolation("The trainer closed its connection to the referee and ran on.")
    lines = tail(trainer.log()).split("\n")
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return TrainerFailed(
        f"The trainer's process ended: {status}." + (f" It printed: {said[:200]}" if said else "")
    )


class Session:
    """Runs the protocol with one connected trainer to its end."""

    def __init__(
        self,
        bench: Bench,
        trainer: Trainer,
        channel: Channel,
        control: RefereeControl,
        inbox: WeightsInbox,
        *,
        at_chosen_steps: bool = False,
    ) -> None:
        """`at_chosen_steps`: the trainer was told when to yield, so the flag stays down."""
        self._bench = bench
        self._clock, self._judge = bench.clock, bench.judge
        self._trainer = trainer
        self._channel = channel
        self._control = control
        self._inbox = inbox
        self._at_chosen_steps = at_chosen_steps
        self._due = False
        self._report = Report()
        self._memory_checked = 0.0
        self._gpu = GpuAudit()

    def run(self) -> Verdict:
        """Let the trainer load the initial parameters, start the clock, see the trial through."""
        self._send(Initial())
        self._await_ready()
        self._bench.before_go()
        self._clock.switch("submission")
        self._send(Go())
        while True:
            message = self._await_message()
            if isinstance(message, Verdict):
                return message
            if isinstance(message, Failed):
                raise TrainerFailed(message.traceback)
            asked_for = self._due or isinstance(message, Complete) or self._at_chosen_steps
            if isinstance(message, Ready) or not asked_for:
                raise RuleViolation(f"The trainer sent {message.type!r}, which nobody asked for.")
            if isinstance(message, Complete):
                self._await_due(message.step)
            verdict = self._pause(message)
            if verdict is not None:
                return verdict

    def _verdict(self, state: TrialState, reason: str) -> Verdict:
        return Verdict(state, reason, self._report)

    def _await_ready(self) -> None:
        deadline = time.monotonic() + _SETUP_SECONDS
        while time.monotonic() < deadline:
            self._bench.check_interrupted()
            self._bench.progress("setup", 0)
            line = self._receive(_TICK_SECONDS)
            message = None if line is None else parse_from_trainer(line)
            if isinstance(message, Ready):
                return
            if isinstance(message, Failed):
                raise TrainerFailed(message.traceback)
            if message is not None:
                raise RuleViolation(f"The trainer sent {message.type!r} before it was ready.")
        raise TrainerFailed(f"The trainer was not ready after {_SETUP_SECONDS:.0f} s.")

    def _await_message(self) -> Ready | Weights | Complete | Failed | Verdict:
        """Return the next message, or the verdict when the time for evaluations is over."""
        while True:
            self._bench.check_interrupted()
            if over := self._judge.over():
                return self._verdict(*over)
            if self._judge.evaluation_is_due() and not self._at_chosen_steps:
                if not self._due:
                    self._set_due(True)
                self._judge.check_lateness()
            self._check_memory()
            line = self._receive(min(_TICK_SECONDS, self._judge.seconds_until_next_event()))
            if line is not None:
                return parse_from_trainer(line)
            self._bench.progress("training", self._control.step())

    def _await_due(self, step: int) -> None:
        """Let the clock run on for a trainer that has finished, so that it chooses no moment."""
        while self._judge.completion_must_wait(step) and not self._judge.over():
            self._bench.check_interrupted()
            if self._receive(min(_TICK_SECONDS, self._judge.seconds_until_next_event())):
                raise RuleViolation("The trainer sent another message after 'complete'.")

    def _send(self, message: Initial | Go | Resume) -> None:
        try:
            self._channel.send(message)
        except ChannelClosed:
            raise _death(self._trainer, self._bench.interrupted) from None

    def _receive(self, timeout_seconds: float) -> bytes | None:
        try:
            return self._channel.receive_line(timeout_seconds)
        except ChannelClosed:
            raise _death(self._trainer, self._bench.interrupted) from None

    def _set_due(self, due: bool) -> None:
        self._due = due
        self._control.set_evaluation_due(due)

    def _check_memory(self) -> None:
        if self._trainer.limited_by_kernel:
            return
        now = time.monotonic()
        if now - self._memory_checked < _MEMORY_CHECK_SECONDS:
            return
        self._memory_checked = now
        used, limit = self._trainer.tree.resident_bytes(), self._bench.memory_limit_bytes
        if used > limit:
            raise TrainerFailed(
                f"The trainer held {used / 2**30:.1f} GiB of memory; the limit is "
                f"{limit / 2**30:.1f} GiB."
            )

    def _pause(self, message: Weights | Complete) -> Verdict | None:
        """Freeze the trainer, evaluate what it handed over, and let it go on or not."""
        arrived_ns = self._judge.submission_ns()
        frozen = self._trainer.tree.freeze()
        self._clock.switch("evaluation")
        self._gpu.start()
        self._set_due(False)
        self._report = message.report
        if over := self._judge.over():
            return self._verdict(*over)
        finished = isinstance(message, Complete)
        if not (finished and self._judge.is_evaluated(message.step)):
            self._judge.check_step(message.step)
            evaluation = self._bench.evaluate(
                message.step,
                lambda: self._inbox.read(message.size_bytes),
                arrived_ns=arrived_ns,
                pause=lambda: self._audit(frozen),
            )
            reached = self._judge.add(evaluation)
            self._bench.observer.evaluated(evaluation)
            self._judge.check_pause(evaluation)
            self._check_stood_still(frozen)
            if reached:
                return self._verdict(
                    TrialState.TARGET_REACHED, "The validation metric reached the target."
                )
        if finished:
            return self._verdict(
                TrialState.COMPLETED_WITHOUT_TARGET,
                "The algorithm finished by itself before it reached the target.",
            )
        self._resume()
        return None

    def _audit(self, frozen: Standstill) -> Pause:
        now = self._trainer.tree.standstill()
        return Pause(
            cpu_seconds=frozen.cpu_seconds(now),
            gpu_utilization=self._gpu.utilization({t.pid for t in frozen.threads | now.threads}),
        )

    def _check_stood_still(self, frozen: Standstill) -> None:
        """Look once more, right before the trainer runs on or its result counts.

        Raises:
            RuleViolation: a thread ran, ended, or is new, however short it was.
            TrainerFailed: the whole trainer was killed meanwhile, as the kernel does for memory.
        """
        if changes := frozen.changes(self._trainer.tree.standstill()):
            if not self._trainer.tree.any_running():
                raise _death(self._trainer, self._bench.interrupted)
            more = f" ({len(changes) - 1} more)" if len(changes) > 1 else ""
            raise RuleViolation(
                f"The trainer did not stand still during an untimed evaluation: {changes[0]}{more}."
            )

    def _resume(self) -> None:
        last = self._judge.evaluations[-1]
        answer = Resume(
            step=last.step,
            submission_seconds=last.submission_seconds,
            metrics=visible_metrics(last.metrics),
        )
        self._clock.switch("submission")
        self._trainer.tree.thaw()
        self._send(answer)
