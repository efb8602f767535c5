"""Figures of results: one function each, facts in, a `Picture` with a matplotlib figure out.

facts = gather(loaded, board)                       # kit.report.facts
picture = performance_profiles(facts, theme=DARK)   # None where there is nothing to draw
picture.figure.savefig("profiles.png")              # or: picture.png(), picture.svg()
"""

from kit.report.figures.all import all_pictures
from kit.report.figures.curves import curves
from kit.report.figures.leaderboard import performance_profiles, scores
from kit.report.figures.picture import Picture
from kit.report.figures.schedule import schedule
from kit.report.figures.sensitivity import sensitivity
from kit.report.figures.spending import time_spent
from kit.report.figures.style import DARK, LIGHT, PAGE, Theme
from kit.report.figures.times import times_to_target

__all__ = [
    "DARK",
    "LIGHT",
    "PAGE",
    "Picture",
    "Theme",
    "all_pictures",
    "curves",
    "performance_profiles",
    "schedule",
    "scores",
    "sensitivity",
    "time_spent",
    "times_to_target",
]
