"""The published procedure from a question to its files: what is checked, run and written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit import paths
from kit.calibration.campaign import Campaign, RunTrials
from kit.calibration.circumstances import circumstances
from kit.calibration.derived import Steps
from kit.calibration.document import Answer, Question, as_dict, encode
from kit.calibration.fragment import fragment
from kit.calibration.runs import CalibrationRun
from kit.calibration.setting import DOCUMENT, Setting, read_setting
from kit.calibration.spaces import draw, load_spaces, space_of
from kit.calibration.targets import best_run, budget, targets
from kit.records.atomic import write_atomic
from kit.records.signing import load_or_create_key
from kit.rules.availability import workload_rules
from kit.rules.ruleset import Ruleset, load_ruleset
from kit.rules.submission import Submission, load_submission
from kit.schema.strict_yaml import read_bytes

FRAGMENT = "fragment.yaml"


@dataclass(frozen=True)
class Asked:
    """What the user asked for, in the words of the options."""

    workload: str
    variant: str | None
    ruleset: str
    submissions: tuple[str, ...]
    trials: int
    seeds: int
    steps: int | None
    evaluations: int
    slack: float
    spaces: Path
    setting: Path | None
    output: Path | None


@dataclass(frozen=True)
class Tuned:
    """A submission to tune, and the points to try."""

    submission: Submission
    points: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Prepared:
    """A request that was checked, before anything runs."""

    campaign: Campaign
    question: Question
    tuned: tuple[Tuned, ...]  # none where the setting is given
    setting: Setting | None

    def carry_out(self, run: RunTrials) -> Answer | None:
        """Run what is still owed and return what follows; None where a signal ended it.

        Raises:
            TrialError: so many runs failed that nothing follows.
        """
        higher = self.question.higher_is_better
        tuning: list[CalibrationRun] = []
        for tuned in self.tuned:
            runs = self.campaign.tune(tuned.submission, tuned.points, run)
            if runs is None:
                return None
            tuning += runs
        best = self._given() or best_run(tuning, higher_is_better=higher)
        submission = self._submission(best.submission)
        repetitions = self.campaign.repeat(
            submission, best.hyperparameters, self.question.seeds, run
        )
        if repetitions is None:
            return None
        return Answer(
            setting=best,
            tuning=tuple(tuning),
            repetitions=tuple(repetitions),
            targets=targets(repetitions, higher_is_better=higher),
            budget=budget(repetitions, steps=self.question.steps.total, slack=self.question.slack),
            circumstances=circumstances([*tuning, *repetitions], self.campaign.output),
        )

    def write(self, answer: Answer) -> dict[str, Any]:
        """Write calibration.json and the fragment; return the content of the first."""
        content = as_dict(self.question, answer)
        document = encode(content)
        digest = hashlib.sha256(document).hexdigest()
        text = fragment(self.question, answer, document_sha256=digest)
        write_atomic(self.campaign.output / DOCUMENT, document)
        write_atomic(self.campaign.output / FRAGMENT, text.encode("utf-8"))
        return content

    def _given(self) -> CalibrationRun | None:
        if self.setting is None:
            return None
        return CalibrationRun(self.setting.submission, 0, self.setting.hyperparameters, None)

    def _submission(self, name: str) -> Submission:
        for tuned in self.tuned:
            if tuned.submission.name == name:
                return tuned.submission
        return load_submission(name, self.campaign.ruleset.submission_limits)


def prepare(asked: Asked) -> Prepared:
    """Check everything that the user may have got wrong; nothing runs yet.

    Raises:
        UsageError: what has to be changed, in one line.
    """
    ruleset = load_ruleset(asked.ruleset)
    rules = workload_rules(ruleset, asked.workload, asked.variant)
    setting = read_setting(asked.setting) if asked.setting is not None else None
    tuned = _tuned(asked, ruleset) if setting is None else ()
    if setting is not None:
        _load(setting.submission, asked, ruleset)
    spaces = f"{asked.spaces.name}, sha256 {_digest(asked.spaces)}" if setting is None else ""
    question = Question(
        ruleset=ruleset.name,
        ruleset_sha256=ruleset.sha256,
        scale=ruleset.scale,
        workload=asked.workload,
        variant=asked.variant,
        metric=rules.target.metric,
        higher_is_better=rules.target.higher_is_better,
        scored=rules.scored,
        steps=Steps.spaced(asked.steps or rules.step_hint, asked.evaluations),
        seeds=asked.seeds,
        slack=asked.slack,
        trials=asked.trials if setting is None else 0,
        submissions=tuple(t.submission.name for t in tuned),
        spaces=spaces,
        setting_from=setting.source if setting else None,
    )
    output = asked.output or paths.PROJECT / "calibrations" / ruleset.name / question.label
    campaign = Campaign(
        ruleset=ruleset,
        workload=asked.workload,
        variant=asked.variant,
        steps=question.steps,
        output=output.absolute(),
        key=load_or_create_key(paths.config_root()),
    )
    return Prepared(campaign, question, tuned, setting)


def _tuned(asked: Asked, ruleset: Ruleset) -> tuple[Tuned, ...]:
    spaces = load_spaces(asked.spaces)
    found = []
    for name in asked.submissions:
        submission = _load(name, asked, ruleset)
        space = space_of(spaces, submission, scale=ruleset.scale, path=asked.spaces)
        found.append(Tuned(submission, tuple(draw(space, asked.trials))))
    return tuple(found)


def _load(name: str, asked: Asked, ruleset: Ruleset) -> Submission:
    """Return a submission that can train the workload."""
    submission = load_submission(name, ruleset.submission_limits)
    submission.batch_size(ruleset.scale, asked.workload, asked.variant)  # or refused now
    return submission


def _digest(path: Path) -> str:
    return hashlib.sha256(read_bytes(path)).hexdigest()
