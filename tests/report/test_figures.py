"""Every figure: drawn from facts, units on its axes, a summary in words, as SVG and PNG."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest

from kit.records.record import TrialState
from kit.report import figures
from kit.report.figures import DARK, LIGHT, PAGE
from kit.report.figures.curves import MAX_LINES, value_limits
from kit.report.figures.sensitivity import varied
from kit.report.figures.style import BACKGROUND_LINES
from tests.records.factory import Results
from tests.report.made_up import facts_of, hostile_record
from tests.scoring.reading.records_factory import ruleset_file, run

KINDS = {"scores", "profiles", "curves", "times", "spent", "sensitivity", "schedule"}


@pytest.fixture(scope="module")
def pictures(facts):
    return {picture.name: picture for picture in figures.all_pictures(facts)}


def axes_of(picture):
    return [axes for axes in picture.figure.axes if axes.get_visible()]


def test_all_figures_are_there(pictures):
    assert {picture.kind for picture in pictures.values()} == KINDS
    assert list(pictures) == [
        "scores", "profiles", "curves-time-mnist", "curves-steps-mnist", "times-mnist",
        "spent-mnist", "sensitivity-first", "schedule-first", "schedule-second",
    ]  # fmt: skip


def test_every_axis_has_a_unit(pictures):
    named_rows = ("scores", "times", "spent", "schedule")
    for picture in pictures.values():
        for axes in axes_of(picture):
            label = axes.get_xlabel()
            assert "(" in label or label == "reported steps", picture.name
            if picture.kind in named_rows:
                assert axes.get_yticklabels()[0].get_text() in {"first", "mnist, study 1"}
            elif axes.get_ylabel():
                assert "(" in axes.get_ylabel(), picture.name


def test_every_figure_has_words_and_text_that_is_large_enough(pictures):
    for picture in pictures.values():
        assert len(picture.summary) > 40, picture.name
        assert picture.figure.get_size_inches()[0] == pytest.approx(4.4)
        labels = [text for axes in axes_of(picture) for text in axes.get_xticklabels()]
        assert min(text.get_fontsize() for text in labels) >= 8


def test_curves_show_each_trial_the_target_and_the_best_in_bold(facts, pictures):
    for name in ("curves-time-mnist", "curves-steps-mnist"):
        (axes,) = axes_of(pictures[name])
        lines = {line.get_gid(): line for line in axes.lines if line.get_gid()}
        assert len(lines) == len(facts.trials)
        bold = {gid for gid, line in lines.items() if line.get_linewidth() > 1.5}
        best = {f"trial-{facts.numbers[key]}" for key in facts.best}
        assert bold == best
        target = [line for line in axes.lines if list(line.get_ydata()) == [0.9, 0.9]]
        assert len(target) == 1
    first = facts.trials[0]
    (axes,) = axes_of(pictures["curves-time-mnist"])
    drawn = next(line for line in axes.lines if line.get_gid() == "trial-0")
    assert list(drawn.get_xdata()) == list(first.curve.seconds)
    assert list(drawn.get_ydata()) == list(first.curve.values)


def test_thousands_of_lines_become_one_bitmap(log_facts):
    one = log_facts.trials[1]
    many = [replace(one, id=replace(one.id, trial=n)) for n in range(2, MAX_LINES + 10)]
    crowded = figures.curves(replace(log_facts, trials=(*log_facts.trials, *many)), "mnist")
    (axes,) = axes_of(crowded)
    assert sum(bool(line.get_gid()) for line in axes.lines) == 6  # the best of each study
    assert crowded.inline_svg().count("<image") == 1


def test_limits_hold_the_target_and_leave_outliers_out(log_facts):
    trials = list(log_facts.trials)
    exploding = replace(trials[0], curve=replace(trials[0].curve, values=[0.1, -1e9, np.nan]))
    low, high = value_limits([*trials * 20, exploding])
    assert low > -10
    assert high > 0.95
    nothing = replace(trials[0], curve=replace(trials[0].curve, values=[np.nan] * 3))
    low, high = value_limits([nothing])
    assert low < 0.9 < high


def test_profile_steps_where_the_ratios_are(facts, pictures):
    (axes,) = axes_of(pictures["profiles"])
    second = facts.board.standings[1]
    drawn = axes.lines[1]
    assert list(drawn.get_xdata())[1:-1] == list(second.profile.tau)
    assert list(drawn.get_ydata())[1:-1] == [100 * share for share in second.profile.share]
    assert list(drawn.get_xdata())[-1] == facts.board.results.rules.r_max


def test_scores_tell_their_intervals(facts, pictures):
    line = facts.board.standings[0]
    assert f"{line.submission} {line.score:.4f} ({line.interval.low:.4f}" in (
        pictures["scores"].summary
    )


def test_missed_targets_lie_beyond_the_budget(log_facts):
    picture = figures.times_to_target(log_facts, "mnist")
    (axes,) = axes_of(picture)
    crosses = [line for line in axes.lines if line.get_marker() == "x"]
    assert crosses
    assert all(line.get_xdata()[0] > 60 for line in crosses)
    assert "never missed" in picture.summary


def test_sensitivity_takes_what_varies(facts):
    trials = facts.of_submission("first")
    assert varied(trials) == ["learning_rate"]
    assert figures.sensitivity(facts, "second") is None


def test_many_points_become_a_bitmap_that_every_paper_shows(facts):
    one = facts.trials[0]
    many = [
        replace(one, id=replace(one.id, trial=n), hyperparameters={"learning_rate": n / 7})
        for n in range(1, 203)
    ]
    picture = figures.sensitivity(replace(facts, trials=tuple(many)), "first", theme=PAGE)
    (axes,) = axes_of(picture)
    colors = {line.get_color() for line in axes.lines if line.get_rasterized()}
    assert colors == {BACKGROUND_LINES}
    assert picture.inline_svg().count("<image") == 1


def test_logs_have_no_spending_and_no_schedule(log_facts):
    kinds = {picture.kind for picture in figures.all_pictures(log_facts)}
    assert kinds == {"scores", "profiles", "curves", "times"}


def test_files_are_images_of_their_theme(facts):
    for theme in (LIGHT, DARK):
        picture = figures.scores(facts, theme=theme)
        svg = picture.svg()
        root = ElementTree.fromstring(svg)
        assert root.tag.endswith("}svg")
        assert theme.paper in svg.decode()
        assert picture.png(dots_per_inch=50).startswith(b"\x89PNG")
        assert svg == figures.scores(facts, theme=theme).svg()  # the same bytes each time


def test_a_drawing_for_a_page_follows_its_theme_and_loads_nothing(facts):
    for picture in figures.all_pictures(facts, theme=PAGE):
        svg = picture.inline_svg()
        assert svg.startswith("<svg")
        assert "var(--ink)" in svg
        assert "#010f" not in svg
        ids = re.findall(r' id="([^"]+)"', svg)
        assert all(one.startswith(picture.name) for one in ids)
        assert not re.findall(r'(?:href|src)="(?!#|data:)', svg)


def test_hostile_text_stays_text(tmp_path, monkeypatch):
    results, ruleset = hostile_record(tmp_path, monkeypatch)
    facts = facts_of(results.root, ruleset=str(ruleset), tuning="external", unverified=True)
    for picture in figures.all_pictures(facts, theme=PAGE):
        assert "<img" not in picture.inline_svg()
        assert "<script" not in picture.inline_svg()
        ElementTree.fromstring(picture.svg())


def test_names_that_the_font_lacks_do_no_harm(log_facts):
    trial = log_facts.trials[0]
    renamed = replace(trial, id=replace(trial.id, submission="优化器"))
    picture = figures.curves(replace(log_facts, trials=(renamed,), board=None), "mnist")
    assert "优化器" in picture.inline_svg()


def test_values_that_are_no_numbers_leave_a_figure_that_says_so(tmp_path):
    results, ruleset = Results(tmp_path), ruleset_file(tmp_path)
    run(results, ruleset, "first", values=(math.nan,) * 3, state=TrialState.OUT_OF_TIME)
    facts = facts_of(results.root, ruleset=str(ruleset))
    drawing = figures.curves(facts, "mnist", against="steps", theme=PAGE).inline_svg()
    assert "no validation value is a number" in drawing


def test_numbers_too_large_to_draw_do_no_harm(tmp_path):
    results, ruleset = Results(tmp_path), ruleset_file(tmp_path)
    for trial, number in ((1, 1), (2, 2**62)):
        run(results, ruleset, "first", trial=trial, values=(-1e308, -1.7e308, 1e308),
            hyperparameters={"huge": number, "rate": float(trial)})  # fmt: skip
    facts = facts_of(results.root, ruleset=str(ruleset))
    assert varied(facts.trials) == ["huge", "rate"]
    for picture in figures.all_pictures(facts, theme=PAGE):
        assert picture.png()


def test_the_target_is_named_where_no_trial_ends(pictures):
    (axes,) = pictures["curves-time-mnist"].figure.axes
    (word,) = [text for text in axes.texts if "target" in text.get_text()]
    assert word.get_window_extent().y0 > axes.get_window_extent().y1
