"""Schedule-free AdamW: other weights for evaluation (Defazio et al. 2024, arXiv 2405.15682).

A throw-away proof of the contract, not a submission. The parameters that the kit trains are y,
where gradients are taken; the average x is handed over for evaluation.
"""

from keras import ops

from kit.algorithms import ema, zeros_like
from kit.contracts import TrainingAlgorithm, Update


class ScheduleFree(TrainingAlgorithm):
    def init(self, params, rng):
        return {
            "z": [p + 0.0 for p in params],
            "x": [p + 0.0 for p in params],
            "v": zeros_like(params),
            "weights": ops.zeros(()),
        }

    def update(self, state, params, model_state, batch, rng, step):
        given = self.hyperparameters
        beta_1, beta_2 = given["betas"]
        result = self.workload.loss_and_gradients(params, model_state, batch, rng)
        count = ops.cast(step + 1, "float32")
        rate = given["lr"] * ops.minimum(1.0, count / given["warmup_steps"])
        total = state["weights"] + rate**2
        c = rate**2 / total
        corrected = rate * ops.sqrt(1.0 - beta_2**count)
        x, y, z, v = [], [], [], []
        for g, p, z_, x_, v_ in zip(
            result.gradients, params, state["z"], state["x"], state["v"], strict=True
        ):
            v.append(ema(v_, ops.square(g), beta_2))
            z.append(z_ - corrected * (g / (ops.sqrt(v[-1]) + 1e-8) + given["weight_decay"] * p))
            x.append((1.0 - c) * x_ + c * z[-1])
            y.append(beta_1 * x[-1] + (1.0 - beta_1) * z[-1])
        return Update(y, result.model_state, {"z": z, "x": x, "v": v, "weights": total})

    def eval_params(self, state, params, model_state):
        return state["x"], model_state
