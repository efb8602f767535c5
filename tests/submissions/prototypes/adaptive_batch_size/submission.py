"""SGD whose batch grows by the norm test (AdAdaGrad, Lau et al. 2024, arXiv 2402.11215).

A throw-away proof of the contract, not a submission: per-example gradients in a stage of its own,
feedback to the host after a declared delay, and `take` for the next batch.

    V    = sum over coordinates of the sample variance of the gradients of the b examples
    b'   = max(b, ceil(V / (eta^2 |mean gradient|^2)))
"""

from keras import ops

from kit.algorithms import descend
from kit.contracts import Stage, TrainingAlgorithm, Update

HYPERPARAMETERS = {
    "learning_rate": {"range": (0.0, None), "meaning": "constant"},
    "eta": {"range": (0.0, None), "meaning": "how large the error of the gradient may be"},
    "test_interval": {"type": "int", "range": (1, None), "meaning": "steps between tests"},
    "largest_batch_size": {"type": "int", "range": (1, None), "meaning": "where it stops to grow"},
}


def norm_test(per_example, eta):
    """Return the batch size that the norm test asks for, of gradients `(batch, *shape)`."""
    size = per_example[0].shape[0]
    variance = sum(ops.sum(ops.var(g, axis=0)) for g in per_example) * size / max(size - 1, 1)
    norm = sum(ops.sum(ops.square(ops.mean(g, axis=0))) for g in per_example)
    return ops.maximum(float(size), ops.ceil(variance / (eta**2 * norm)))


class AdaptiveBatchSize(TrainingAlgorithm):
    feedback_delay = 1

    def __init__(self, workload, hyperparameters):
        super().__init__(workload, hyperparameters)
        self.stages = (Stage("update"), Stage("test", every=hyperparameters["test_interval"]))

    def update(self, params, state, model_state, batch, rng, step):
        result = self.workload.loss_and_gradients(params, model_state, batch, rng)
        params = descend(params, result.gradients, self.hyperparameters["learning_rate"])
        return Update(params, state, result.model_state)

    def test(self, params, state, model_state, batch, rng, step):
        per_example = self.workload.per_example_gradients(params, model_state, batch, rng)
        wanted = norm_test(per_example, self.hyperparameters["eta"])
        return Update(params, state, model_state, {"batch_size": wanted})

    def batches(self, queue, feedback):
        size = self.workload.batch_size
        while True:
            wanted = feedback.latest().get("batch_size")
            if wanted is not None:
                size = max(size, min(int(wanted), self.hyperparameters["largest_batch_size"]))
            yield queue.take(size)
