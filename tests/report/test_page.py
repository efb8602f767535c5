"""The page: the verdict first, everything there, nothing that anyone wrote is ever HTML."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from kit.report.page.data import COLUMNS, details_of, packed
from kit.report.page.render import Story, TextTable, page, scope_of, title_of
from tests.report.made_up import HOSTILE, HOSTILE_SCRIPT, facts_of, hostile_record
from tests.scoring.reading.records_factory import CODE

STORY = Story(
    [TextTable("Scores", ["rank", "submission"], [["1", "first"]])],
    [("Missing trials; each counts as missed", ["second, mnist: study 2, trial 2"])],
    ["A note."],
)


class Elements(HTMLParser):
    """Collects elements with their attributes, and the text of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def unpacked(text: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(text)))


@pytest.fixture(scope="module")
def text(facts):
    return page(facts, STORY)


@pytest.fixture(scope="module")
def elements(text):
    return Elements(text)


def test_verdict_comes_before_everything_else(text):
    parts = ['id="verdict"', 'id="notes"', 'id="leaderboard"', 'id="figures"', 'id="stopped"']
    places = [text.index(part) for part in [*parts, 'id="trials"']]
    assert places == sorted(places)


def test_page_loads_nothing(text, elements):
    (policy,) = [m["content"] for m in elements.of("meta") if "http-equiv" in m]
    assert policy.startswith("default-src 'none'; ")
    code = elements.scripts[-1]
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    for tag, attributes in elements.found:
        for name in ("src", "href", "xlink:href", "action"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:image/png;base64,")), (tag, value)
        assert not [name for name in attributes if name.startswith("on")], tag
    assert "@import" not in text
    assert "innerHTML" not in code
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|eval)\b\(", code)


def test_every_trial_has_a_row_and_details(facts, elements):
    data = json.loads(elements.scripts[0])
    assert len(data["rows"]) == len(facts.trials)
    assert all(len(row) == len(COLUMNS) for row in data["rows"])
    details = unpacked(elements.scripts[1])
    assert len(details) == len(facts.trials)
    first = details[0]
    assert first["record"]["submission"] == "first"
    assert first["record"]["seeds"]["commitment"] == facts.trials[0].record.seeds.commitment
    assert first["environment"]["ratio"] == "inf"
    assert first["evaluations"]["rows"][-1][0] == facts.trials[0].record.steps
    assert first["signature"]["verdict code"] == facts.trials[0].report.verdict_code
    assert first["log"].endswith("not text\n")
    sources = unpacked(elements.scripts[2])
    assert sources[first["source"]]["submission.py"] == CODE


def test_what_was_stopped_is_named_with_the_result_that_justified_it(text):
    stopped = text[text.index('id="stopped"') : text.index('id="trials"')]
    assert "slower than the study&#39;s best, because of first, mnist, study 1, trial 1" in stopped
    assert "The trainer ended by itself." in stopped


def test_missing_trials_and_notes_are_told(text):
    assert "second, mnist: study 2, trial 2" in text
    assert "A note." in text


def test_figures_have_words_in_place_of_the_picture(elements):
    drawings = [d for d in elements.of("div") if d.get("class") == "drawing"]
    assert len(drawings) == len(elements.of("figure")) > 6
    for drawing in drawings:
        assert drawing["role"] == "img"
        assert len(drawing["aria-label"]) > 60


def test_ids_are_unique(elements):
    ids = [attributes["id"] for _, attributes in elements.found if attributes.get("id")]
    assert len(ids) == len(set(ids))


def test_hostile_records_add_no_element(tmp_path, monkeypatch):
    results, ruleset = hostile_record(tmp_path, monkeypatch)
    facts = facts_of(results.root, ruleset=str(ruleset), tuning="external", unverified=True)
    story = Story(
        [TextTable(HOSTILE, [HOSTILE, "submission"], [[HOSTILE_SCRIPT, HOSTILE]])],
        [(HOSTILE, [HOSTILE_SCRIPT])],
        [HOSTILE, HOSTILE_SCRIPT, *facts.loaded.notices],
    )
    text = page(facts, story)
    elements = Elements(text)
    assert not elements.of("img")
    assert len(elements.of("script")) == 4  # rows, details, sources, the script
    assert "window.hacked" not in "".join(elements.scripts)
    assert not [a for _, a in elements.found if any(name.startswith("on") for name in a)]
    assert "49" not in title_of(facts)
    details = unpacked(elements.scripts[1])
    escaped = HOSTILE_SCRIPT.replace("\u202e\x1b", "\\u202e\\x1b")
    assert details[0]["failure"]["traceback"] == escaped
    assert details[0]["log"] == escaped
    assert details[0]["environment"]["cpu"] == escaped
    assert "\u202e" not in text
    assert "\x1b" not in text


def test_a_log_says_that_nobody_signed_it(log_facts):
    text = page(log_facts, STORY)
    assert "Not verifiable: logs carry no signatures." in text
    details = unpacked(Elements(text).scripts[1])
    assert "no record, no signature" in details[0]["remark"]
    assert len(details[0]["evaluations"]["rows"]) == 3


def test_page_of_one_trial_has_no_leaderboard(made):
    results, ruleset = made
    folder = results.root / "example/first/mnist/study_1/trial_1"
    facts = facts_of(folder, ruleset=str(ruleset))
    assert scope_of(facts) == "trial"
    text = page(facts, Story((), (), ()))
    assert 'id="leaderboard"' not in text
    assert "<h1>Trial: first, mnist, study 1, trial 1, ruleset example</h1>" in text


def test_numbers_that_are_not_finite_are_words():
    assert unpacked(packed([float("inf"), float("nan"), 1.5])) == ["∞", "NaN", 1.5]


def test_details_tell_which_attempt_counts(facts):
    assert ("Counts", "yes") in details_of(facts.trials[0])["summary"]
    words = dict(details_of(facts.trials[5])["summary"])
    assert words["Stopped because"].startswith("slower than the study's best (")
