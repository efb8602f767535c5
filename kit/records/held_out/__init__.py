"""Held-out variants by commit and reveal: signed statements, and what they prove together."""

from kit.records.held_out.conditions import Organiser
from kit.records.held_out.examination import Examination, examine
from kit.records.held_out.public_folder import default_folder, read_public_folder
from kit.records.held_out.revealed import Revealed, load_reveal
from kit.records.held_out.steps import commit, freeze, reveal

__all__ = [
    "Examination",
    "Organiser",
    "Revealed",
    "commit",
    "default_folder",
    "examine",
    "freeze",
    "load_reveal",
    "read_public_folder",
    "reveal",
]
