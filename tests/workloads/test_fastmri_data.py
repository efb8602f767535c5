from __future__ import annotations

import itertools
from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorflow as tf

from kit.contracts import Split
from kit.data import evaluation_folder, load_arrays, prepare, train_folder
from kit.errors import DataError
from kit.registry import load_workload
from workloads.fastmri import prepare as preparation
from workloads.fastmri import undersampling, volumes
from workloads.fastmri.data import EVALUATION_MASK

GOLDEN = Path(__file__).parent.parent / "golden" / "extras" / "fastmri_preprocess.npz"
SIZE = 320  # of a reconstruction
SLICES = 2  # in each file
ROWS, COLUMNS = 336, 328


def golden(key: str) -> np.ndarray:
    with np.load(GOLDEN, allow_pickle=False) as arrays:
        return arrays[key]


def images(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((count, SIZE, SIZE), np.float32)


def write_volume(path: Path, seed: int, **changes: object) -> None:
    """Write a volume of noise in the format of fastMRI; None leaves a part out."""
    draw = np.random.default_rng(seed)
    shape = (SLICES, ROWS, COLUMNS)
    kspace = draw.standard_normal(shape, np.float32) + 1j * draw.standard_normal(shape, np.float32)
    parts = {"kspace": kspace.astype(np.complex64), "reconstruction_esc": images(SLICES, seed)}
    parts = {**parts, **changes}
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name in ("kspace", "reconstruction_esc"):
            if parts[name] is not None:  # with a checksum, so that a changed byte is seen
                file.create_dataset(name, data=parts[name], chunks=True, fletcher32=True)
        if changes.get("max", 0) is not None:
            file.attrs["max"] = 10.0 + seed


@pytest.fixture
def knees(tmp_path, monkeypatch):
    """Write three volumes for training and three for evaluation; return the workload."""
    monkeypatch.setenv("STOPWATCH_DATA", str(tmp_path))
    monkeypatch.setattr(volumes, "VALIDATION_FILES", 2)
    for number in range(3):
        write_volume(train_folder("fastmri", "full") / f"file{number}.h5", number)
        write_volume(official() / f"file{number}.h5", 10 + number)
    return load_workload("fastmri", "full")


def official() -> Path:
    return evaluation_folder("fastmri", "full") / "knee_singlecoil_val"


def volume_numbers(batches) -> list[int]:
    """Return, for each real example, the number that its volume was written with."""
    examples = [(b["volume_max"], b.get("weights", tf.ones_like(b["mean"]))) for b in batches]
    return [int(m) - 10 for ms, ws in examples for m, w in zip(ms, ws, strict=True) if w]


def test_slice_is_preprocessed_as_the_reference_does():
    example = undersampling.undersampled(
        golden("input/kspace"),
        tf.constant(golden("input/target")),
        golden("input/column_mask"),
        tf.constant(2.0),
    )
    for name in ("inputs", "targets", "mean", "std"):
        np.testing.assert_allclose(example[name], golden(f"output/{name}"), atol=2e-6)
    assert float(example["volume_max"]) == 2.0


def test_values_are_clipped_at_six_deviations():
    target = np.zeros((8, 8), np.float32)
    target[4, 4] = 1e6
    image = np.ones((8, 8), np.float32)
    image[0, 0] = 1e3
    kspace = undersampling.frequencies(tf.constant(image))
    example = undersampling.undersampled(kspace, tf.constant(target), tf.ones(8), 1.0)
    assert np.asarray(example["inputs"]).max() == 6.0
    assert np.asarray(example["targets"]).max() == 6.0


@pytest.mark.parametrize("shape", [(6, 8), (7, 5)])
def test_frequencies_are_centred_and_keep_the_sum_of_squares(shape):
    image = np.random.default_rng(0).random(shape).astype(np.float32)
    kspace = undersampling.frequencies(tf.constant(image)).numpy()
    middle = kspace[shape[0] // 2, shape[1] // 2]
    assert middle == pytest.approx(image.sum() / np.sqrt(image.size), rel=1e-5)
    assert (np.abs(kspace) ** 2).sum() == pytest.approx((image**2).sum(), rel=1e-5)
    np.testing.assert_allclose(undersampling.magnitudes(tf.constant(kspace)), image, atol=1e-5)


@pytest.mark.parametrize(("columns", "first", "last"), [(50, 23, 26), (368, 170, 198)])
def test_central_columns_are_always_measured_and_a_quarter_in_all(columns, first, last):
    masks = np.array([undersampling.column_mask(columns, [1, i]) for i in range(300)])
    assert set(np.unique(masks)) == {0.0, 1.0}
    assert np.flatnonzero(masks.all(axis=0)).tolist() == list(range(first, last + 1))
    assert masks.mean() == pytest.approx(0.25, abs=0.01)
    outside = np.delete(masks, range(first, last + 1), axis=1).mean(axis=0)
    assert outside.std() < 0.04  # no column is preferred


def test_mask_is_given_by_its_rng():
    masks = [undersampling.column_mask(368, rng).numpy() for rng in ([1, 2], [1, 2], [1, 3])]
    assert (masks[0] == masks[1]).all()
    assert (masks[0] != masks[2]).any()


def test_official_validation_files_are_split_by_name(knees):
    validation = volume_numbers(knees.dataset(Split.VALIDATION, 3))
    test = volume_numbers(knees.dataset(Split.TEST, 3))
    assert (validation, test) == ([10, 10, 11, 11], [12, 12])


def test_evaluation_of_training_data_takes_the_first_slices_from_files_in_turn(knees, monkeypatch):
    monkeypatch.setattr(volumes, "EVAL_TRAIN_SLICES", 4)
    assert volume_numbers(knees.dataset(Split.EVAL_TRAIN, 3)) == [0, 1, 2, 0]


def test_evaluation_batches_hold_what_the_files_do(knees):
    first, last = knees.dataset(Split.VALIDATION, 3)
    assert first["inputs"].shape == last["targets"].shape == (3, SIZE, SIZE)
    assert last["weights"].numpy().tolist() == [1.0, 0.0, 0.0]
    assert {value.dtype for value in first.values()} == {tf.float32}
    with h5py.File(official() / "file0.h5") as file:
        mask = undersampling.column_mask(COLUMNS, EVALUATION_MASK)
        target = tf.constant(file["reconstruction_esc"][1])
        expected = undersampling.undersampled(file["kspace"][1], target, mask, 20.0)
    for name, value in expected.items():
        np.testing.assert_allclose(first[name][1], value, rtol=1e-5, atol=1e-6)


def test_training_repeats_all_slices_in_an_order_given_by_the_seed(knees):
    def beginning(seed: int) -> list[tuple[float, float]]:
        """Return what tells slices and masks apart: mean of the target, mean of the input."""
        batches = list(itertools.islice(knees.dataset(Split.TRAIN, 3, seed), 4))  # two passes
        pairs = [
            (b["mean"] + b["std"] * tf.reduce_mean(b["targets"], (1, 2)), b["mean"])
            for b in batches
        ]
        return [(round(float(t), 4), float(m)) for p in pairs for t, m in zip(*p, strict=True)]

    stream = beginning(1)
    assert stream == beginning(1)
    assert set(stream[:6]) == set(stream[6:])  # every slice once, with the mask it had before
    assert len(set(stream)) == 6
    assert {mean for _, mean in stream} != {mean for _, mean in beginning(2)}  # other masks
    assert "weights" not in next(iter(knees.dataset(Split.TRAIN, 3)))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"kspace": None}, "object 'kspace' doesn't exist"),
        ({"reconstruction_esc": None}, "object 'reconstruction_esc' doesn't exist"),
        ({"max": None}, "attribute: 'max'"),
        ({"kspace": np.zeros((SLICES, ROWS, COLUMNS), np.float32)}, r"Received: f \(2, 336, 328\)"),
        ({"kspace": np.zeros((SLICES, ROWS, 300), np.complex64)}, r"c \(2, 336, 300\)"),
        ({"reconstruction_esc": images(3, 0)}, r"and \(3, 320, 320\)"),
    ],
)
def test_other_content_is_reported_with_the_file_and_the_fix(knees, changes, problem):
    write_volume(train_folder("fastmri", "full") / "file1.h5", 1, **changes)
    with pytest.raises(DataError, match=problem) as caught:
        knees.dataset(Split.TRAIN, 2)
    check_message(caught.value, "file1.h5")


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", None])
def test_file_that_is_none_or_cut_off_is_reported(knees, content):
    path = train_folder("fastmri", "full") / "file1.h5"
    path.write_bytes(path.read_bytes()[:-5000] if content is None else content)
    with pytest.raises(DataError) as caught:
        knees.dataset(Split.TRAIN, 2)
    check_message(caught.value, "file1.h5")


