from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from kit.contracts import Split
from kit.data import load_arrays, prepare, split_folder
from kit.errors import DataError
from kit.registry import load_workload
from workloads.criteo1tb import data
from workloads.criteo1tb import prepare as preparation

GOLDEN = Path(__file__).parent.parent / "golden" / "extras" / "criteo_parse.npz"


def golden(key: str) -> np.ndarray:
    with np.load(GOLDEN, allow_pickle=False) as arrays:
        return arrays[key]


def lines() -> list[str]:
    return golden("input/lines").tolist()


@pytest.fixture
def logs(tmp_path, monkeypatch):
    """Write tiny click logs, the golden lines in two files of each split; return the workload."""
    monkeypatch.setenv("STOPWATCH_DATA", str(tmp_path))
    for split in Split:
        folder = split_folder("criteo1tb", "full", split)
        folder.mkdir(parents=True)
        (folder / "day_0").write_text("\n".join(lines()[:4]) + "\n")
        (folder / "day_1_00").write_text("\n".join(lines()[4:]) + "\n")
    return load_workload("criteo1tb", "full")


def test_lines_are_parsed_as_the_reference_does():
    batch = data.parse_lines(lines())
    expected = golden("output/inputs")
    np.testing.assert_allclose(batch["inputs"][:, :13], expected[:, :13], rtol=1e-6)
    assert (batch["inputs"].numpy()[:, 13:] == expected[:, 13:]).all()  # every hashed id
    assert batch["targets"].numpy().tolist() == golden("output/targets").tolist()


def test_missing_fields_have_defaults():
    fields = [""] * data.COLUMNS
    batch = data.parse_lines(["\t".join(fields), "\t".join(["-1"] * data.COLUMNS)])
    inputs = batch["inputs"].numpy()
    assert batch["targets"].numpy().tolist() == [0.0, 0.0]
    assert not inputs[:, :13].any()
    assert (inputs[0] == inputs[1]).all()
    assert inputs[0, 13] == data.bucket_ids(["00000000"], 0, data.BUCKETS[0]).numpy()[0]


def test_negative_numbers_count_as_zero():
    fields = ["1", "-7", *["0"] * 12, *["a"] * 26]
    assert data.parse_lines(["\t".join(fields)])["inputs"].numpy()[0, 0] == 0.0


def test_evaluation_reads_every_line_in_order_and_pads(logs):
    batches = list(logs.dataset(Split.VALIDATION, 4))
    inputs = np.concatenate([batch["inputs"] for batch in batches])
    assert inputs.shape == (8, 39)
    np.testing.assert_allclose(inputs[:6], golden("output/inputs"), rtol=1e-6)
    assert not inputs[6:].any()
    assert np.concatenate([b["weights"] for b in batches]).tolist() == [1.0] * 6 + [0.0] * 2


def test_training_repeats_all_files_in_an_order_given_by_the_seed(logs):
    def beginning(seed: int) -> list[float]:
        batches = itertools.islice(logs.dataset(Split.TRAIN, 3, seed), 20)
        return [float(value) for batch in batches for value in batch["inputs"][:, 1]]

    assert beginning(1) == beginning(1)
    assert len({tuple(beginning(seed)) for seed in range(5)}) > 1
    assert len(set(beginning(1))) == 6
    assert "weights" not in next(iter(logs.dataset(Split.TRAIN, 3)))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (2, r"day_0, line 2: the label must be 0 or 1\. Received: 2\."),
        (6, r"day_1_00, line 2: 7 fields instead of 40\."),
        (5, r"day_1_00, line 1: a number was expected\. Received: x7\."),
    ],
)
def test_damage_is_reported_with_its_place_and_the_fix(logs, line, problem):
    damaged = lines()
    if line == 2:
        damaged[1] = "2" + damaged[1][1:]
    elif line == 6:
        damaged[5] = "\t".join(damaged[5].split("\t")[:7])  # the file was cut off
    else:
        fields = damaged[4].split("\t")
        damaged[4] = "\t".join([fields[0], "x7", *fields[2:]])
    folder = split_folder("criteo1tb", "full", "test")
    (folder / "day_0").write_text("\n".join(damaged[:4]) + "\n")
    (folder / "day_1_00").write_text("\n".join(damaged[4:]))
    with pytest.raises(DataError, match=problem) as caught:
        list(logs.dataset(Split.TEST, 4))
    assert str(caught.value).startswith("The test data of criteo1tb (full) is damaged: ")
    assert str(caught.value).endswith("Get that file again.")
    assert "\n" not in str(caught.value)


