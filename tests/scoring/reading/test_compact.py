"""The compact table: read quickly, and refused by file and row where it is damaged."""

from __future__ import annotations

import gzip

import pytest

from kit.errors import InvalidFile
from kit.scoring.reading.compact import is_compact, read_compact
from kit.scoring.trial import Slot
from tests.scoring.boards import make_rules

HEADER = "submission,study,workload,trial,global_step,accumulated_submission_time,value,framework"
ROWS = (
    "a,study_0,w,2,1,10.5,0.1,jax",
    "a,study_0,w,2,50,20.5,0.95,jax",
    "a,study_0,w,1,1,11.0,,jax",
    "a,study_0,w,1,60,21.0,0.2,jax",
)
RULES = make_rules(studies=2, trials=2)


def write(path, rows=ROWS, header=HEADER):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_trials_are_read_in_the_order_of_the_file(tmp_path):
    batch = read_compact(write(tmp_path / "log.csv"), RULES)
    assert [trial.slot for trial in batch.trials] == [
        Slot("a", "w", None, 0, 2),
        Slot("a", "w", None, 0, 1),
    ]
    first, second = batch.trials
    assert (first.reached.evaluation, first.outcome.lowest) == (1, 20.5)
    assert second.reached is None
    assert batch.notices == (
        "1 validation values in 1 trials are no finite numbers; they never reach a target.",
    )


def test_compressed_table_is_the_same(tmp_path):
    plain = write(tmp_path / "log.csv")
    packed = tmp_path / "log.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert is_compact(packed)
    ours, theirs = (read_compact(path, RULES).trials for path in (plain, packed))
    assert [trial.outcome for trial in ours] == [trial.outcome for trial in theirs]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((*ROWS[:3], "a,study_0,w,1,60,2"), "row 5 has 6 cells, the header has 8: cut off"),
        ((ROWS[1], ROWS[0]), "row 3, column accumulated_submission_time: 10.5 does not come after"),
        ((ROWS[0], ROWS[0]), "row 3, column accumulated_submission_time: 10.5 does not come after"),
        (("a,study_0,w,2,1,soon,0.1,jax",), "row 2, column accumulated_submission_time: must be a"),
        (("a,study_0,w,2,1,,0.1,jax",), "row 2, column accumulated_submission_time: must be a"),
        (("a,study_0,w,2,1,nan,0.1,jax",), "must be finite and not negative. Received: nan"),
        (("a,study_0,w,2,1,-1,0.1,jax",), "must be finite and not negative. Received: -1.0"),
        (("a,study_0,w,2,1,1,high,jax",), "row 2, column value: must be a number. Received"),
        (("a,study_0,w,2,9,1,0,jax", "a,study_0,w,2,8,2,0,jax"), "row 3, column global_step: 8.0"),
        (("a,first,w,2,1,1,0.1,jax",), "row 2: a study or trial must be a number such as 3 or"),
        ((ROWS[0], ROWS[2], ROWS[1]), "row 4: the trial a, w, study_0, trial 2 is there twice"),
        ((ROWS[0], "a,study_0,w,2,1,9,0.1,pytorch"), "row 3: the trial a, w, study_0, trial 2 is"),
        (('a,study_0,w,2,1,"1",0.1,jax',), "row 2: cells in quotes are not read"),
        ((), "holds no evaluation"),
    ],
)  # fmt: skip
def test_damage_is_named_by_file_and_row(tmp_path, rows, message):
    path = write(tmp_path / "log.csv", rows)
    with pytest.raises(InvalidFile) as caught:
        read_compact(path, RULES)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_column_is_named(tmp_path):
    path = write(tmp_path / "log.csv", ["1"], "value")
    with pytest.raises(InvalidFile, match=r"there is no column 'accumulated_submission_time'"):
        read_compact(path, RULES)


def test_truncated_archive_is_refused(tmp_path):
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(write(tmp_path / "log.csv").read_bytes())[:-12])
    with pytest.raises(InvalidFile, match="cannot be read"):
        read_compact(path, RULES)


def test_workloads_that_do_not_count_are_named(tmp_path):
    rows = [row.replace(",w,", ",mnist,") for row in ROWS]
    batch = read_compact(write(tmp_path / "log.csv", rows), RULES)
    assert batch.trials == ()
    assert batch.submissions == ("a",)
    assert batch.notices == (
        "Left out: 2 trials of 'mnist': ruleset example has no such workload.",
    )


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "\x00\x01"])
def test_other_files_are_no_compact_tables(tmp_path, text):
    path = tmp_path / "other.csv"
    path.write_text(text)
    assert not is_compact(path)
