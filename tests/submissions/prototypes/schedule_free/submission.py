"""Schedule-free AdamW: other weights for evaluation (Defazio et al. 2024, arXiv 2405.15682).

A throw-away proof of the contract, not a submission. The parameters that the kit trains are y,
where gradients are taken; the average x is handed over for evaluation.
"""

from keras import ops

from kit.algorithms import ema, map_leaves, zeros_like
from kit.contracts import TrainingAlgorithm, Update

HYPERPARAMETERS = {
    "lr": {"range": (0.0, None), "meaning": "learning rate after the warm-up"},
    "beta_1": {"range": (0.0, 1.0), "meaning": "weight of x in y"},
    "beta_2": {"range": (0.0, 1.0), "meaning": "decay of the second moment"},
    "weight_decay": {"range": (0.0, None), "meaning": "decoupled, at y"},
    "warmup_steps": {"type": "int", "range": (1, None), "meaning": "length of the warm-up"},
}


class ScheduleFree(TrainingAlgorithm):
    def init(self, params, rng):
        copies = {name: map_leaves(lambda p: p + 0.0, params) for name in ("x", "z")}
        return {**copies, "v": zeros_like(params), "weights": ops.zeros(())}

    def update(self, params, state, model_state, batch, rng, step):
        given = self.hyperparameters
        beta_1, beta_2, decay = given["beta_1"], given["beta_2"], given["weight_decay"]
        result = self.workload.loss_and_gradients(params, model_state, batch, rng)
        count = ops.cast(step + 1, "float32")
        rate = given["lr"] * ops.minimum(1.0, count / given["warmup_steps"])
        total = state["weights"] + rate**2
        corrected = rate * ops.sqrt(1.0 - beta_2**count)

        def rule(y, x, z, v, g):
            v = ema(v, ops.square(g), beta_2)
            z = z - corrected * (g / (ops.sqrt(v) + 1e-8) + decay * y)
            x = ema(x, z, 1.0 - rate**2 / total)
            return ema(x, z, beta_1), x, z, v

        y, x, z, v = map_leaves(rule, params, state["x"], state["z"], state["v"], result.gradients)
        return Update(y, {"x": x, "z": z, "v": v, "weights": total}, result.model_state)

    def eval_params(self, params, state, model_state):
        return state["x"], model_state
