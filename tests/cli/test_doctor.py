"""How the doctor's findings are shown."""

from __future__ import annotations

import json

from click.testing import CliRunner

import kit.doctor
from kit.cli.doctor import doctor
from kit.doctor.finding import error, ok, warning


def run_doctor(monkeypatch, findings, *arguments):
    monkeypatch.setattr(kit.doctor, "examine", lambda: iter(findings))
    return CliRunner().invoke(doctor, arguments, standalone_mode=False)


def test_doctor_writes_one_line_each_with_the_fix(monkeypatch):
    findings = [ok("Clock", "tsc"), warning("Load", "3.0 on 2 cores", "wait")]
    result = run_doctor(monkeypatch, findings)
    assert result.return_value == 0
    assert result.output.splitlines() == [
        "ok    Clock        tsc.",
        "warn  Load         3.0 on 2 cores. Fix: wait",
    ]


def test_doctor_fails_only_for_what_prevents_running(monkeypatch):
    result = run_doctor(monkeypatch, [error("Memory", "0.1 GB free", "buy some")])
    assert result.return_value == 1
    assert result.output == "FAIL  Memory       0.1 GB free. Fix: buy some\n"


def test_doctor_json_is_a_list_of_findings(monkeypatch):
    result = run_doctor(monkeypatch, [warning("Load", "3.0", "wait")], "--json")
    assert json.loads(result.output) == [
        {"subject": "Load", "level": "warning", "text": "3.0", "fix": "wait"}
    ]


def test_doctor_examines_this_machine_and_says_the_fix_of_all_that_is_wrong():
    result = CliRunner().invoke(doctor, ["--json"], standalone_mode=False)
    found = json.loads(result.output)
    assert {"Python", "Engine", "Compose", "Signing key", "Data"} <= {f["subject"] for f in found}
    assert all(finding["fix"] for finding in found if finding["level"] != "ok")
    for finding in found:
        assert "\n" not in finding["text"] + finding["fix"]
        assert not finding["text"].endswith(".")  # the full stop is added when it is shown
