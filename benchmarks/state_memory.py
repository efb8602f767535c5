"""Peak memory of a compiled step, in copies of its state: an elementwise Adam-like update.

python benchmarks/state_memory.py --xla
python benchmarks/state_memory.py --no-xla
"""

from __future__ import annotations

import os
import resource
from typing import Any

import click

_TENSORS, _SIZE, _MOMENTS = 10, 6_000_000, ("p", "m", "v")


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@click.command()
@click.option("--xla/--no-xla", default=True, show_default=True, help="Compile with XLA.")
def main(xla: bool) -> None:
    """Measure the peak resident size of four steps in this process."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from keras import ops

    from kit.backend import framework

    before = _peak_bytes()
    carry = framework().carry(
        {name: [ops.zeros((_SIZE,)) for _ in range(_TENSORS)] for name in _MOMENTS}
    )

    def step(state: dict[str, Any], count: Any) -> tuple[dict[str, Any], Any]:
        g = [0.1 * p + ops.cast(count, "float32") for p in state["p"]]
        m = [0.9 * m + 0.1 * g for m, g in zip(state["m"], g, strict=True)]
        v = [0.9 * v + 0.1 * g * g for v, g in zip(state["v"], g, strict=True)]
        updates = zip(state["p"], m, v, strict=True)
        return {"p": [p - 0.1 * m / (ops.sqrt(v) + 1e-8) for p, m, v in updates], "m": m, "v": v}, 0

    call = carry.compile(step, xla=xla)
    for count in range(4):
        call(framework().scalar(count))
    state_bytes = 4 * _TENSORS * _SIZE * len(_MOMENTS)
    copies = (_peak_bytes() - before) / state_bytes
    click.echo(f"XLA {xla}: {state_bytes / 2**20:.0f} MiB of state, peak {copies:.2f} copies of it")


if __name__ == "__main__":
    main()
