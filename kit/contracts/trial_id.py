"""The identity of a trial, and the only names that are made of it."""

from __future__ import annotations

from dataclasses import dataclass


def workload_label(workload: str, variant: str | None) -> str:
    """Return "fastmri" or "fastmri_tanh": the name of workload and variant everywhere."""
    return f"{workload}_{variant}" if variant else workload


@dataclass(frozen=True, order=True)
class TrialId:
    """Which trial: all attempts at it share this, and two results with the same one are duplicates.

    `study` and `trial` count from 1; in logs of AlgoPerf, as those count.
    """

    ruleset: str
    submission: str
    workload: str
    variant: str | None
    study: int
    trial: int

    @property
    def label(self) -> str:
        """Return "fastmri" or "fastmri_tanh"."""
        return workload_label(self.workload, self.variant)

    @property
    def folder(self) -> str:
        """Return the path below a results folder where the first attempt is recorded."""
        return folder_of(self.ruleset, self.submission, self.label, self.study, self.trial)

    def __str__(self) -> str:
        return f"{self.submission}, {self.label}, study {self.study}, trial {self.trial}"


def folder_of(ruleset: str, submission: str, label: str, study: int, trial: int) -> str:
    """Return `TrialId.folder` where only the label of workload and variant is known."""
    return f"{ruleset}/{submission}/{label}/study_{study}/trial_{trial}"
