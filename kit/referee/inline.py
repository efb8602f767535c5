"""A trial in one process, for a debugger: breakpoints work, nothing is prevented."""

from __future__ import annotations

import numpy as np

from kit.backend.functional import FunctionalModel
from kit.contracts import EvaluationResult
from kit.exchange.messages import Report
from kit.records.record import TrialState
from kit.referee.bench import Bench, Pause, visible_metrics
from kit.referee.isolation import TrainerFolders
from kit.referee.recording import Verdict
from kit.rules.plan import TrialPlan


class InlinePort:
    """The loop's port to a referee that is a function call away."""

    def __init__(self, bench: Bench, plan: TrialPlan) -> None:
        self._bench, self._plan = bench, plan
        self.verdict: Verdict | None = None
        self._report = Report()
        self.step = 0

    def set_step(self, step: int) -> None:
        """Show progress."""
        self.step = step
        if step % 10 == 0:
            self._bench.progress("training", step)

    def evaluation_due(self) -> bool:
        """Tell whether to yield: for an evaluation, or because the trial is over."""
        self._bench.check_interrupted()
        judge = self._bench.judge
        chosen = self._plan.evaluate_at_steps
        due = self.step in chosen if chosen else judge.evaluation_is_due()
        return due or judge.over() is not None

    def evaluate(
        self, step: int, arrays: list[np.ndarray], report: Report
    ) -> EvaluationResult | None:
        """Evaluate on the spot."""
        judge, clock = self._bench.judge, self._bench.clock
        arrived_ns = judge.submission_ns()
        self._report = report
        if over := judge.over():
            self._end(*over)
            return None
        clock.switch("evaluation")
        judge.check_step(step)
        evaluation = self._bench.evaluate(
            step, lambda: self._named(arrays), arrived_ns=arrived_ns, pause=Pause
        )
        reached = judge.add(evaluation)
        self._bench.observer.evaluated(evaluation)
        if reached:
            self._end(TrialState.TARGET_REACHED, "The validation metric reached the target.")
            return None
        clock.switch("submission")
        target = self._plan.rules.target
        return EvaluationResult(
            step=step,
            submission_seconds=evaluation.submission_seconds,
            max_submission_seconds=self._plan.announced_runtime_seconds,
            metrics={
                name: np.nan if value is None else value
                for name, value in visible_metrics(evaluation.metrics).items()
            },
            target=target.validation,
            higher_is_better=target.higher_is_better,
        )

    def complete(self, step: int, arrays: list[np.ndarray], report: Report) -> None:
        """Grant the last evaluation."""
        last = self._bench.judge.evaluations[-1:]
        if not last or last[0].step != step:
            self.evaluate(step, arrays, report)
        if self.verdict is None:
            self._end(
                TrialState.COMPLETED_WITHOUT_TARGET,
                "The algorithm finished by itself before it reached the target.",
            )

    def _named(self, arrays: list[np.ndarray]) -> dict[str, np.ndarray]:
        named = dict(
            zip((spec.name for spec in self._bench.evaluator.layout.specs), arrays, strict=True)
        )
        self._bench.evaluator.layout.check(named)
        return named

    def _end(self, state: TrialState, reason: str) -> None:
        self.verdict = Verdict(state, reason, self._report)


def run_inline(plan: TrialPlan, bench: Bench, folders: TrainerFolders) -> Verdict:
    """Run the training loop here; the clock runs before the submission is imported."""
    from kit.trainer.assembly import assemble
    from kit.trainer.data import training_queue
    from kit.trainer.loop import Loop

    workload = bench.evaluator.workload
    model = FunctionalModel(workload)
    queue = training_queue(workload, plan.batch_size, plan.seeds.data)
    port = InlinePort(bench, plan)
    bench.before_go()
    bench.clock.switch("submission")
    program = assemble(
        model,
        folders.submission,
        bench.evaluator.initial,
        hyperparameters=plan.hyperparameters,
        step_hint=plan.rules.step_hint,
        batch_size=plan.batch_size,
        seed=plan.seeds.algorithm,
        extras=folders.extras,
    )
    Loop(program, queue, port).run(max(plan.evaluate_at_steps, default=None))
    assert port.verdict is not None
    return port.verdict
