"""AdamW: Adam with decoupled weight decay.

Paper: Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101, in the form of the AlgoPerf
baseline. For the gradient g, clipped to a global norm if `grad_clip` is given, and s = step + 1:

    m <- beta_1 m + (1 - beta_1) g
    v <- beta_2 v + (1 - beta_2) g^2
    u  = (m / (1 - beta_1^s)) / (sqrt(v / (1 - beta_2^s)) + epsilon)
    p <- p - lr (u + weight_decay p)

lr: linear warm-up, then half-cosine to 0 at the step hint. All parameters decay.

Deviations from the paper: weight decay is multiplied by the full lr, not by the schedule alone.
"""

from keras import ops

from kit.algorithms import GradientAlgorithm, debias, ema

HYPERPARAMETERS = {
    "one_minus_beta1": {"range": (0.0, 1.0), "meaning": "1 - beta_1, of the first moment"},
    "beta2": {"range": (0.0, 1.0), "meaning": "beta_2, of the second moment"},
    "epsilon": {"default": 1e-8, "range": (0.0, None), "meaning": "added to the root of v"},
    "weight_decay": {"range": (0.0, None), "meaning": "decoupled, times the learning rate"},
}


class AdamW(GradientAlgorithm):
    """AdamW with warm-up and cosine decay."""

    slots = ("m", "v")

    def rule(self, p, m, v, g, learning_rate, step):
        given, count = self.hyperparameters, step + 1
        beta_1, beta_2 = 1.0 - given["one_minus_beta1"], given["beta2"]
        m = ema(m, g, beta_1)
        v = ema(v, ops.square(g), beta_2)
        u = debias(m, beta_1, count) / (ops.sqrt(debias(v, beta_2, count)) + given["epsilon"])
        return p - learning_rate * (u + given["weight_decay"] * p), m, v
