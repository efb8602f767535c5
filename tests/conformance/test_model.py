from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kit.conformance.model import check_model
from kit.errors import InvalidFile, UnknownName

MODELS = Path(__file__).parent.parent / "golden" / "models"
BASE = MODELS / "imagenet_resnet.npz"


@pytest.fixture
def altered(tmp_path):
    """Return a function that writes the base file with some arrays replaced, or dropped by None."""

    def write(name: str = "imagenet_resnet.npz", **changes) -> Path:
        with np.load(BASE, allow_pickle=False) as golden:
            arrays = {key: golden[key] for key in golden.files}
        for key, value in changes.items():
            arrays.pop(key) if value is None else arrays.update({key: value})
        np.savez(tmp_path / name, **arrays)
        return tmp_path / name

    return write


def meta(**changes) -> np.ndarray:
    with np.load(BASE, allow_pickle=False) as golden:
        return np.array(json.dumps({**json.loads(str(golden["meta"])), **changes}))


def array(key: str) -> np.ndarray:
    with np.load(BASE, allow_pickle=False) as golden:
        return golden[key]


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.npz")), ids=lambda path: path.stem)
def test_models_equal_their_golden_files(path):
    report = check_model(path)
    assert [check for check in report.checks if not check.passed] == []
    quantities = {check.quantity for check in report.checks}
    assert {"output/eval", "output/train"} <= quantities
    with np.load(path, allow_pickle=False) as golden:  # nothing that the file has is left out
        prefixes = ("output/", "output_alt/", "loss", "grad/", "new_state/")
        assert quantities >= {key for key in golden.files if key.startswith(prefixes)}


def test_subject_names_workload_and_variant():
    assert check_model(MODELS / "imagenet_resnet__silu.npz").subject == "imagenet_resnet silu"


@pytest.mark.parametrize(
    ("key", "failing"),
    [
        ("output/eval", {"output/eval"}),
        ("new_state/batch_stats/BatchNorm_init/var", {"new_state/batch_stats/BatchNorm_init/var"}),
        ("loss_soft/per_example", {"loss_soft/per_example"}),
        ("grad/Dense_0/bias", {"grad/Dense_0/bias"}),
    ],
)
def test_one_wrong_number_is_found_and_named(altered, key, failing):
    value = array(key).copy()
    value.flat[0] += 0.01
    report = check_model(altered(**{key: value}))
    assert {check.quantity for check in report.checks if not check.passed} == failing
    assert not report.passed


def test_wrong_output_for_the_other_inputs_is_found(tmp_path):
    with np.load(MODELS / "fastmri__tanh.npz", allow_pickle=False) as golden:
        arrays = {key: golden[key] for key in golden.files}
    arrays["output_alt/eval"][0, -1, -1] += 0.01
    path = tmp_path / "fastmri__tanh.npz"
    np.savez(path, **arrays)
    failed = {check.quantity for check in check_model(path).checks if not check.passed}
    assert failed == {"output_alt/eval"}


def test_number_that_is_none_fails(altered):
    report = check_model(altered(**{"output/eval": np.full_like(array("output/eval"), np.nan)}))
    assert {check.quantity for check in report.checks if not check.passed} == {"output/eval"}


def test_another_variant_does_not_pass(altered):
    failed = {
        c.quantity for c in check_model(altered("imagenet_resnet__gelu.npz")).checks if not c.passed
    }
    assert {"output/eval", "output/train", "loss/summed"} <= failed


def test_wrong_number_of_parameters_is_found(altered):
    report = check_model(altered(meta=meta(num_params=132147)))
    assert [check.quantity for check in report.checks if not check.passed] == [
        "number of parameters"
    ]


def test_parameter_of_another_shape_fails(altered):
    report = check_model(altered(**{"param/Dense_0/bias": np.zeros(11, np.float32)}))
    assert "shapes of parameters" in {c.quantity for c in report.checks if not c.passed}


BAD_ARRAYS = [
    ({"meta": None}, r"the array 'meta' is missing"),
    ({"meta": np.array("no json")}, r"'meta' is not JSON"),
    ({"meta": np.array("3")}, r"'meta' must be a JSON object"),
    ({"meta": np.array("{}")}, r"'meta' has no 'config'"),
    ({"output/eval": None}, r"the array 'output/eval' is missing"),
    ({"grad/Dense_0/bias": None}, r"the array 'grad/Dense_0/bias' is missing"),
    ({"param/Dense_0/bias": None}, r"param/Dense_0/bias is only in our model"),
    ({"param/Dense_9/bias": np.zeros(1)}, r"param/Dense_9/bias is only in the file"),
    ({"input/inputs": None}, r"its inputs do not fit the model: 'inputs'"),
    ({"input/inputs": np.zeros((4, 64, 64, 5), "f")}, r"its inputs do not fit the model: "),
    ({"input/inputs": np.array([{}], object)}, r"not a readable \.npz file: "),
]


@pytest.mark.parametrize(("changes", "message"), BAD_ARRAYS)
def test_file_with_wrong_arrays_is_refused_in_one_line(altered, changes, message):
    with pytest.raises(InvalidFile, match=message) as caught:
        check_model(altered(**changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"depth": 50},
            r"no model of this 'config': .*unknown key 'depth'\. Choose one of: stage_s",
        ),
        ({"stage_sizes": "many"}, r"no model of this 'config': .*stage_sizes"),
        ({"activation": "swoosh"}, r"no model of this 'config': .*Choose one of: relu"),
    ],
)
def test_config_that_gives_no_model_is_refused(altered, config, message):
    with pytest.raises(InvalidFile, match=message):
        check_model(altered(meta=meta(config=config)))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"text", "half", "array"])
def test_file_that_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "imagenet_resnet.npz"
    if content == "array":
        with path.open("wb") as stream:
            np.save(stream, np.zeros(3))
    else:
        path.write_bytes(BASE.read_bytes()[:500_000] if content == "half" else content)
    with pytest.raises(InvalidFile, match=r"not a readable \.npz file: ") as caught:
        check_model(path)
    assert "\n" not in str(caught.value)


def test_absent_file_is_reported(tmp_path):
    with pytest.raises(InvalidFile, match=r"imagenet_resnet\.npz: no such file\. Check the name"):
        check_model(tmp_path / "imagenet_resnet.npz")


def test_unknown_workload_and_variant_are_refused(altered):
    with pytest.raises(UnknownName, match="Unknown workload 'resnet'"):
        check_model(altered("resnet.npz"))
    with pytest.raises(UnknownName, match="Unknown variant of imagenet_resnet 'mish'"):
        check_model(altered("imagenet_resnet__mish.npz"))
