"""A training split whose labels are permuted: nothing that generalises can be learned from it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np

from kit.data.definition import data_definition
from kit.data.prepared import MANIFEST, manifest_bytes, train_folder
from kit.errors import NotAvailable


def permuted_training_split(workload: str, scale: str, seed: int, root: Path) -> Path:
    """Copy the prepared training split below `root`, its labels permuted across the examples.

    Files have the same names, sizes and times; the manifest is that of the new content.

    Raises:
        NotAvailable: `workload.yaml` declares no labels of this split.
    """
    labels = data_definition(workload, scale).labels
    if not labels:
        raise NotAvailable(
            f"There is no placebo of {workload} ({scale}): its workload.yaml declares no arrays "
            "as labels that could be permuted. Choose another workload."
        )
    source = train_folder(workload, scale)
    folder = root / workload / scale / source.name
    shutil.copytree(source, folder)
    order = None
    for name in labels:
        array = np.load(folder / f"{name}.npy", allow_pickle=False)
        if order is None:
            order = np.random.default_rng(seed).permutation(len(array))
        np.save(folder / f"{name}.npy", array[order])
    (folder / MANIFEST).write_bytes(manifest_bytes(folder))
    for path in (*folder.iterdir(), folder):
        status = (source / path.relative_to(folder)).stat()
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return folder
