"""Shampoo: statistics every step, matrix roots every k steps as a stage of its own, without XLA.

Gupta et al. 2018; Anil et al. 2020, https://arxiv.org/abs/2002.09018; in the form that
`tests/golden/optimizers/README.md` states. A throw-away proof of the contract, not a submission.
"""

import math

from keras import ops

from kit.algorithms import GradientAlgorithm, ema, zeros_like
from kit.contracts import Stage, Update


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
            "momentum": zeros_like(params),
            "graft_momentum": zeros_like(params),
        }

    def accumulate(self, state, params, model_state, batch, rng, step):
        gradients, model_state = self.gradients(params, model_state, batch, rng)
        beta = self.hyperparameters["beta2"]
        statistics = []
        for g, shape, old in zip(gradients, self.shapes, state["statistics"], strict=True):
            slices = [unfolded(ops.reshape(g, shape), axis) for axis in range(len(shape))]
            new = [G @ ops.transpose(G) for G in slices]
            statistics.append([ema(h, n, beta) for h, n in zip(old, new, strict=True)])
        state = {**state, "gradients": gradients, "statistics": statistics}
        return Update(params, model_state, state)

    def roots(self, state, params, model_state, batch, rng, step):
        def root(statistic, rank):
            values, vectors = ops.eigh(statistic)
            values = values + self.hyperparameters["matrix_epsilon"] * values[-1]
            return (vectors * values ** (-1.0 / (2 * rank))) @ ops.transpose(vectors)

        roots = [[root(h, len(leaf)) for h in leaf] for leaf in state["statistics"]]
        return Update(params, model_state, {**state, "roots": roots})

    def descend(self, state, params, model_state, batch, rng, step):
        given = self.hyperparameters
        beta_1, decay = 1.0 - given["one_minus_beta1"], given["weight_decay"]
        rate = self.learning_rate(step)
        keys = ("gradients", "v", "roots", "momentum", "graft_momentum")
        new = {"params": [], "v": [], "momentum": [], "graft_momentum": []}
        for p, shape, g, v, roots, m, b in zip(
            params, self.shapes, *(state[key] for key in keys), strict=True
        ):
            scaled = g / (ops.norm(ops.reshape(g, (-1,))) + 1e-30)
            v = ema(v, ops.square(scaled), given["beta2"])
            graft = scaled / (ops.sqrt(v) + 1e-8)
            u = precondition(ops.reshape(g, shape), roots)
            size = math.prod(shape)
            norms = [ops.norm(ops.reshape(x, (size,))) for x in (graft, u)]
            u = ops.reshape(u, g.shape) * norms[0] / (norms[1] + 1e-30)
            u, graft = u + decay * p, graft + decay * p
            m, b = ema(m, u, beta_1), ema(b, graft, beta_1)
            started = step >= given["start_preconditioning_step"]
            u, momentum = ops.where(started, u, graft), ops.where(started, m, b)
            new["params"].append(p - rate * ema(momentum, u, beta_1))
            for key, value in (("v", v), ("momentum", m), ("graft_momentum", b)):
                new[key].append(value)
        return Update(new.pop("params"), model_state, {**state, **new})