def test_damage_inside_a_slice_is_reported_when_it_is_read(knees):
    path = train_folder("fastmri", "full") / "file1.h5"
    content = bytearray(path.read_bytes())
    content[len(content) // 4] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        list(itertools.islice(knees.dataset(Split.TRAIN, 6), 1))
    check_message(caught.value, "file1.h5")


def check_message(error: DataError, file: str) -> None:
    text = str(error)
    assert text.startswith("The train data of fastmri (full) is damaged: ")
    assert f"{file}: " in text
    assert text.endswith(". Get that file again.")
    assert "\n" not in text


@pytest.mark.parametrize("split", [Split.TRAIN, Split.EVAL_TRAIN])
def test_missing_files_are_reported_with_the_fix(tmp_path, monkeypatch, split):
    monkeypatch.setenv("STOPWATCH_DATA", str(tmp_path))
    with pytest.raises(DataError) as caught:
        load_workload("fastmri", "full").dataset(split, 4)
    assert str(caught.value) == (
        f"The {split} data of fastmri (full) is missing: 0 *.h5 files in "
        f"{train_folder('fastmri', 'full')}. Run: kit data prepare fastmri --scale full"
    )


def test_too_few_files_for_a_test_split_are_reported(knees):
    (official() / "file2.h5").unlink()
    with pytest.raises(DataError, match=r"2 \*\.h5 files in .*first 2 are for validation\. Run: "):
        knees.dataset(Split.TEST, 4)


def test_full_data_is_refused_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("STOPWATCH_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"cannot be prepared by this version: .*mini"):
        prepare("fastmri", "full")
    assert list(tmp_path.iterdir()) == []


def test_splits_of_the_brain_share_no_slice_and_no_neighbours():
    positions = {
        split: {position for block in blocks for position in range(*block)}
        for split, blocks in preparation.BLOCKS.items()
    }
    assert {split: len(found) for split, found in positions.items()} == {
        "train": 112,
        "validation": 16,
        "test": 16,
    }
    for one, other in itertools.combinations(positions.values(), 2):
        assert min(abs(a - b) for a in one for b in other) >= 5


def test_coronal_slices_are_rounded_means_of_four_voxels():
    volume = np.zeros((197, 3, 189), np.uint8)  # (right, front, up)
    volume[98, 1, 90:92] = (3, 4)  # pairs of voxels start at even positions from 2, and at 1
    (picture,) = preparation.coronal_slices(volume, np.array([1]))
    assert picture.shape == (96, 96)
    assert picture.sum() == round(3 / 4) + round(4 / 4)
    volume[:, 1, 188] = 40  # the top of the head
    (picture,) = preparation.coronal_slices(volume, np.array([1]))
    assert picture[:3].max() >= 20
    assert picture[-3:].max() == 0


def test_slices_of_the_brain_are_symmetric_so_halves_could_not_be_split(prepared):
    prepared("fastmri")
    slices = load_arrays("fastmri", "mini", "train")["targets"].astype(int)
    centred = slices[:, :, 1:]  # 197 voxels: the middle one is in column 48
    difference = np.abs(centred - centred[:, :, ::-1]).mean() / slices.mean()
    assert difference < 0.08  # 0.16 when shifted by one more column


def test_mini_slices_go_through_the_same_steps(prepared):
    prepared("fastmri")
    images = load_arrays("fastmri", "mini", "test")["targets"].astype(np.float32)
    batch = next(iter(load_workload("fastmri", "mini").dataset(Split.TEST, 4)))
    shape = (4, 1, 1)
    seen = batch["targets"] * tf.reshape(batch["std"], shape) + tf.reshape(batch["mean"], shape)
    unclipped = np.abs(batch["targets"].numpy()) < 6
    np.testing.assert_allclose(seen.numpy()[unclipped], images[:4][unclipped], atol=1e-3)
    assert batch["volume_max"].numpy().tolist() == [255.0] * 4
