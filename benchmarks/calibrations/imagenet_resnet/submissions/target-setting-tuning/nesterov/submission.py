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

Hyperparameters: learning_rate (peak), one_minus_beta1, weight_decay, warmup_factor,
decay_steps_factor, end_factor; optional grad_clip, label_smoothing, dropout_rate.
"""

from functools import partial

from kit.algorithms import GradientAlgorithm, descend, map_leaves, warmup_linear, zeros_like


def nesterov(g, b, p, *, beta, weight_decay):
    """Return the direction and the new momentum b of one parameter."""
    d = g + weight_decay * p
    b = beta * b + d
    return d + beta * b, b


class Nesterov(GradientAlgorithm):
    """Nesterov momentum with warm-up and linear decay."""

    def schedule(self):
        hyperparameters, warmup = self.hyperparameters, self.warmup_steps
        remaining = self.workload.step_hint - warmup
        return warmup_linear(
            hyperparameters["learning_rate"],
            warmup,
            int(remaining * hyperparameters["decay_steps_factor"]),
            end_factor=hyperparameters["end_factor"],
        )

    def init(self, params, rng):
        return zeros_like(params)

    def apply(self, gradients, state, params, learning_rate, step):
        rule = partial(
            nesterov,
            beta=1.0 - self.hyperparameters["one_minus_beta1"],
            weight_decay=self.hyperparameters["weight_decay"],
        )
        directions, state = map_leaves(rule, gradients, state, params)
        return descend(params, directions, learning_rate), state
