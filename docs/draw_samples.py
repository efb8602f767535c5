"""Draw a few training examples of the workloads at the mini scale: `make docs`.

Pictures go beside the pages of `docs/workloads/`. Workloads that are not here have their sample as
text on the page.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt
import numpy as np

from kit import registry
from kit.contracts import Split
from kit.data import prepare

PAGES = Path(__file__).resolve().parent / "workloads"
SEED = 0


def main() -> None:
    """Draw all pictures."""
    matplotlib.rcParams["svg.hashsalt"] = "stopwatch"  # the same bytes each time
    for name, draw in PICTURES.items():
        prepare(name, "mini")
        draw(name)
        path = PAGES / f"{name}.svg"
        plt.savefig(path, bbox_inches="tight", metadata={"Date": None})
        plt.close()
        print(f"  {path.relative_to(PAGES.parent.parent)}")


def training_batch(workload: str, batch_size: int) -> dict[str, np.ndarray]:
    """Return the first training batch as an algorithm sees it."""
    batches = registry.load_workload(workload, "mini").dataset(Split.TRAIN, batch_size, SEED)
    return {name: np.asarray(value) for name, value in next(iter(batches)).items()}


def draw_images(workload: str) -> None:
    """Draw two rows of pictures with their class numbers."""
    batch = training_batch(workload, 16)
    _, axes = plt.subplots(2, 8, figsize=(8, 2.4))
    for axis, image, target in zip(axes.flat, batch["inputs"], batch["targets"], strict=True):
        axis.imshow(image[..., 0], cmap="gray")
        axis.set_title(f"class {target}", fontsize=8)
        axis.axis("off")


def draw_slices(workload: str) -> None:
    """Draw what was measured of some slices above what it should become."""
    batch = training_batch(workload, 6)
    _, axes = plt.subplots(2, 6, figsize=(8, 2.8))
    for row, name in zip(axes, ("inputs", "targets"), strict=True):
        for axis, image in zip(row, batch[name], strict=True):
            axis.imshow(image, cmap="gray", vmin=-1, vmax=4)
            axis.axis("off")
        row[0].set_title("input" if name == "inputs" else "target", fontsize=8, loc="left")


PICTURES: dict[str, Callable[[str], None]] = {
    "fastmri": draw_slices,
    "imagenet_resnet": draw_images,
    "mnist": draw_images,
}


if __name__ == "__main__":
    main()
