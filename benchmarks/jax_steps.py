"""Step times of the full-size workloads written plainly in JAX, to measure `kit bench` against.

In an environment of its own (jax, flax, optax; the versions are printed):

    python benchmarks/jax_steps.py imagenet_vit --steps 5

Loss, gradients and an AdamW update in one compiled function with donated buffers, as the published
JAX implementations do it, on one random batch of the size that `kit bench --scale full` takes.
Sizes are those of AlgoPerf 0.6; initial values are only good enough for times.
"""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import click
import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

Array = Any
Batch = Mapping[str, Array]


def sigmoid_cross_entropy(logits: Array, targets: Array) -> Array:
    """Return the loss of each element."""
    return targets * jax.nn.softplus(-logits) + (1 - targets) * jax.nn.softplus(logits)


class Dlrm(nn.Module):
    """DLRM-small with 65,536 rows."""

    @nn.compact
    def __call__(self, batch: Batch) -> Array:
        x = batch["inputs"][:, :13]
        for width in (512, 256, 128):
            x = nn.relu(nn.Dense(width)(x))
        table = self.param("table", nn.initializers.uniform(0.001), (65536, 128))
        looked_up = table[batch["inputs"][:, 13:].astype(jnp.int32) % 65536]
        vectors = jnp.concatenate([x[:, None], looked_up], axis=1)  # (batch, 27, 128)
        rows, columns = jnp.triu_indices(27)
        products = jnp.einsum("bid,bjd->bij", vectors, vectors)[:, rows, columns]
        x = jnp.concatenate([x, products], axis=1)
        for width in (1024, 1024, 512, 256):
            x = nn.relu(nn.Dense(width)(x))
        return sigmoid_cross_entropy(nn.Dense(1)(x)[:, 0], batch["targets"]).mean()


class UNet(nn.Module):
    """U-Net with 32 channels and 4 levels."""

    @nn.compact
    def __call__(self, batch: Batch) -> Array:
        def normalized(x: Array) -> Array:
            mean, square = (v.mean((1, 2), keepdims=True) for v in (x, x * x))
            return nn.leaky_relu((x - mean) * jax.lax.rsqrt(square - mean**2 + 1e-5), 0.2)

        def block(x: Array, width: int) -> Array:
            for _ in range(2):
                x = normalized(nn.Conv(width, (3, 3), use_bias=False)(x))
            return x

        x, shortcuts = batch["inputs"][..., None], []
        for width in (32, 64, 128, 256):
            shortcuts.append(block(x, width))
            x = nn.avg_pool(shortcuts[-1], (2, 2), (2, 2))
        x = block(x, 512)
        for width in (256, 128, 64, 32):
            x = normalized(nn.ConvTranspose(width, (2, 2), (2, 2), use_bias=False)(x))
            x = block(jnp.concatenate([x, shortcuts.pop()], axis=-1), width)
        return jnp.abs(nn.Conv(1, (1, 1))(x)[..., 0] - batch["targets"]).mean()


class ViT(nn.Module):
    """ViT-S/16."""

    @nn.compact
    def __call__(self, batch: Batch) -> Array:
        x = nn.Conv(384, (16, 16), (16, 16), padding="VALID")(batch["inputs"])
        x = x.reshape(x.shape[0], -1, 384)
        for _ in range(12):
            x += nn.MultiHeadDotProductAttention(num_heads=6)(nn.LayerNorm()(x))
            x += nn.Dense(384)(nn.gelu(nn.Dense(1536)(nn.LayerNorm()(x))))
        x = nn.Dense(1000)(jnp.tanh(nn.Dense(384)(nn.LayerNorm()(x).mean(1))))
        return optax.softmax_cross_entropy_with_integer_labels(x, batch["targets"]).mean()


