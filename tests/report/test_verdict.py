"""The verdict: verified, official, signed by whom, under which conditions."""

from __future__ import annotations

import shutil

import pytest

from kit.errors import VerificationError
from kit.records.record import TrialState
from kit.report.page.unfinished import unfinished
from kit.report.page.verdict import verdict_of
from kit.rules.ruleset import load_ruleset
from tests.records.factory import Results, make_trial
from tests.report.made_up import facts_of
from tests.scoring.reading.records_factory import rules_record, ruleset_file, run


def answers(verdict):
    return {line.question: line for line in verdict.lines}


@pytest.fixture
def copied(made, tmp_path):
    """Return a copy of the results that may be changed, its ruleset and key."""
    results, ruleset = made
    shutil.copytree(results.root, tmp_path / "copy")
    return tmp_path / "copy", str(ruleset), results.key.public


def test_records_of_a_known_key_are_verified(facts):
    verdict = verdict_of(facts)
    found = answers(verdict)
    assert verdict.level == "care"
    assert found["Verified?"].level == "good"
    assert "of 7 records match" in found["Verified?"].answer
    assert "development key (known here" in found["Signed by"].answer
    assert "Self-attested" in found["Ledger"].answer
    assert found["Isolation"].level == "care"  # `process` shuts nothing in
    assert "1 trial owed and missing" in found["Trials"].answer


def test_a_development_key_is_no_organisers(facts):
    line = answers(verdict_of(facts))["Official?"]
    assert line.level == "care"
    assert "no organiser stands behind it" in line.answer


def test_unknown_keys_are_integrity_only(copied):
    root, ruleset, _ = copied
    verdict = verdict_of(facts_of(root, ruleset=ruleset))
    assert verdict.headline.startswith("Unaltered since it was signed; who signed it")
    assert "UNKNOWN, the name is a claim" in answers(verdict)["Signed by"].answer


def test_one_changed_byte_is_the_headline(copied):
    root, ruleset, key = copied
    log = root / "example/first/mnist/study_1/trial_1/log.txt"
    log.write_bytes(log.read_bytes() + b"!")
    verdict = verdict_of(facts_of(root, ruleset=ruleset, trusted=[key], unverified=True))
    assert verdict.level == "bad"
    assert verdict.headline.startswith("UNVERIFIED")
    found = answers(verdict)
    assert found["Verified?"].answer.startswith("No: 1 of 7 records do not match.")
    assert found["Official?"].level == "bad"


def test_a_record_that_is_gone_is_listed(copied):
    root, ruleset, key = copied
    shutil.rmtree(root / "example/first/mnist/study_2/trial_2")
    facts = facts_of(root, ruleset=ruleset, trusted=[key])
    assert [t.state for t in facts.trials if t.id.submission == "first"][3] == "no_record"
    assert any("no record of it can be read here" in why for *_, why in unfinished(facts))
    ledger = answers(verdict_of(facts))["Ledger"]
    assert ledger.level == "care"
    assert ledger.answer == "It lists 1 attempt of which there is no record here."


def test_without_a_ledger_nothing_tells_what_is_missing(copied):
    root, ruleset, key = copied
    (root / "ledger.jsonl").unlink()
    with pytest.raises(VerificationError, match="has lost its ledger"):
        facts_of(root, ruleset=ruleset, trusted=[key])
    facts = facts_of(root, ruleset=ruleset, trusted=[key], unverified=True)
    found = answers(verdict_of(facts))
    assert found["Ledger"].answer.startswith("None: ")
    assert found["Ledger"].level == "bad"


def test_a_ledger_of_some_records_is_none_of_the_others(copied, tmp_path):
    root, ruleset, key = copied
    apart = tmp_path / "apart" / "example" / "second"
    shutil.move(root / "example/second", apart)
    paths = (root / "example/first", apart)
    facts = facts_of(*paths, ruleset=ruleset, trusted=[key], unverified=True)
    line = answers(verdict_of(facts))["Ledger"]
    assert line.level == "bad"
    assert line.answer == "Only 4 of 7 records can be found in a ledger."


def test_without_a_record_nothing_is_official(tmp_path):
    results, ruleset = Results(tmp_path), ruleset_file(tmp_path)
    rules = rules_record(load_ruleset(ruleset))
    results.start(make_trial(rules=rules).record)
    line = answers(verdict_of(facts_of(results.root, ruleset=str(ruleset))))["Official?"]
    assert (line.level, line.answer) == ("bad", "No: there is no record.")


def test_a_broken_rule_is_marked(tmp_path):
    results, ruleset = Results(tmp_path), ruleset_file(tmp_path)
    for study in (1, 2):
        for trial in (1, 2):
            run(results, ruleset, "first", study=study, trial=trial,
                state=TrialState.RULE_VIOLATION, reason="It was late.")  # fmt: skip
    facts = facts_of(results.root, ruleset=str(ruleset), trusted=[results.key.public])
    line = answers(verdict_of(facts))["Trials"]
    assert (line.level, line.answer) == ("care", "4 attempts: rule violation")


def test_unofficial_records_say_why(tmp_path):
    results, ruleset = Results(tmp_path), ruleset_file(tmp_path)
    run(results, ruleset, "first", official=False, unofficial_reasons=["a seed was given"])
    facts = facts_of(results.root, ruleset=str(ruleset), trusted=[results.key.public])
    line = answers(verdict_of(facts))["Official?"]
    assert line.level == "care"
    assert line.answer == "No: 1 of 1 are not official: a seed was given."


def test_logs_are_not_verifiable(log_facts):
    verdict = verdict_of(log_facts)
    assert verdict.headline.startswith("Not verifiable")
    assert {line.level for line in verdict.lines[:2]} == {"care"}
    assert "Signed by" not in answers(verdict)
