"""Gradient descent that finishes after ten steps: what the attacks build on."""

from itertools import islice

from kit.contracts import TrainingAlgorithm, Update

HYPERPARAMETERS = {"x": {"meaning": "nothing; it tells the trials apart"}}


class Honest(TrainingAlgorithm):
    STEPS = 10

    def update(self, params, state, model_state, batch, rng, step):
        result = self.workload.loss_and_gradients(params, model_state, batch, rng)
        moved = [p - 0.1 * g for p, g in zip(params, result.gradients, strict=True)]
        return Update(moved, state, result.model_state)

    def batches(self, queue, feedback):
        return islice(queue, self.STEPS)
