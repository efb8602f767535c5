"""The page in a real browser: it renders, sorts, filters and opens, on a phone and at night."""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from kit.cli.main import main
from kit.report.page.render import Story, TextTable, page
from kit.text import escape_line
from tests.report.made_up import (
    HOSTILE,
    HOSTILE_SCRIPT,
    facts_of,
    hostile_record,
    small_leaderboard,
)
from tests.scoring.golden import LOG as COMPETITION

pytestmark = pytest.mark.browser
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
PATIENCE_SECONDS = 20


class Browser:
    """Chromium, and what it complained about."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def show(self, file: Path, *, size: str = "desktop", theme: str = "light") -> None:
        width, height = SIZES[size]
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=height,
                deviceScaleFactor=1, mobile=size == "phone")  # fmt: skip
        feature = {"name": "prefers-color-scheme", "value": theme}
        self.do("Emulation.setEmulatedMedia", features=[feature])
        self.driver.get(file.as_uri())

    def do(self, command: str, **options: Any) -> Any:
        return self.driver.execute_cdp_cmd(command, options)

    def run(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def find(self, selector: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        # Not `.text`: that is empty for what is scrolled out of sight in a small window.
        script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)"
        found: list[str] = self.driver.execute_script(script, selector)
        return found

    def wait(self, condition: str) -> None:
        WebDriverWait(self.driver, PATIENCE_SECONDS).until(
            lambda _: self.run(f"return {condition}")
        )

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    driver_program = shutil.which("chromedriver")
    if not chromium or not driver_program:
        pytest.skip("No Chromium with its driver: apt-get install chromium chromium-driver.")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    # No sandbox of its own, which needs rights that containers withhold; it opens our files alone.
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver_program))
    yield Browser(driver)
    driver.quit()


@pytest.fixture(scope="module")
def leaderboard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    results, ruleset = small_leaderboard(folder)
    file = folder / "report.html"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
        patch.setenv("STOPWATCH_CONFIG", str(results.config))
        main(["report", str(results.root), "--ruleset", str(ruleset), "--html", str(file)])
    return file


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_page_renders_in_both_themes_on_phone_and_desktop(browser, leaderboard, size, theme):
    browser.show(leaderboard, size=size, theme=theme)
    paper = {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}[theme]
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == paper
    drawing = browser.run("return getComputedStyle(document.querySelector('figure svg path')).fill")
    assert drawing == paper
    assert browser.run("return document.documentElement.scrollWidth") <= SIZES[size][0]
    boxes = browser.run(
        "return [...document.querySelectorAll('figure svg')].map((one) => {"
        "const box = one.getBoundingClientRect(); return [box.width, box.height]})"
    )
    assert len(boxes) == 9
    assert all(width > 300 and height > 80 for width, height in boxes)
    # Labels on a phone are at nine tenths of 12 px.
    assert browser.run(
        "const text = document.querySelector('#profiles text');"
        "return text.getBoundingClientRect().height"
    ) > 9  # fmt: skip
    shot = base64.b64decode(browser.do("Page.captureScreenshot", format="png")["data"])
    assert len(shot) > 10_000
    assert not browser.complaints()


def test_theme_can_be_chosen(browser, leaderboard):
    browser.show(leaderboard)
    background = "return getComputedStyle(document.body).backgroundColor"
    seen = []
    for _ in range(3):
        browser.find("#theme").click()
        seen.append(browser.run(background))
    assert seen == ["rgb(255, 255, 255)", "rgb(13, 17, 23)", "rgb(255, 255, 255)"]


def test_trials_are_sorted_by_keyboard(browser, leaderboard):
    browser.show(leaderboard)
    heading = browser.find("#trial-table th:nth-child(7) button")
    assert heading.text == "time to target (s)"
    heading.send_keys(Keys.ENTER)
    column = "#trial-table tbody td:nth-child(7)"
    rising = browser.texts(column)
    assert rising[-2:] == ["∞", "–"]  # missed after all numbers, unknown last
    numbers = [float(text) for text in rising[:-2]]
    assert numbers == sorted(numbers)
    browser.find("#trial-table th:nth-child(7) button").send_keys(Keys.SPACE)
    falling = browser.texts(column)
    assert falling == ["∞", *map(str, sorted(rising[:-2], key=float, reverse=True)), "–"]
    assert browser.find("#trial-table th:nth-child(7)").get_attribute("aria-sort") == "descending"


def test_leaderboard_is_sorted_by_score_and_by_name(browser, leaderboard):
    browser.show(leaderboard)
    browser.find("#leaderboard table th:nth-child(2) button").send_keys(Keys.ENTER)
    browser.find("#leaderboard table th:nth-child(2) button").send_keys(Keys.ENTER)
    names = browser.texts("#leaderboard table:first-of-type tbody th")
    assert names[:2] == ["second", "first"]


def test_trials_are_filtered_by_everything(browser, leaderboard):
    browser.show(leaderboard)
    count = lambda: browser.find("#count").text  # noqa: E731
    assert count() == "1 to 7 of 7 trials"
    Select(browser.find("#filter-submission")).select_by_visible_text("second")
    assert count() == "1 to 3 of 3 trials, chosen from 7"
    browser.find("#filter-attention").click()
    assert count() == "1 to 1 of 1 trials, chosen from 7"
    assert browser.texts("#trial-table tbody td:nth-child(6)") == ["stopped early"]
    browser.find("#filter-text").send_keys("nothing like this")
    assert count() == "No trial fits."
    assert not browser.complaints()


def test_a_trial_opens_with_record_evaluations_environment_and_source(browser, leaderboard):
    browser.show(leaderboard)
    browser.find("#trial-0 button").send_keys(Keys.ENTER)
    browser.wait("document.querySelector('.panel')?.dataset.ready === 'true'")
    text = browser.run("return document.querySelector('.panel').textContent")
    for part in ("Evaluations (4)", "trial.json", "environment.json", "log.txt", "Verdict code",
                 "Checks: ", "Source of the submission (2 files)", "name: first"):  # fmt: skip
        assert part in text
    assert browser.find("#trial-0 button").get_attribute("aria-expanded") == "true"
    browser.find("#trial-0 button").send_keys(Keys.ENTER)
    assert not browser.texts(".panel")


def test_links_lead_to_trials(browser, leaderboard):
    browser.show(leaderboard)
    browser.find("#filter-text").send_keys("second")
    browser.run("document.querySelector('#stopped a').click()")
    browser.wait("document.querySelector('.panel')?.dataset.ready === 'true'")
    title = browser.find(".panel h3").text
    assert title == "first, mnist, study 2, trial 2, attempt 1"
    assert browser.find("#filter-text").get_attribute("value") == ""
    browser.find("#filter-text").send_keys("second")
    browser.run("document.querySelector('#stopped a').click()")
    browser.wait("document.querySelector('.panel')?.dataset.ready === 'true'")
    assert browser.find(".panel h3").text == title


def test_lines_say_whose_they_are_and_open_their_trial(browser, leaderboard):
    browser.show(leaderboard)
    point = (
        "const line = document.querySelector('#curves-time-mnist [data-trial=\"4\"] path');"
        "line.dispatchEvent(new {event}('{name}', {{bubbles: true}}))"
    )
    browser.run(point.format(event="PointerEvent", name="pointerover"))
    words = browser.find("#curves-time-mnist .pointed").text
    assert words.startswith("second, mnist, study 1, trial 1: target reached after 6.0")
    browser.run(point.format(event="MouseEvent", name="click"))
    browser.wait("document.querySelector('.panel')?.dataset.ready === 'true'")
    assert browser.find(".panel h3").text.startswith("second, mnist, study 1, trial 1")


def test_legend_shows_a_submission_alone(browser, leaderboard):
    browser.show(leaderboard)
    browser.find('.legend [data-submission="first"]').send_keys(Keys.ENTER)
    dimmed = "figure.curves [data-trial].dim"
    assert len(browser.texts(dimmed)) == 2 * 3  # the trials of the other, against time and steps
    browser.find('.legend [data-submission="first"]').send_keys(Keys.ENTER)
    assert not browser.texts(dimmed)


def test_everything_is_reached_by_tabs_alone(browser, leaderboard):
    browser.show(leaderboard)
    reached = set()
    for _ in range(60):
        browser.driver.switch_to.active_element.send_keys(Keys.TAB)
        reached.add(browser.run(
            "const e = document.activeElement; return e.id || e.closest('[id]')?.id"
        ))  # fmt: skip
    assert {"theme", "leaderboard", "filter-text", "filter-state", "trial-table"} <= reached


def test_text_contrasts_with_its_background(browser, leaderboard):
    """Source: WCAG 2.2, 1.4.3: 4.5 to 1."""
    for theme in ("light", "dark"):
        browser.show(leaderboard, theme=theme)
        colors = browser.run(
            "return ['#trials-title', '.hint', '#verdict-title', 'dt', '.mark', 'nav a', '#count']"
            ".map((place) => getComputedStyle(document.querySelector(place)).color)"
        )
        paper = browser.run("return getComputedStyle(document.body).backgroundColor")
        assert min(_contrast(color, paper) for color in colors) >= 4.5


def test_paper_shows_all_rows_and_no_controls(browser, leaderboard):
    browser.show(leaderboard, theme="dark")
    document = browser.do("Page.printToPDF", printBackground=True)
    assert base64.b64decode(document["data"]).startswith(b"%PDF")
    browser.do("Emulation.setEmulatedMedia", media="print")
    assert not browser.find("#filters").is_displayed()
    browser.do(
        "Emulation.setDeviceMetricsOverride",
        width=718,
        height=1000,
        deviceScaleFactor=1,
        mobile=False,
    )  # A4 less the margins, at 96 dots per inch
    assert browser.run("return document.querySelector('#trial-table').scrollWidth") <= 718
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)"
    )
    browser.do("Emulation.setEmulatedMedia", media="screen")


def test_hostile_records_run_nothing(browser, tmp_path, monkeypatch):
    results, ruleset = hostile_record(tmp_path, monkeypatch)
    facts = facts_of(results.root, ruleset=str(ruleset), tuning="external", unverified=True)
    story = Story([TextTable(HOSTILE, [HOSTILE], [[HOSTILE_SCRIPT]])], (), [HOSTILE_SCRIPT])
    file = tmp_path / "hostile.html"
    file.write_text(page(facts, story), encoding="utf-8")
    browser.show(file)
    browser.find("#trial-0 button").send_keys(Keys.ENTER)
    browser.wait("document.querySelector('.panel')?.dataset.ready === 'true'")
    browser.find("#leaderboard th button").send_keys(Keys.ENTER)
    assert browser.run("return window.hacked") is None
    assert browser.run("return document.images.length") == 0
    assert escape_line(HOSTILE_SCRIPT) in browser.run(
        "return document.querySelector('.panel').textContent"
    )
    assert not browser.complaints()


def test_a_script_that_slipped_in_would_not_run(browser, leaderboard, tmp_path):
    """The policy in the page is a second wall; this breaks the first on purpose."""
    text = leaderboard.read_text(encoding="utf-8")
    file = tmp_path / "breached.html"
    file.write_text(text.replace("</main>", "<script>window.hacked = 1</script></main>"))
    browser.show(file)
    assert browser.run("return window.hacked") is None
    assert any("Content Security Policy" in line for line in browser.complaints())


@pytest.mark.slow
def test_thousands_of_trials_stay_usable(browser, tmp_path):
    """The log of a real competition: 3,654 trials that count."""
    file = tmp_path / "report.html"
    with pytest.raises(SystemExit):
        main(["report", str(COMPETITION), "--ruleset", "algoperf-0.5", "--html", str(file)])
    browser.show(file, size="phone")
    assert browser.find("#count").text == "1 to 100 of 3,654 trials"
    assert browser.run("return document.documentElement.scrollWidth") <= 390
    browser.find("#pager button:last-child").send_keys(Keys.ENTER)
    assert browser.find("#count").text == "101 to 200 of 3,654 trials"
    browser.find("#trial-table th:nth-child(7) button").send_keys(Keys.ENTER)
    first = browser.texts("#trial-table tbody tr:first-child td:nth-child(7)")
    assert float(first[0]) < 1000
    assert len(browser.texts("#trial-table tbody tr")) == 100
    assert not browser.complaints()


def _contrast(one: str, other: str) -> float:
    def luminance(color: str) -> float:
        values = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
        parts = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
