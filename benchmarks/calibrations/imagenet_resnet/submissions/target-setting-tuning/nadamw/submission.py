"""NAdamW: AdamW with Nesterov momentum in the first moment.

Paper: Dozat 2016, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ, simplified as in Choi et
al. 2019, https://arxiv.org/abs/1910.05446, table 1, and in the form of the AlgoPerf baseline. For
the gradient g, clipped to a global norm if `grad_clip` is given, and s = step + 1:

    m <- beta_1 m + (1 - beta_1) g
    v <- beta_2 v + (1 - beta_2) g^2
    n  = beta_1 m + (1 - beta_1) g
    u  = (n / (1 - beta_1^s)) / (sqrt(v / (1 - beta_2^s)) + epsilon)
    p <- p - lr (u + weight_decay p)

lr: linear warm-up, then half-cosine to 0 at the step hint. All parameters decay.

Deviations from Dozat 2016: no schedule of the momentum, and n is corrected with the exponent s.

Hyperparameters: learning_rate (peak), one_minus_beta1, beta2, weight_decay, warmup_factor; optional
epsilon (1e-8), grad_clip, label_smoothing, dropout_rate.
"""

from functools import partial

from keras import ops

from kit.algorithms import GradientAlgorithm, debias, descend, ema, map_leaves, zeros_like


def nadam(g, m, v, *, beta_1, beta_2, epsilon, count):
    """Return the direction u and the new moments m and v of one parameter."""
    m = ema(m, g, beta_1)
    v = ema(v, ops.square(g), beta_2)
    n = ema(m, g, beta_1)
    u = debias(n, beta_1, count) / (ops.sqrt(debias(v, beta_2, count)) + epsilon)
    return u, m, v


class NAdamW(GradientAlgorithm):
    """NAdamW with warm-up and cosine decay."""

    def init(self, params, rng):
        return {"m": zeros_like(params), "v": zeros_like(params)}

    def apply(self, gradients, state, params, learning_rate, step):
        hyperparameters = self.hyperparameters
        rule = partial(
            nadam,
            beta_1=1.0 - hyperparameters["one_minus_beta1"],
            beta_2=hyperparameters["beta2"],
            epsilon=hyperparameters.get("epsilon", 1e-8),
            count=step + 1,
        )
        u, m, v = map_leaves(rule, gradients, state["m"], state["v"])
        params = descend(params, u, learning_rate, hyperparameters["weight_decay"])
        return params, {"m": m, "v": v}
