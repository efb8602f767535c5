"""SAM over AdamW: two gradients in one step (Foret et al. 2021, https://arxiv.org/abs/2010.01412).

A throw-away proof of the contract, not a submission: `gradients` is the only thing to override.
"""

from keras import ops

from kit.algorithms import GradientAlgorithm, debias, ema, global_norm, map_leaves

HYPERPARAMETERS = {
    "rho": {"range": (0.0, None), "meaning": "radius of the neighbourhood"},
    "one_minus_beta1": {"range": (0.0, 1.0), "meaning": "1 - beta_1, of the first moment"},
    "beta2": {"range": (0.0, 1.0), "meaning": "beta_2, of the second moment"},
    "weight_decay": {"range": (0.0, None), "meaning": "decoupled, times the learning rate"},
}


class Sam(GradientAlgorithm):
    slots = ("m", "v")

    def gradients(self, params, model_state, batch, rng):
        at_params = self.workload.loss_and_gradients(
            params, model_state, batch, rng, update_statistics=False
        ).gradients
        scale = self.hyperparameters["rho"] / global_norm(at_params)
        displaced = map_leaves(lambda p, g: p + scale * g, params, at_params)
        return super().gradients(displaced, model_state, batch, rng)

    def rule(self, p, m, v, g, learning_rate, step):
        given, count = self.hyperparameters, step + 1
        beta_1, beta_2 = 1.0 - given["one_minus_beta1"], given["beta2"]
        m, v = ema(m, g, beta_1), ema(v, ops.square(g), beta_2)
        u = debias(m, beta_1, count) / (ops.sqrt(debias(v, beta_2, count)) + 1e-8)
        return p - learning_rate * (u + given["weight_decay"] * p), m, v
