from __future__ import annotations

import json

import pytest

from kit.data import load_arrays, prepare, train_folder, verify
from kit.data.prepared import evaluation_folder
from kit.errors import DataError


def alter(path, position=-1):
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def test_data_that_is_not_there_says_how_to_get_it(toy):
    with pytest.raises(DataError) as caught:
        load_arrays("toy", "mini", "train")
    folder = train_folder("toy", "mini")
    assert str(caught.value) == (
        f"The train data of toy (mini) is missing from {folder}. Run: kit data prepare toy"
    )


@pytest.mark.parametrize("split", ["train", "validation"])
def test_truncated_file_is_reported_at_load(toy, split):
    prepare("toy", "mini")
    below = train_folder("toy", "mini")
    if split != "train":
        below = evaluation_folder("toy", "mini") / split
    file = below / "inputs.npy"
    size = file.stat().st_size
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(DataError) as caught:
        load_arrays("toy", "mini", split)
    assert str(caught.value) == (
        f"The prepared data of toy (mini) is damaged: {file} has {size - 10} bytes instead of "
        f"{size}. Run: kit data prepare toy"
    )


def test_missing_file_is_reported_at_load(toy):
    prepare("toy", "mini")
    file = train_folder("toy", "mini") / "inputs.npy"
    file.unlink()
    with pytest.raises(DataError, match=r"inputs\.npy is missing\. Run: kit data prepare toy$"):
        load_arrays("toy", "mini", "train")


def test_training_data_loads_where_evaluation_data_is_hidden(toy):
    prepare("toy", "mini")
    evaluation_folder("toy", "mini").rename(toy.mirror / "hidden")
    assert len(load_arrays("toy", "mini", "train")["inputs"]) == 80
    with pytest.raises(DataError, match="The validation data of toy"):
        load_arrays("toy", "mini", "validation")


def test_file_that_is_no_array_is_reported_at_load(toy):
    prepare("toy", "mini")
    alter(train_folder("toy", "mini") / "inputs.npy", position=0)
    with pytest.raises(DataError, match=r"is damaged: .*inputs\.npy: .*Run: kit data prepare toy$"):
        load_arrays("toy", "mini", "train")


def test_verify_reads_every_byte(toy):
    prepare("toy", "mini")
    verify("toy", "mini")
    alter(evaluation_folder("toy", "mini") / "validation" / "inputs.npy")
    with pytest.raises(DataError, match=r"validation/inputs\.npy has been altered\. Run: "):
        verify("toy", "mini")


def test_verify_of_absent_data_says_how_to_get_it(toy):
    with pytest.raises(DataError, match=r"^toy \(mini\) is not prepared. Run: kit data prepare to"):
        verify("toy", "mini")


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"files": 3}', "null"])
def test_manifest_that_is_none_is_reported(toy, content):
    prepare("toy", "mini")
    (train_folder("toy", "mini") / "manifest.json").write_text(content)
    with pytest.raises(DataError, match=r"manifest\.json is not a manifest"):
        load_arrays("toy", "mini", "train")


def test_manifest_names_every_file_with_size_and_checksum(toy):
    folder = prepare("toy", "mini") / "evaluation"
    files = json.loads((folder / "manifest.json").read_text())["files"]
    assert set(files) == {"validation/inputs.npy"}
    assert set(files["validation/inputs.npy"]) == {"bytes", "sha256"}
