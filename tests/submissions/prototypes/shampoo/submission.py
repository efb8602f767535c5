"""Shampoo: statistics every step, matrix roots every k steps as a stage of its own, without XLA.

Gupta et al. 2018; Anil et al. 2020, https://arxiv.org/abs/2002.09018; in the form that
`tests/golden/optimizers/README.md` states. A throw-away proof of the contract, not a submission.
"""

import math

from keras import ops

from kit.algorithms import GradientAlgorithm, ema, map_leaves, zeros_like
from kit.contracts import Stage, Update

HYPERPARAMETERS = {
    "one_minus_beta1": {"range": (0.0, 1.0), "meaning": "1 - beta_1, of both momenta"},
    "beta2": {"range": (0.0, 1.0), "meaning": "decay of the statistics"},
    "weight_decay": {"range": (0.0, None), "meaning": "coupled: added before the momentum"},
    "matrix_epsilon": {"range": (0.0, None), "meaning": "start of the statistics; damps the roots"},
    "merge_small_dims_block_size": {"type": "int", "meaning": "dimensions are merged up to it"},
    "preconditioning_compute_steps": {"type": "int", "meaning": "steps between roots"},
    "start_preconditioning_step": {"type": "int", "meaning": "first step that uses the roots"},
}


def merged_shape(shape, block_size):
    """Merge neighbouring dimensions while their product is at most `block_size`."""
    merged = [1]
    for size in shape:
        if merged[-1] * size <= block_size:
            merged[-1] *= size
        else:
            merged.append(size)
    return merged if merged[0] > 1 or len(merged) == 1 else merged[1:]


def unfolded(g, axis):
    """Return `g` as a matrix whose rows are the slices along `axis`."""
    return ops.reshape(ops.moveaxis(g, axis, 0), (g.shape[axis], -1))


def precondition(g, roots):
    for axis, root in enumerate(roots):
        g = ops.moveaxis(ops.tensordot(root, g, axes=((1,), (axis,))), 0, axis)
    return g


class Shampoo(GradientAlgorithm):
    def __init__(self, workload, hyperparameters):
        super().__init__(workload, hyperparameters)
        self.stages = (
            Stage("accumulate"),
            Stage("roots", every=hyperparameters["preconditioning_compute_steps"], xla=False),
            Stage("descend"),
        )
        block_size = hyperparameters["merge_small_dims_block_size"]
        self.shapes = [merged_shape(leaf.shape, block_size) for leaf in workload.parameters]

    def init(self, params, rng):
        epsilon = self.hyperparameters["matrix_epsilon"]
        return {
            "gradients": zeros_like(params),
            "v": zeros_like(params),
            "statistics": [[epsilon * ops.eye(n) for n in shape] for shape in self.shapes],
            "roots": [[ops.eye(n) for n in shape] for shape in self.shapes],
            "m": zeros_like(params),
            "graft_m": zeros_like(params),
        }

    def accumulate(self, params, state, model_state, batch, rng, step):
        gradients, model_state = self.gradients(params, model_state, batch, rng)

        def rule(g, shape, statistics):
            g = ops.reshape(g, shape)
            slices = [unfolded(g, axis) for axis in range(len(shape))]
            return ema(statistics, [G @ ops.transpose(G) for G in slices], beta)

        beta = self.hyperparameters["beta2"]
        statistics = map_leaves(rule, gradients, self.shapes, state["statistics"])
        state = {**state, "gradients": gradients, "statistics": statistics}
        return Update(params, state, model_state)

    def roots(self, params, state, model_state, batch, rng, step):
        def root(statistic, rank):
            values, vectors = ops.eigh(statistic)
            values = values + self.hyperparameters["matrix_epsilon"] * values[-1]
            return (vectors * values ** (-1.0 / (2 * rank))) @ ops.transpose(vectors)

        roots = [[root(h, len(leaf)) for h in leaf] for leaf in state["statistics"]]
        return Update(params, {**state, "roots": roots}, model_state)

    def descend(self, params, state, model_state, batch, rng, step):
        given, rate = self.hyperparameters, self.learning_rate(step)
        beta_1, decay = 1.0 - given["one_minus_beta1"], given["weight_decay"]

        def rule(p, shape, g, v, roots, m, graft_m):
            scaled = g / (ops.norm(ops.reshape(g, (-1,))) + 1e-30)
            v = ema(v, ops.square(scaled), given["beta2"])
            graft = scaled / (ops.sqrt(v) + 1e-8)
            u = precondition(ops.reshape(g, shape), roots)
            size = math.prod(shape)
            norms = [ops.norm(ops.reshape(x, (size,))) for x in (graft, u)]
            u = ops.reshape(u, g.shape) * norms[0] / (norms[1] + 1e-30)
            u, graft = u + decay * p, graft + decay * p
            m, graft_m = ema(m, u, beta_1), ema(graft_m, graft, beta_1)
            started = step >= given["start_preconditioning_step"]
            u, momentum = ops.where(started, u, graft), ops.where(started, m, graft_m)
            return p - rate * ema(momentum, u, beta_1), v, m, graft_m

        kept = [state[key] for key in ("gradients", "v", "roots", "m", "graft_m")]
        params, v, m, graft_m = map_leaves(rule, params, self.shapes, *kept)
        return Update(params, {**state, "v": v, "m": m, "graft_m": graft_m}, model_state)
