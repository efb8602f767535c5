"""ogbg-molpcba as the Open Graph Benchmark distributes it, turned into prepared data.

The folder holds `raw/<name>.csv.gz` and `split/scaffold/<split>.csv.gz`, all without a header.
Source: `ogb/io/read_graph_raw.py` of the Open Graph Benchmark.
"""

from __future__ import annotations

import contextlib
import gzip
import warnings
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from kit.data import Preparation
from kit.data.prepared import MANIFEST, PARTS, manifest_bytes, scale_folder
from kit.data.progress import SilentProgress
from kit.errors import DataError
from workloads.ogbg.graphs import Graphs, problem

SPLITS = {"train": "train", "validation": "valid", "test": "test"}
EVAL_TRAIN_EXAMPLES = 43_793  # the first ones of the training split
LABELS = {"": np.nan, "nan": np.nan, "0": 0.0, "0.0": 0.0, "1": 1.0, "1.0": 1.0}
FIX = "Get that file again."


def convert(folder: Path) -> Path:
    """Write prepared data at the full scale from OGB's folder, and return where.

    Raises:
        DataError: a file is missing or damaged, or they contradict each other.
    """
    destination = scale_folder("ogbg", "full")
    preparation = Preparation("full", {}, destination, SilentProgress())
    graphs = read_graphs(folder / "raw")
    for split, chosen in read_splits(folder / "split" / "scaffold", len(graphs)).items():
        preparation.save(split, **graphs.select(chosen))
    for part in PARTS:
        (destination / part / MANIFEST).write_bytes(manifest_bytes(destination / part))
    return destination


def read_graphs(folder: Path) -> Graphs:
    """Read the graphs and labels of all splits.

    Raises:
        DataError: a file is missing or damaged, or they contradict each other.
    """
    pairs = read_whole_numbers(folder / "edge.csv.gz", columns=2, dtype=np.uint16)
    arrays = {
        "nodes": read_whole_numbers(folder / "node-feat.csv.gz", columns=9, dtype=np.uint8),
        "edges": read_whole_numbers(folder / "edge-feat.csv.gz", columns=3, dtype=np.uint8),
        "senders": pairs[:, 0],
        "receivers": pairs[:, 1],
        "n_node": read_whole_numbers(folder / "num-node-list.csv.gz")[:, 0],
        "n_edge": read_whole_numbers(folder / "num-edge-list.csv.gz")[:, 0],
        "targets": read_labels(folder / "graph-label.csv.gz"),
    }
    if found := problem(arrays):
        raise DataError(f"The files in {folder} contradict each other: {found}. Get them again.")
    return Graphs(arrays)


def read_splits(folder: Path, graphs: int) -> Mapping[str, np.ndarray]:
    """Read which graphs belong to which split.

    Raises:
        DataError: a file is missing or damaged, or names a graph that there is not, or one twice.
    """
    parts = {}
    for split, name in SPLITS.items():
        file = folder / f"{name}.csv.gz"
        parts[split] = read_whole_numbers(file)[:, 0]
        if (parts[split] >= graphs).any():
            raise DataError(f"{file}: graph {parts[split].max()} of {graphs}. {FIX}")
    every = np.concatenate(list(parts.values()))
    if len(np.unique(every)) != len(every):
        raise DataError(f"The files in {folder} name a graph twice. Get them again.")
    return {**parts, "eval_train": parts["train"][:EVAL_TRAIN_EXAMPLES]}


def read_whole_numbers(file: Path, *, columns: int = 1, dtype: Any = np.uint32) -> np.ndarray:
    """Read a compressed file of whole numbers within the range of `dtype`: `(lines, columns)`.

    Raises:
        DataError: it is missing, cut off, or something else.
    """
    with _opened(file) as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # no line at all: refused below
        try:
            values = np.loadtxt(stream, dtype, comments=None, delimiter=",", ndmin=2)
        except (ValueError, OverflowError) as error:
            raise DataError(f"{file}: {' '.join(str(error).split()).rstrip('.')}. {FIX}") from None
    if values.shape[1] != columns or not len(values):
        raise DataError(
            f"{file}: {len(values)} lines of {values.shape[1]} numbers; {columns} in a line were "
            f"expected. {FIX}"
        )
    return values


def read_labels(file: Path) -> np.ndarray:
    """Read labels `(graphs, tasks)` float32, NaN where a field is empty.

    Raises:
        DataError: the file is missing, cut off, or has another label than 0 and 1.
    """
    rows: list[np.ndarray] = []
    with _opened(file) as stream:
        for number, line in enumerate(stream, start=1):
            try:
                row = np.array([LABELS[field] for field in line.strip().split(",")], np.float32)
            except KeyError as error:
                raise DataError(
                    f"{file}, line {number}: a label must be 0, 1 or empty. "
                    f"Received: {error.args[0][:20]}. {FIX}"
                ) from None
            if rows and len(row) != len(rows[0]):
                raise DataError(
                    f"{file}, line {number}: {len(row)} labels instead of {len(rows[0])}. {FIX}"
                )
            rows.append(row)
    if not rows:
        raise DataError(f"{file} is empty. {FIX}")
    return np.stack(rows)


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[IO[str]]:
    """Open compressed text; damage to be found while it is read is reported in one line."""
    try:
        with gzip.open(file, "rt", encoding="ascii", errors="replace") as stream:
            yield stream
    except FileNotFoundError:
        raise DataError(f"{file} is missing. {FIX}") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise DataError(f"{file} is cut off or no compressed file. {FIX}") from None
