from __future__ import annotations

import itertools
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kit.contracts import Split
from kit.data import load_arrays, prepare, split_folder
from kit.errors import DataError
from kit.registry import load_workload
from kit.trainer.data import Queue
from workloads.ogbg import data, packing
from workloads.ogbg.graphs import Graphs, problem
from workloads.ogbg.packing import Limits

GOLDEN = Path(__file__).parent.parent / "golden" / "models" / "ogbg.npz"
ROOM = Limits(24, 60, 5)  # of the golden batch
Arrays = dict[str, np.ndarray]


def golden_batch() -> Arrays:
    with np.load(GOLDEN, allow_pickle=False) as arrays:
        return {
            key.split("/")[1]: arrays[key]
            for key in arrays.files
            if key.startswith(("input/", "target/"))
        }


def golden_graphs() -> Graphs:
    """Take the golden batch apart: four graphs, each bond once, labels with gaps."""
    batch = golden_batch()
    n_node, n_edge = batch["n_node"][:4], batch["n_edge"][:4]
    starts = np.cumsum(n_edge) - n_edge
    bonds = np.concatenate([np.arange(s, s + n // 2) for s, n in zip(starts, n_edge, strict=True)])
    offsets = np.repeat(np.cumsum(n_node) - n_node, n_edge // 2)
    return Graphs(
        {
            "nodes": batch["nodes"][: n_node.sum()].astype(np.uint8),
            "edges": batch["edges"][bonds].astype(np.uint8),
            "senders": (batch["senders"][bonds] - offsets).astype(np.uint16),
            "receivers": (batch["receivers"][bonds] - offsets).astype(np.uint16),
            "n_node": n_node,
            "n_edge": n_edge // 2,
            "targets": np.where(batch["weights"] > 0, batch["targets"], np.nan)[:4],
        }
    )


def chains(count: int, seed: int = 0) -> Graphs:
    """Return chains of 1 to 12 atoms, the first feature of every atom being its chain's number."""
    draw = np.random.default_rng(seed)
    n_node = draw.integers(1, 13, count)
    n_edge = n_node - 1
    senders = np.concatenate([np.arange(n) for n in n_edge])
    targets = draw.integers(0, 2, (count, 3)).astype(np.float32)
    targets[draw.random((count, 3)) < 0.4] = np.nan
    return Graphs(
        {
            "nodes": np.repeat(np.arange(count), n_node)[:, None] * np.ones((1, 9), np.int64),
            "edges": np.ones((n_edge.sum(), 3), np.int64),
            "senders": senders,
            "receivers": senders + 1,
            "n_node": n_node,
            "n_edge": n_edge,
            "targets": targets,
        }
    )


def numbers(batch: Arrays) -> list[int]:
    """Return which chains are in a batch, in order."""
    content = packing.unpad(batch)
    return content["nodes"][np.cumsum(content["n_node"]) - 1, 0].astype(int).tolist()


def test_packing_gives_the_golden_batch():
    [batch] = packing.packed(golden_graphs(), ROOM, [np.arange(4)])
    expected = golden_batch()
    expected["targets"] *= expected["weights"]  # the file's padding has random labels
    assert set(batch) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(batch[name], array, err_msg=name)
        assert batch[name].dtype == array.dtype


@pytest.mark.parametrize("batch_size", [2, 7, 50])
def test_batches_are_as_full_as_the_limits_allow_and_lose_no_graph(batch_size):
    graphs = chains(40)
    limits = Limits.of(batch_size, nodes_per_graph=8, edges_per_graph=15)
    batches = list(packing.packed(graphs, limits, [np.arange(40)]))
    seen = [numbers(batch) for batch in batches]
    assert list(itertools.chain(*seen)) == list(range(40))
    for mine, following in itertools.pairwise(seen):
        size = len(mine)
        nodes, edges = graphs.n_node[mine].sum(), 2 * graphs.n_edge[mine].sum()
        first = following[0]
        assert size <= batch_size
        assert nodes <= 8 * batch_size
        assert edges <= 15 * batch_size
        assert (
            size == batch_size
            or nodes + graphs.n_node[first] > 8 * batch_size
            or edges + 2 * graphs.n_edge[first] > 15 * batch_size
        )
    for batch in batches:
        assert len(batch["nodes"]) == 8 * batch_size + 1 == batch["n_node"].sum()
        assert len(batch["edges"]) == 15 * batch_size == batch["n_edge"].sum()
        assert len(batch["targets"]) == batch_size + 1


def test_reversed_bonds_follow_the_bonds_of_a_graph():
    [batch] = packing.packed(chains(3), Limits(40, 80, 3), [np.arange(3)])
    content, graphs = packing.unpad(batch), chains(3)
    start = 0
    for offset, bonds in zip(np.cumsum(graphs.n_node) - graphs.n_node, graphs.n_edge, strict=True):
        there = slice(start, start + bonds)
        back = slice(start + bonds, start + 2 * bonds)
        expected = np.arange(bonds) + offset
        assert content["senders"][there].tolist() == expected.tolist()
        assert content["receivers"][there].tolist() == (expected + 1).tolist()
        assert content["senders"][back].tolist() == content["receivers"][there].tolist()
        assert content["receivers"][back].tolist() == content["senders"][there].tolist()
        start += 2 * bonds


def test_missing_labels_have_target_and_weight_zero():
    graphs = chains(20)
    [batch] = packing.packed(graphs, Limits(300, 600, 25), [np.arange(20)])
    known = ~np.isnan(graphs.arrays["targets"])
    assert 0 < known.sum() < known.size
    assert (batch["weights"][:20] == known).all()
    assert (batch["targets"][:20] == np.where(known, graphs.arrays["targets"], 0.0)).all()
    assert not batch["weights"][20:].any()
    assert not batch["targets"][20:].any()


def test_batches_run_over_the_ends_of_passes():
    graphs = chains(10)
    limits = Limits.of(4, nodes_per_graph=12, edges_per_graph=24)
    stream = packing.packed(graphs, limits, data.shuffled(10, seed=3))
    seen = list(itertools.chain(*(numbers(b) for b in itertools.islice(stream, 50))))
    passes = [seen[start : start + 10] for start in range(0, 200, 10)]
    assert all(sorted(one) == list(range(10)) for one in passes)
    assert len({tuple(one) for one in passes}) > 10
    assert len(numbers(next(stream))) == 4  # no small batch at the end of a pass


@pytest.fixture
def prepared_chains(tmp_path, monkeypatch) -> Callable[[Graphs], None]:
    """Return a function that makes graphs the full training data."""

    def write(graphs: Graphs) -> None:
        monkeypatch.setattr(data, "load_arrays", lambda *_, **__: graphs.arrays)

    return write


def test_graph_that_fits_in_no_batch_is_reported_with_the_fix(prepared_chains):
    graphs = chains(8)
    graphs.arrays["n_node"][5] += 60
    extra = np.zeros((60, 9), np.int64)
    graphs.arrays["nodes"] = np.concatenate([graphs.arrays["nodes"], extra])
    prepared_chains(graphs)
    workload = load_workload("ogbg", "full")
    nodes, edges = graphs.arrays["n_node"][5], 2 * graphs.arrays["n_edge"][5]
    with pytest.raises(DataError) as caught:
        workload.dataset(Split.TRAIN, 2)
    assert str(caught.value) == (
        f"A graph of {nodes} nodes and {edges} edges does not fit into a batch of size 2, which "
        f"has room for 52 and 112. Use a larger batch size."
    )
    assert workload.dataset(Split.TRAIN, 3) is not None


def test_small_mini_batches_have_room_for_the_largest_molecule():
    workload = load_workload("ogbg", "mini")
    assert workload.limits(1) == Limits(316, 644, 1)
    assert workload.limits(64) == Limits(32 * 64, 70 * 64, 64)
    assert load_workload("ogbg", "full").limits(1) == Limits(26, 56, 1)


def test_no_thread_is_left_behind_by_an_iterator_that_is_dropped(prepared_chains):
    prepared_chains(chains(30))
    batches = load_workload("ogbg", "full").dataset(Split.TRAIN, 4)
    before = threading.active_count()
    iterator = iter(batches)
    next(iterator)
    assert threading.active_count() == before + 1
    iterator.close()
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_any_batch_size_continues_the_same_stream(prepared_chains):
    graphs = chains(30)
    prepared_chains(graphs)
    workload = load_workload("ogbg", "full")
    plain = workload.dataset(Split.TRAIN, 4)
    expected = list(itertools.chain(*(numbers(b) for b in itertools.islice(plain, 20))))
    queue = Queue(workload.dataset(Split.TRAIN, 4), 4, workload.cut)
    taken = []
    for size in (4, 2, 1, 9, 4, 3):
        batch = queue.take(size)
        assert len(batch["targets"]) == size + 1
        assert len(batch["nodes"]) == 26 * size + 1 == np.asarray(batch["n_node"]).sum()
        assert len(batch["edges"]) == 56 * size == np.asarray(batch["n_edge"]).sum()
        assert len(numbers(batch)) == size  # chains are small: only their number counts
        taken += numbers(batch)
    taken += numbers(next(queue))
    assert taken == expected[: len(taken)]


def test_regrouped_batches_equal_those_packed_directly():
    graphs = chains(29)
    narrow, wide = (Limits.of(n, nodes_per_graph=8, edges_per_graph=15) for n in (3, 8))
    *expected, last = packing.packed(graphs, wide, [np.arange(29)])
    parts = list(packing.packed(graphs, narrow, [np.arange(29)]))
    for batch in expected:
        ours, rest = packing.cut(parts, wide)
        for name, array in batch.items():
            np.testing.assert_array_equal(ours[name], array, err_msg=name)
            assert ours[name].dtype == array.dtype
        parts = [rest]
    assert numbers(rest) == numbers(last)
    assert packing.cut([rest], wide) is None  # no full batch yet


def test_batch_size_too_small_for_the_next_graph_is_refused(prepared_chains):
    parts = list(packing.packed(chains(5), Limits(60, 120, 5), [np.array([4])]))
    nodes = int(chains(5).n_node[4])
    with pytest.raises(ValueError, match=rf"A graph of {nodes} nodes and .* Use a larger batch"):
        packing.cut(parts, Limits(nodes - 1, 100, 1))


DAMAGES = {
    "there is no array edges": lambda a: a.pop("edges"),
    "sizes of 4 and 3 graphs for labels of 4": lambda a: a.update(n_edge=a["n_edge"][:3]),
    "18 nodes instead of 19": lambda a: a.update(nodes=a["nodes"][:-1]),
    "26 senders instead of 27": lambda a: a.update(senders=a["senders"][:-1]),
    "one of the receivers is no node of its graph": lambda a: a["receivers"].__setitem__(0, 5),
    "one of the senders is no node of its graph": lambda a: a["senders"].__setitem__(8, 3),
    "a label is neither 0 nor 1 nor NaN": lambda a: a["targets"].__setitem__((1, 1), 2.0),
    "a graph has no node": lambda a: a["n_node"].__setitem__(2, 0),
}


@pytest.mark.parametrize("said", DAMAGES)
def test_damaged_graphs_are_reported_in_one_line(prepared_chains, said):
    graphs = golden_graphs()
    assert problem(graphs.arrays) is None
    DAMAGES[said](graphs.arrays)
    assert problem(graphs.arrays) == said
    prepared_chains(graphs)
    with pytest.raises(DataError) as caught:
        load_workload("ogbg", "full").dataset(Split.TRAIN, 64)
    assert str(caught.value) == (
        f"The prepared data of ogbg (full) is damaged: train: {said}. "
        f"Run: kit data prepare ogbg --scale full"
    )


def test_file_that_was_cut_off_is_reported(prepared, tmp_path, monkeypatch):
    prepared("ogbg")
    shutil.copytree(split_folder("ogbg", "mini", "train"), tmp_path / "ogbg/mini/train")
    monkeypatch.setenv("STOPWATCH_DATA", str(tmp_path))
    file = tmp_path / "ogbg/mini/train/nodes.npy"
    file.write_bytes(file.read_bytes()[:1_000_000])
    with pytest.raises(DataError, match=r"nodes\.npy has 1000000 bytes instead of \d+\. Run: kit"):
        load_workload("ogbg", "mini").dataset(Split.TRAIN, 64)


def test_full_data_is_refused_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("STOPWATCH_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"cannot be prepared by this version: .*mini"):
        prepare("ogbg", "full")
    assert list(tmp_path.iterdir()) == []


def test_every_evaluation_graph_is_seen_once_at_any_batch_size(prepared):
    prepared("ogbg")
    workload = load_workload("ogbg", "mini")
    arrays = load_arrays("ogbg", "mini", "validation")
    for size in (37, 512):
        batches = list(workload.dataset(Split.VALIDATION, size))
        weights = np.concatenate([packing.unpad(batch)["weights"] for batch in batches])
        assert (weights == ~np.isnan(arrays["targets"])).all()