class GraphNetwork(nn.Module):
    """Graph network of five steps, without dropout."""

    @nn.compact
    def __call__(self, batch: Batch) -> Array:
        def updated(*parts: Array) -> Array:
            return nn.relu(nn.LayerNorm()(nn.Dense(256)(jnp.concatenate(parts, axis=-1))))

        nodes, edges = nn.Dense(256)(batch["nodes"]), nn.Dense(256)(batch["edges"])
        senders, receivers = batch["senders"], batch["receivers"]
        count, graphs = len(batch["n_node"]), jnp.zeros((len(batch["n_node"]), 128))
        of_node = jnp.repeat(jnp.arange(count), batch["n_node"], total_repeat_length=len(nodes))
        of_edge = of_node[senders]
        add = jax.ops.segment_sum
        for _ in range(5):
            edges = updated(edges, nodes[senders], nodes[receivers], graphs[of_edge])
            sent, received = (add(edges, ends, len(nodes)) for ends in (senders, receivers))
            nodes = updated(nodes, sent, received, graphs[of_node])
            graphs = updated(add(nodes, of_node, count), add(edges, of_edge, count), graphs)
        losses = sigmoid_cross_entropy(nn.Dense(128)(graphs), batch["targets"])
        return (losses * batch["weights"]).sum() / batch["weights"].sum()


def clicks(draw: np.random.Generator) -> Batch:
    """Return 4,096 impressions."""
    inputs = np.concatenate([draw.random((4096, 13)), draw.integers(0, 2**22, (4096, 26))], axis=1)
    return {"inputs": inputs.astype("f"), "targets": (draw.random(4096) < 0.25).astype("f")}


def slices(draw: np.random.Generator) -> Batch:
    """Return four slices."""
    return {name: draw.standard_normal((4, 320, 320), "f") for name in ("inputs", "targets")}


def images(draw: np.random.Generator) -> Batch:
    """Return sixteen images."""
    inputs = draw.standard_normal((16, 224, 224, 3), "f")
    return {"inputs": inputs, "targets": draw.integers(0, 1000, 16)}


def molecules(draw: np.random.Generator) -> Batch:
    """Return 64 graphs of 26 nodes and 56 edges, and one of padding."""
    start = np.repeat(np.arange(64) * 26, 56)
    return {
        "nodes": draw.integers(0, 10, (64 * 26 + 1, 9)).astype("f"),
        "edges": draw.integers(0, 5, (64 * 56, 3)).astype("f"),
        "senders": start + draw.integers(0, 26, 64 * 56),
        "receivers": start + draw.integers(0, 26, 64 * 56),
        "n_node": np.array([26] * 64 + [1]),
        "targets": (draw.random((65, 128)) < 0.1).astype("f"),
        "weights": (draw.random((65, 128)) < 0.4).astype("f"),
    }


WORKLOADS: dict[str, tuple[type[nn.Module], Callable[[np.random.Generator], Batch]]] = {
    "criteo1tb": (Dlrm, clicks),
    "fastmri": (UNet, slices),
    "imagenet_vit": (ViT, images),
    "ogbg": (GraphNetwork, molecules),
}


@click.command()
@click.argument("workload", type=click.Choice(list(WORKLOADS)))
@click.option("--steps", default=10, show_default=True, help="Steps to measure.")
def main(workload: str, steps: int) -> None:
    """Print the median time of a step, without the first two."""
    make_model, make_batch = WORKLOADS[workload]
    model, optimizer = make_model(), optax.adamw(1e-3)
    batch = jax.device_put(dict(make_batch(np.random.default_rng(0))))
    params = jax.jit(model.init)(jax.random.key(0), batch)
    state = jax.jit(optimizer.init)(params)

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Any, state: Any, batch: Batch) -> tuple[Any, Any, Array]:
        loss, gradients = jax.value_and_grad(model.apply)(params, batch)
        updates, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), state, loss

    milliseconds = []
    for _ in range(steps + 2):
        start = time.perf_counter()
        params, state, loss = step(params, state, batch)
        loss.block_until_ready()
        milliseconds.append(1000 * (time.perf_counter() - start))
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    versions = f"jax {jax.__version__}, flax {flax.__version__}, optax {optax.__version__}"
    median = statistics.median(milliseconds[2:])
    print(f"{workload}: {median:.0f} ms (median of {steps}), {count:,} parameters, {versions}")


if __name__ == "__main__":
    main()