def test_missing_files_are_reported_with_the_fix(logs):
    folder = split_folder("criteo1tb", "full", "train")
    for file in folder.iterdir():
        file.unlink()
    with pytest.raises(DataError) as caught:
        logs.dataset(Split.TRAIN, 4)
    assert str(caught.value) == (
        f"The train data of criteo1tb (full) is missing: no day_* files in {folder}. "
        "Run: kit data prepare criteo1tb --scale full"
    )


def test_full_data_is_refused_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("STOPWATCH_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"cannot be prepared by this version: .*mini"):
        prepare("criteo1tb", "full")
    assert list(tmp_path.iterdir()) == []


def test_originals_with_another_checksum_leave_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("STOPWATCH_DATA", str(tmp_path / "data"))
    own = tmp_path / "own"
    own.mkdir()
    for name in ("flights.csv.zip", "planes.csv", "weather.csv"):
        (own / name).write_bytes(b"cut off")
    monkeypatch.setattr("kit.data.sources.fetch_python_package", unreachable)
    with pytest.raises(DataError, match=r"flights\.csv\.zip") as caught:
        prepare("criteo1tb", "mini", user_folder=own)
    assert "\n" not in str(caught.value)
    left = [file.name for file in (tmp_path / "data").rglob("*") if file.is_file()]
    assert [name for name in left if not name.endswith(".lock")] == []


def unreachable(*_):
    from kit.data.content import SourceFailed

    raise SourceFailed("the network is unreachable")


def test_splits_share_no_day_and_hold_every_flight_once():
    days = np.repeat(np.arange(1, 366), 3).tolist()
    parts = preparation._splits(days)
    shown = parts.pop("eval_train")
    of_split = {split: {days[i] for i in part} for split, part in parts.items()}
    assert sorted(np.concatenate(list(parts.values()))) == list(range(3 * 365))
    for one, other in itertools.combinations(of_split.values(), 2):
        assert not one & other
    assert set(shown) <= set(parts["train"])


def test_strings_come_back_out_of_their_codes():
    rows = [["JFK", "LAX"], ["LGA", ""], ["JFK", "LGA"]]
    encoded = preparation.encode(rows)
    strings = encoded["vocabulary"][encoded["codes"]]
    assert [[string.decode() for string in row] for row in strings] == rows
    assert encoded["columns"][encoded["codes"]].tolist() == [[0, 1]] * 3


def test_nothing_that_is_known_after_departure_is_a_feature():
    tables = preparation.Tables({}, {}, {("EWR", "t"): 4})
    flight = {
        "year": "2013",
        "month": "1",
        "day": "2",
        "hour": "5",
        "time_hour": "t",
        "sched_dep_time": "515",
        "sched_arr_time": "2359",
        "distance": "1400",
        "carrier": "UA",
        "flight": "1",
        "tailnum": "NA",
        "origin": "EWR",
        "dest": "IAH",
    }  # no dep_time, dep_delay, arr_time, arr_delay, air_time: reading one would fail
    numbers = preparation._numbers(flight, tables)
    assert numbers[:4] == [315, 1439, 1400.0, 4]
    assert numbers[4:] == [0.0] * 12
    categories = preparation._categories(flight, tables)
    assert categories == ["1", "3", "5", "UA", "1", "", "EWR", "IAH", "", "", ""]


def test_mini_features_go_through_the_published_transformations(prepared):
    prepared("criteo1tb")
    workload = load_workload("criteo1tb", "mini")
    arrays = load_arrays("criteo1tb", "mini", "test")
    batch = next(iter(workload.dataset(Split.TEST, 100)))
    inputs = batch["inputs"].numpy()
    numbers = np.maximum(arrays["numbers"][:100], 0.0)
    np.testing.assert_allclose(inputs[:, :16], np.log1p(numbers), rtol=1e-5, atol=1e-6)
    carriers = arrays["vocabulary"][arrays["codes"][:100, 3]]
    assert inputs[:, 19].tolist() == data.bucket_ids(carriers, 3, 16).numpy().tolist()
    assert (inputs[:, 16:].max(0) < workload.config.data["buckets"]).all()
    assert batch["targets"].numpy().tolist() == arrays["targets"][:100].tolist()


def test_mini_label_out_of_range_is_reported(monkeypatch):
    arrays = {"targets": np.array([0.0, 3.0], np.float32)}
    monkeypatch.setattr(data, "load_arrays", lambda *_: arrays)
    with pytest.raises(DataError, match=r"a label of train is neither 0 nor 1\. Run: kit data pre"):
        load_workload("criteo1tb", "mini").dataset(Split.TRAIN, 2)
