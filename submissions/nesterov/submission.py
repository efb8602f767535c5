"""SGD with Nesterov momentum.

Paper: Nesterov 1983; Sutskever et al. 2013, https://proceedings.mlr.press/v28/sutskever13.html, in
the form of the AlgoPerf baseline. For the gradient g, clipped to a global norm if `grad_clip` is
given:

    d  = g + weight_decay p
    b <- beta b + d
    p <- p - lr (d + beta b)

lr: linear warm-up over w steps, then linear to end_factor times the peak over `decay_steps_factor`
of the remaining steps up to the step hint, then constant. Weight decay is coupled: it goes through
the momentum. All parameters decay.

Deviations: none from the baseline.
"""

from kit.algorithms import GradientAlgorithm, warmup_linear

HYPERPARAMETERS = {
    "one_minus_beta1": {"range": (0.0, 1.0), "meaning": "1 - beta, of the momentum"},
    "weight_decay": {"range": (0.0, None), "meaning": "coupled: added to the gradient"},
    "decay_steps_factor": {
        "range": (0.0, 1.0),
        "meaning": "share of the steps after the warm-up in which the rate falls",
    },
    "end_factor": {"range": (0.0, 1.0), "meaning": "last learning rate as a share of the peak"},
}


class Nesterov(GradientAlgorithm):
    """Nesterov momentum with warm-up and linear decay."""

    slots = ("b",)

    def schedule(self):
        given, warmup = self.hyperparameters, self.warmup_steps
        fall = int((self.workload.step_hint - warmup) * given["decay_steps_factor"])
        return warmup_linear(given["learning_rate"], warmup, fall, end_factor=given["end_factor"])

    def rule(self, p, b, g, learning_rate, step):
        beta = 1.0 - self.hyperparameters["one_minus_beta1"]
        d = g + self.hyperparameters["weight_decay"] * p
        b = beta * b + d
        return p - learning_rate * (d + beta * b), b
