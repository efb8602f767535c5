"""Prepare the mini scale: which molecules bind to or act on 30 proteins, by MoleculeACE.

Source: van Tilborg, Alenicheva & Grisoni 2022 (doi:10.1021/acs.jcim.2c01073), data from ChEMBL.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kit.data import Preparation
from kit.errors import DataError
from workloads.ogbg.graphs import Graphs
from workloads.ogbg.molecules import graph_of

ARCHIVE = "MoleculeACE-3.0.0-py3-none-any.whl"
FOLDER = "MoleculeACE/Data/benchmark_data/"
ACTIVE_ABOVE = -2.0  # of y, minus the decimal logarithm of nM: active at less than 100 nM
SIZES = {"validation": 3_500, "test": 3_500}  # the others train
EVAL_TRAIN_EXAMPLES = 3_500
SPLIT_SEED = 0
PROGRESS_EVERY = 500


def prepare(preparation: Preparation) -> None:
    """Write the graphs of all molecules in the format of `graphs.py`.

    Raises:
        DataError: rdkit is not installed.
    """
    labels = read_labels(preparation.originals[ARCHIVE])
    molecules = _molecules(list(labels))
    preparation.progress.stage(f"Making graphs of {len(molecules):,} molecules")
    parts, names = [], []
    for number, molecule in enumerate(molecules):
        if number % PROGRESS_EVERY == 0:
            preparation.progress.amount(number, len(molecules))
        parts.append(graph_of(molecule))
        names.append(_flat_name(molecule))
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    graphs = Graphs(
        {
            **arrays,
            "n_node": np.array([len(part["nodes"]) for part in parts], np.int32),
            "n_edge": np.array([len(part["edges"]) for part in parts], np.int32),
            "targets": np.array(list(labels.values()), np.float32),
        }
    )
    for split, chosen in splits(names).items():
        preparation.save(split, **graphs.select(chosen))


def read_labels(archive: Path) -> dict[str, list[float]]:
    """Return 1, 0 or NaN for each of the files' proteins, by SMILES in the order of the files."""
    labels: dict[str, list[float]] = {}
    with zipfile.ZipFile(archive) as content:
        members = sorted(
            name for name in content.namelist() if name.startswith(FOLDER) and name.endswith(".csv")
        )
        for task, member in enumerate(members):
            for row in csv.DictReader(io.StringIO(content.read(member).decode("ascii"))):
                known = labels.setdefault(row["smiles"], [float("nan")] * len(members))
                known[task] = float(float(row["y"]) > ACTIVE_ABOVE)
    return labels


def splits(names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return which molecules belong to a split; those of one name belong to the same one.

    Only `eval_train` is part of `train`. The draw is from `RandomState`, whose stream is frozen
    (NumPy NEP 19).
    """
    draw = np.random.RandomState(SPLIT_SEED)
    different, name_of = np.unique(np.array(names), return_inverse=True)
    place = np.empty(len(different), np.int64)
    place[draw.permutation(len(different))] = np.arange(len(different))
    order = np.argsort(place[name_of], kind="stable")
    placed = place[name_of][order]
    parts, start = {}, 0
    for split, size in SIZES.items():
        end = int(np.searchsorted(placed, placed[start + size - 1], side="right"))
        parts[split] = np.sort(order[start:end])
        start = end
    train = np.sort(order[start:])
    shown = np.sort(draw.permutation(train)[:EVAL_TRAIN_EXAMPLES])
    return {"train": train, "eval_train": shown, **parts}


def _molecules(smiles: Sequence[str]) -> list[Any]:
    try:
        from rdkit import Chem, RDLogger
    except ImportError:
        raise DataError(
            "Preparing the data of ogbg (mini) needs rdkit, which is not installed. Run: make setup"
        ) from None
    RDLogger.DisableLog("rdApp.*")
    return [Chem.MolFromSmiles(text) for text in smiles]


def _flat_name(molecule: Any) -> str:
    """Return a SMILES that is the same for all mirror images and spatial forms of a molecule."""
    from rdkit import Chem

    name: str = Chem.MolToSmiles(molecule, isomericSmiles=False)
    return name
