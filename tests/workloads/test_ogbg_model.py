from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from kit.backend import framework
from kit.backend.functional import FunctionalModel, build_initial
from kit.contracts import ForwardMode, LossType, multitask_sigmoid_cross_entropy
from kit.errors import KitError
from kit.registry import load_workload
from kit.rules.ruleset import load_ruleset
from kit.trainer.view import View
from workloads.ogbg.layers import EdgeDense, GraphOfNode, NodeDense, SumOver
from workloads.ogbg.metrics import mean_average_precision
from workloads.ogbg.packing import Limits, pad, unpad
from workloads.ogbg.synthetic import random_batch

GOLDEN = Path(__file__).parent.parent / "golden"
TINY = {"latent_dim": 8, "hidden_dims": [8], "num_message_passing_steps": 2, "num_outputs": 3}


def tiny(**changes) -> tuple[FunctionalModel, list[np.ndarray], dict[str, np.ndarray]]:
    """Return a small model, its values and a batch of 4 graphs."""
    workload = load_workload("ogbg", "full", model={**TINY, **changes})
    model = build_initial(workload, 0)
    return model, model.initial_values()[0], workload.synthetic_batch(4, seed=1)


def forward(model, params, batch, rate=None) -> np.ndarray:
    rng = keras.ops.convert_to_tensor(np.array([1, 2], np.int32))
    mode = ForwardMode(True, rate, None if rate is None else rng)
    return np.asarray(model.forward(params, [], batch, mode)[0])


def test_loss_is_told_to_be_a_sigmoid_cross_entropy():
    """The published workload declares softmax cross-entropy."""
    assert load_workload("ogbg", "full").loss_type is LossType.SIGMOID_CROSS_ENTROPY


