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
"""

from keras import ops

from kit.algorithms import GradientAlgorithm, debias, ema

HYPERPARAMETERS = {
    "one_minus_beta1": {"range": (0.0, 1.0), "meaning": "1 - beta_1, of the first moment"},
    "beta2": {"range": (0.0, 1.0), "meaning": "beta_2, of the second moment"},
    "epsilon": {"default": 1e-8, "range": (0.0, None), "meaning": "added to the root of v"},
    "weight_decay": {"range": (0.0, None), "meaning": "decoupled, times the learning rate"},
}


class NAdamW(GradientAlgorithm):
    """NAdamW with warm-up and cosine decay."""

    slots = ("m", "v")

    def rule(self, p, m, v, g, learning_rate, step):
        given, count = self.hyperparameters, step + 1
        beta_1, beta_2 = 1.0 - given["one_minus_beta1"], given["beta2"]
        m = ema(m, g, beta_1)
        v = ema(v, ops.square(g), beta_2)
        n = ema(m, g, beta_1)
        u = debias(n, beta_1, count) / (ops.sqrt(debias(v, beta_2, count)) + given["epsilon"])
        return p - learning_rate * (u + given["weight_decay"] * p), m, v
