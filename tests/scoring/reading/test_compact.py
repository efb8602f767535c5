"""The compact table: read quickly, and refused by file and row where it is damaged."""

from __future__ import annotations

import gzip

import pytest

from kit.contracts.trial_id import TrialId
from kit.errors import InvalidFile, UsageError
from kit.scoring.reading.compact import is_compact, read_compact
from kit.scoring.results import collect
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
    assert [trial.id for trial in batch.trials] == [
        TrialId("example", "a", "w", None, 0, 2),
        TrialId("example", "a", "w", None, 0, 1),
    ]
    first, second = batch.trials
    assert (first.reached.evaluation, first.outcome.lowest) == (1, 20.5)
    assert second.reached is None
    assert batch.notices == (
        "1 validation values in 1 trials are no finite numbers; they never reach a target.",
    )


def test_compressed_table_is_the_same(tmp_path):
    plain = write(tmp_path / "log.csv")
    expected = [trial.outcome for trial in read_compact(plain, RULES).trials]
    packed, unpacked_by_a_browser = tmp_path / "packed", tmp_path / "log.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    unpacked_by_a_browser.write_bytes(plain.read_bytes())
    for path in (packed, unpacked_by_a_browser):
        assert is_compact(path)
        assert [trial.outcome for trial in read_compact(path, RULES).trials] == expected


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
        ((ROWS[0], ROWS[2], ROWS[1]), "sort the table so that they stand together"),
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
    header = HEADER.replace("value", "score")
    path = write(tmp_path / "log.csv", header=header)
    assert is_compact(path)
    with pytest.raises(
        InvalidFile, match=rf"no column 'value'. Choose from the columns: {header[:9]}"
    ):
        read_compact(path, RULES)


def test_quotes_in_the_header_are_named(tmp_path):
    path = write(tmp_path / "log.csv", header=HEADER.replace("value", '"value"'))
    assert is_compact(path)
    with pytest.raises(InvalidFile, match="row 1: cells in quotes are not read"):
        read_compact(path, RULES)


def test_byte_order_mark_is_no_part_of_a_column(tmp_path):
    path = write(tmp_path / "log.csv")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert is_compact(path)
    assert len(read_compact(path, RULES).trials) == 2


def test_framework_may_end_the_name_of_a_workload(tmp_path):
    path = write(tmp_path / "log.csv", [row.replace(",w,", ",w_jax,") for row in ROWS])
    expected = read_compact(write(tmp_path / "plain.csv"), RULES).trials
    assert [trial.outcome for trial in read_compact(path, RULES).trials] == [
        trial.outcome for trial in expected
    ]


def test_same_trial_of_two_frameworks_is_refused(tmp_path):
    both = [row.replace(",w,", name) for name in (",w_jax,", ",w_pytorch,") for row in ROWS]
    batch = read_compact(write(tmp_path / "log.csv", both), RULES)
    with pytest.raises(UsageError, match=r"The same trial is there twice: a, w, study 0, trial 2"):
        collect(batch.trials, RULES)


def test_rows_out_of_order_are_used_as_present_and_noted(tmp_path):
    """A run that was preempted repeats rows; the reference scorer takes the first that reaches."""
    rows = ("a,study_0,w,2,50,20.5,0.1,jax", "a,study_0,w,2,40,10.5,0.95,jax")
    path = write(tmp_path / "log.csv", rows)
    batch = read_compact(path, RULES, as_present=True)
    assert batch.trials[0].reached.seconds == 10.5
    (notice,) = batch.notices
    assert notice.startswith(f"OUT OF ORDER, and used as it stands: {path}: row 3, column accum")
    assert notice.endswith("(1 more like it)")  # the step
    with pytest.raises(InvalidFile, match="must be finite and not negative"):
        read_compact(write(path, ["a,study_0,w,2,1,nan,0.1,jax"]), RULES, as_present=True)


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