@pytest.mark.parametrize("case", [f"ogbg{number:02d}" for number in range(8)])
def test_loss_equals_the_reference(case):
    with np.load(GOLDEN / "metrics" / "workload_losses.npz", allow_pickle=False) as golden:
        arrays = {k.split(".", 1)[1]: golden[k] for k in golden.files if k.startswith(f"{case}.")}
    loss = multitask_sigmoid_cross_entropy(
        keras.ops.convert_to_tensor(arrays["logits"]),
        arrays["labels"],
        mask=arrays["mask"],
        label_smoothing=float(arrays["label_smoothing"]),
    )
    np.testing.assert_allclose(loss.per_example, arrays["per_example"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(loss.summed, arrays["summed"], rtol=1e-5)
    assert float(loss.weights) == arrays["n_valid_examples"]


def test_loss_without_weights_is_refused_in_one_line():
    workload = load_workload("ogbg", "mini")
    with pytest.raises(ValueError, match=r"needs batch\['weights'\] \(batch, tasks\): 1 where"):
        workload.loss(np.zeros((2, 30), np.float32), {"targets": np.zeros((2, 30), np.float32)})


def test_nodes_know_their_graph_also_behind_empty_graphs():
    n_node = np.array([2, 0, 3, 1, 0], np.int32)
    found = np.asarray(GraphOfNode()(np.zeros((6, 9), np.float32), n_node))
    assert found.tolist() == [0, 0, 2, 2, 2, 3]


def test_sums_are_zero_where_nothing_is_summed():
    rows = np.array([[1.0], [2.0], [4.0]], np.float32)
    summed = SumOver()(rows, np.array([2, 0, 2], np.int32), np.zeros((4, 1), np.float32))
    assert np.asarray(summed).ravel().tolist() == [2.0, 0.0, 5.0, 0.0]


def test_products_before_look_ups_equal_a_dense_layer_on_the_concatenation():
    draw = np.random.default_rng(0)
    edges, nodes, graphs, sent, received = (
        draw.standard_normal(shape).astype(np.float32)
        for shape in ((7, 2), (5, 3), (2, 4), (5, 6), (5, 6))
    )
    graph_of_node = np.array([0, 0, 0, 1, 1], np.int32)
    senders = np.array([0, 2, 1, 3, 4, 4, 0], np.int32)
    receivers = np.array([1, 0, 1, 4, 3, 4, 2], np.int32)
    edge_layer, node_layer = EdgeDense(3), NodeDense(3)
    ours = edge_layer(edges, nodes, graphs, senders, receivers, graph_of_node)
    of_edges = [edges, nodes[senders], nodes[receivers], graphs[graph_of_node[senders]]]
    assert_dense(edge_layer, ours, of_edges)
    ours = node_layer(nodes, sent, received, graphs, graph_of_node)
    assert_dense(node_layer, ours, [nodes, sent, received, graphs[graph_of_node]])


def assert_dense(layer, ours, parts) -> None:
    layer.bias.assign([0.5, -1.0, 2.0])
    expected = np.concatenate(parts, axis=1) @ np.asarray(layer.kernel)
    np.testing.assert_allclose(np.asarray(ours), expected, atol=1e-5)


@pytest.mark.parametrize("variant", [None, "model_size"])
def test_padding_and_neighbours_in_a_batch_do_not_change_a_graph(variant):
    workload = load_workload("ogbg", "mini", variant)
    model = build_initial(workload, 0)
    params = model.initial_values()[0]
    batch = workload.synthetic_batch(4)
    content = unpad(batch)
    wide = pad(content, Limits(len(content["nodes"]) + 50, len(content["edges"]) + 9, 7))
    first = int(content["n_node"][0]), int(content["n_edge"][0])
    ends = dict.fromkeys(content, 1) | {"nodes": first[0]}
    ends |= dict.fromkeys(("edges", "senders", "receivers"), first[1])
    alone = pad({name: array[: ends[name]] for name, array in content.items()}, Limits(*first, 1))
    expected = forward(model, params, batch)[: len(content["n_node"])]
    np.testing.assert_allclose(forward(model, params, wide)[: len(expected)], expected, atol=1e-5)
    np.testing.assert_allclose(forward(model, params, alone)[0], expected[0], atol=1e-5)


def test_dropout_is_a_tenth_unless_the_pass_says_otherwise():
    model, params, batch = tiny()
    rng = keras.ops.convert_to_tensor(np.array([1, 2], np.int32))
    default = np.asarray(model.forward(params, [], batch, ForwardMode(True, None, rng))[0])
    assert (default == forward(model, params, batch, rate=0.1)).all()
    assert (default != forward(model, params, batch, rate=0.0)).any()
    assert (forward(model, params, batch, rate=0.0) == forward(model, params, batch)).all()
    # Everything is dropped behind the last perceptron, so only the last bias is left.
    assert not forward(model, params, batch, rate=1.0).any()


def test_batches_of_one_size_are_compiled_once():
    model, params, _ = tiny()
    workload = model.workload
    traces = []

    def evaluate(params, batch):
        traces.append(1)
        return model.evaluate_batch(params, [], batch)

    compiled = framework().compile(evaluate, xla=False)
    tensors = [keras.ops.convert_to_tensor(value) for value in params]
    for seed in range(3):
        batch = workload.synthetic_batch(8, seed)
        compiled(tensors, {k: keras.ops.convert_to_tensor(v) for k, v in batch.items()})
    assert len(traces) == 1


def test_gradients_of_single_graphs_are_those_of_their_summed_losses():
    model, params, batch = tiny()
    view = View(model, step_hint=1, batch_size=4)
    tensors = [keras.ops.convert_to_tensor(value) for value in params]
    rng = keras.ops.convert_to_tensor(np.array([1, 2], np.int32))
    each = view.per_example_gradients(tensors, [], batch, rng, dropout_rate=0.0)
    assert [tuple(g.shape) for g in each] == [(5, *p.shape) for p in params]
    mean = view.loss_and_gradients(tensors, [], batch, rng, dropout_rate=0.0).gradients
    for one, together in zip(each, mean, strict=True):
        np.testing.assert_allclose(
            np.asarray(one).sum(0) / batch["weights"].sum(), together, atol=1e-5
        )
        assert not np.asarray(one)[-1].any()  # padding
    only = {**batch, "weights": batch["weights"] * (np.arange(5) == 1)[:, None]}
    second = view.loss_and_gradients(tensors, [], only, rng, dropout_rate=0.0).gradients
    for one, alone in zip(each, second, strict=True):
        expected = np.asarray(alone) * only["weights"].sum()
        np.testing.assert_allclose(np.asarray(one)[1], expected, atol=1e-5)


@pytest.mark.parametrize("case", [f"{number:02d}" for number in range(25)])
def test_metric_equals_the_reference(case):
    with np.load(GOLDEN / "metrics" / "mean_average_precision.npz", allow_pickle=False) as golden:
        arrays = {k[3:]: golden[k] for k in golden.files if k.startswith(f"{case}.")}
    ours = mean_average_precision(arrays["logits"], arrays["labels"], arrays["mask"])
    assert ours == pytest.approx(float(arrays["expected"]), abs=1e-12, nan_ok=True)


def test_metric_and_loss_equal_those_of_a_whole_evaluation():
    with np.load(GOLDEN / "extras" / "mean_average_precision.npz", allow_pickle=False) as golden:
        arrays = {key: golden[key] for key in golden.files}
    workload = load_workload("ogbg", "mini")
    batches = [
        {
            "nodes": arrays["input/logits"][rows],  # handed through by the model call below
            **dict.fromkeys(("edges", "senders", "receivers", "n_node")),
            "targets": arrays["input/labels"][rows],
            "weights": arrays["input/mask"][rows],
        }
        for rows in (slice(0, 17), slice(17, 60))
    ]
    results = [workload.evaluate_batch(lambda inputs: inputs["nodes"], batch) for batch in batches]
    summary = workload.summarize([{k: np.asarray(v) for k, v in r.items()} for r in results])
    expected = float(arrays["output/mean_average_precision"])
    assert summary["mean_average_precision"] == pytest.approx(expected, abs=1e-6)
    assert summary["loss"] == pytest.approx(float(arrays["output/loss"]), rel=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_logit_that_is_no_number_makes_the_metric_nan_where_it_has_a_label(value):
    draw = np.random.default_rng(0)
    logits, targets = draw.standard_normal((20, 2)), (draw.random((20, 2)) < 0.5) * 1.0
    mask = np.ones((20, 2))
    mask[3, 1] = 0.0
    targets[3, 1] = 0.0
    expected = mean_average_precision(logits, targets, mask)
    logits[3, 1] = value
    assert mean_average_precision(logits, targets, mask) == expected
    logits[4, 0] = value
    assert np.isnan(mean_average_precision(logits, targets, mask))


def test_parameters_that_are_no_numbers_give_metrics_that_are_none():
    model, params, batch = tiny()
    broken = [np.full_like(value, np.nan) for value in params]
    result = model.evaluate_batch(broken, [], batch)
    summary = model.workload.summarize([{k: np.asarray(v) for k, v in result.items()}])
    assert np.isnan(list(summary.values())).all()
    target = load_ruleset("mini").workloads["ogbg"].target
    assert not target.reached_by(summary["mean_average_precision"])


def test_unlabelled_examples_count_as_negative_when_tasks_are_chosen():
    """As published: all labels are positive, but the task counts because one has none."""
    targets = np.array([[1.0], [1.0], [0.0]])
    mask = np.array([[1.0], [1.0], [0.0]])
    assert mean_average_precision(np.zeros((3, 1)), targets, mask) == 1.0
    assert np.isnan(mean_average_precision(np.zeros((2, 1)), targets[:2], mask[:2]))


def test_synthetic_batches_are_about_as_full_as_real_ones():
    batch = load_workload("ogbg", "full").synthetic_batch(64)
    content = unpad(batch)
    assert batch["nodes"].shape == (26 * 64 + 1, 9)
    assert batch["edges"].shape == (56 * 64, 3)
    assert len(content["n_node"]) > 58
    assert len(content["nodes"]) > 0.9 * 26 * 64
    assert len(content["edges"]) > 0.9 * 56 * 64
    assert 0.2 < batch["weights"].mean() < 0.4


def test_synthetic_graphs_have_their_own_sizes_and_edges_within_a_graph():
    limits = Limits.of(16, nodes_per_graph=26, edges_per_graph=56)
    content = unpad(random_batch(limits, node_features=9, edge_features=3, tasks=5, seed=1))
    graph_of_node = np.repeat(np.arange(len(content["n_node"])), content["n_node"])
    graph_of_edge = np.repeat(np.arange(len(content["n_edge"])), content["n_edge"])
    assert len(set(content["n_node"])) > 5
    assert (graph_of_node[content["senders"]] == graph_of_edge).all()
    assert (graph_of_node[content["receivers"]] == graph_of_edge).all()


def test_unknown_variant_is_refused_in_one_line():
    with pytest.raises(KitError, match="Choose one of: gelu, model_size, silu"):
        load_workload("ogbg", "full", "tanh")
