"""SAM over AdamW: two gradients in one step (Foret et al. 2021, https://arxiv.org/abs/2010.01412).

A throw-away proof of the contract, not a submission: `gradients` is the only thing to override.
"""

from functools import partial

from keras import ops

from kit.algorithms import (
    GradientAlgorithm,
    clip_by_global_norm,
    debias,
    descend,
    ema,
    global_norm,
    map_leaves,
    zeros_like,
)


def adam(g, m, v, *, beta_1, beta_2, count):
    m, v = ema(m, g, beta_1), ema(v, ops.square(g), beta_2)
    return debias(m, beta_1, count) / (ops.sqrt(debias(v, beta_2, count)) + 1e-8), m, v


class Sam(GradientAlgorithm):
    def init(self, params, rng):
        return {"m": zeros_like(params), "v": zeros_like(params)}

    def gradients(self, params, model_state, batch, rng):
        at_params = self.workload.loss_and_gradients(
            params, model_state, batch, rng, update_statistics=False
        ).gradients
        scale = self.hyperparameters["rho"] / global_norm(at_params)
        displaced = [p + scale * g for p, g in zip(params, at_params, strict=True)]
        result = self.workload.loss_and_gradients(displaced, model_state, batch, rng)
        gradients = result.gradients
        if self.hyperparameters.get("grad_clip") is not None:
            gradients = clip_by_global_norm(gradients, self.hyperparameters["grad_clip"])
        return gradients, result.model_state

    def apply(self, gradients, state, params, learning_rate, step):
        given = self.hyperparameters
        rule = partial(
            adam, beta_1=1.0 - given["one_minus_beta1"], beta_2=given["beta2"], count=step + 1
        )
        u, m, v = map_leaves(rule, gradients, state["m"], state["v"])
        return descend(params, u, learning_rate, given["weight_decay"]), {"m": m, "v": v}
