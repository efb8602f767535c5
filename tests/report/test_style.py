"""Figures for everybody: contrast, colour-blind readers, no two submissions alike."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from kit.report.figures import DARK, LIGHT
from kit.report.figures.style import BACKGROUND_LINES, HATCHES, series_style, shown

# Source: Machado, Oliveira and Fernandes 2009, table 1, severity 1.0, on linear RGB.
VISION = {
    "full": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
themes = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)


def linear(color: str) -> np.ndarray:
    rgb = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """Source: WCAG 2.2, contrast ratio."""
    low, high = sorted(float(linear(color) @ TO_XYZ[1]) for color in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(color: str, vision: np.ndarray) -> np.ndarray:
    xyz = TO_XYZ @ np.clip(vision @ linear(color), 0, 1) / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@themes
def test_everything_contrasts_with_its_paper(theme):
    assert min(contrast(color, theme.paper) for color in theme.series) >= 3
    assert contrast(BACKGROUND_LINES, theme.paper) >= 3
    assert contrast(theme.ink, theme.paper) >= 7
    assert contrast(theme.muted, theme.paper) >= 4.5


@themes
@pytest.mark.parametrize("vision", VISION.values(), ids=VISION)
def test_colors_differ_for_every_reader(theme, vision):
    pairs = itertools.combinations(theme.series, 2)
    assert min(np.linalg.norm(lab(a, vision) - lab(b, vision)) for a, b in pairs) >= 15


def test_no_two_submissions_look_alike_and_color_is_never_alone():
    styles = [series_style(number, LIGHT) for number in range(140)]
    assert len({(s.color, str(s.dashes), s.marker) for s in styles}) == 140
    near = styles[:7]
    assert len({s.color for s in near}) == 7
    alike = [(a, b) for a, b in itertools.pairwise(styles) if a.dashes == b.dashes]
    assert not alike
    assert len(set(HATCHES)) == len(LIGHT.series) == len(DARK.series)


def test_text_of_anyone_is_one_line_without_control_characters():
    assert shown("a\nb\x1b[31m\u202e") == "a b\\x1b[31m\\u202e"
    assert shown("x" * 100, 10) == "x" * 9 + "…"
