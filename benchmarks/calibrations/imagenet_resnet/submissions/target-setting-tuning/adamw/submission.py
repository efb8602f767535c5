"""AdamW: Adam with decoupled weight decay.

Paper: Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101, in the form of the AlgoPerf
baseline. For the gradient g, clipped to a global norm if `grad_clip` is given, and s = step + 1:

    m <- beta_1 m + (1 - beta_1) g
    v <- beta_2 v + (1 - beta_2) g^2
    u  = (m / (1 - beta_1^s)) / (sqrt(v / (1 - beta_2^s)) + epsilon)
    p <- p - lr (u + weight_decay p)

lr: linear warm-up, then half-cosine to 0 at the step hint. All parameters decay.

Deviations from the paper: weight decay is multiplied by the full lr, not by the schedule alone.

Hyperparameters: learning_rate (peak), one_minus_beta1, beta2, weight_decay, warmup_factor; optional
epsilon (1e-8), grad_clip, label_smoothing, dropout_rate.
"""

from functools import partial

from keras import ops

from kit.algorithms import GradientAlgorithm, debias, descend, ema, map_leaves, zeros_like


def adam(g, m, v, *, beta_1, beta_2, epsilon, count):
    """Return the direction u and the new moments m and v of one parameter."""
    m = ema(m, g, beta_1)
    v = ema(v, ops.square(g), beta_2)
    u = debias(m, beta_1, count) / (ops.sqrt(debias(v, beta_2, count)) + epsilon)
    return u, m, v


class AdamW(GradientAlgorithm):
    """AdamW with warm-up and cosine decay."""

    def init(self, params, rng):
        return {"m": zeros_like(params), "v": zeros_like(params)}

    def apply(self, gradients, state, params, learning_rate, step):
        hyperparameters = self.hyperparameters
        rule = partial(
            adam,
            beta_1=1.0 - hyperparameters["one_minus_beta1"],
            beta_2=hyperparameters["beta2"],
            epsilon=hyperparameters.get("epsilon", 1e-8),
            count=step + 1,
        )
        u, m, v = map_leaves(rule, gradients, state["m"], state["v"])
        params = descend(params, u, learning_rate, hyperparameters["weight_decay"])
        return params, {"m": m, "v": v}
