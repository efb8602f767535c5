"""`kit export`: the records that count, in another tool's form."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.cli.main import main
from kit.records.record import TrialState
from tests.records.factory import Results
from tests.scoring.reading.records_factory import ruleset_file, run


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Results:
    made = Results(tmp_path)
    monkeypatch.setenv("STOPWATCH_CONFIG", str(made.config))
    return made


def kit(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in words])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_exported_log_has_the_score_of_the_records(results, tmp_path, capsys):
    ruleset, out = ruleset_file(tmp_path), tmp_path / "log"
    run(results, ruleset, "first", study=1)
    reasons = {"official": False, "unofficial_reasons": ["the seed was given by hand"]}
    run(results, ruleset, "first", study=2, **reasons)
    run(results, ruleset, "first", trial=2, state=TrialState.RULE_VIOLATION, values=(0.1, 0.95))
    assert kit("export", "algoperf", results.root, "--out", out, "--ruleset", ruleset) == 0
    output = capsys.readouterr()
    assert output.out == f"2 trials written below {out}.\n"
    assert "study 2, trial 1, attempt 1: not official: the seed was given by hand." in output.err
    assert "trial 2, attempt 1: rule_violation; not written." in output.err
    assert kit("score", out, "--ruleset", ruleset) == 0
    assert "1     first       1.0000" in capsys.readouterr().out


def test_what_holds_no_records_is_refused(tmp_path, capsys):
    assert kit("export", "algoperf", tmp_path, "--out", tmp_path / "log") == 2
    assert "holds no records. Give results/" in capsys.readouterr().err
