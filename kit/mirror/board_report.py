"""A report at W&B: from the claim, over figures, to signed evidence; built without a network."""

from __future__ import annotations

import hashlib
import importlib
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kit.mirror.bundle import Bundle
from kit.mirror.replay import X_AXIS, Replay

BOARD_JOB = "leaderboard"
BOARD_TYPE = "stopwatch-leaderboard"
_BOARD_FILE = "leaderboard.json"
_SHOWN_LINKS = 400  # more would make the report slow; the project's artifacts have all
_DIGITS = 16
_WIDE, _HALF, _HIGH = 24, 12, 10  # of a grid of 24 columns


@dataclass(frozen=True)
class Curves:
    """One workload, as its panels show it."""

    label: str  # "fastmri" or "fastmri_tanh"
    metric: str
    target: float
    higher_is_better: bool


@dataclass(frozen=True)
class Link:
    """One trial's evidence."""

    label: str
    run_id: str
    artifact: str  # name:alias


@dataclass(frozen=True)
class Board:
    """What a report says; `profiles` are shares by submission at the ratios `taus`."""

    title: str
    ruleset: str
    verdict: Sequence[str]
    leaderboard: str  # Markdown
    taus: Sequence[float]
    profiles: Mapping[str, Sequence[float]]
    workloads: Sequence[Curves]
    links: Sequence[Link]

    @property
    def digest(self) -> str:
        """Return what identifies the leaderboard's numbers."""
        content = json.dumps([self.title, self.leaderboard, list(self.taus), self._columns()])
        return hashlib.sha256(content.encode()).hexdigest()[:_DIGITS]

    def _columns(self) -> dict[str, list[float]]:
        return {name: list(shares) for name, shares in sorted(self.profiles.items())}

    def replay(self) -> Replay:
        """Return the run whose history is the performance profiles: panels draw runs."""
        content = json.dumps(
            {"title": self.title, "taus": list(self.taus), "profiles": self._columns()},
            indent=2,
            sort_keys=True,
        )
        rows = [
            {"tau": tau, **{f"profile/{n}": v[i] for n, v in sorted(self.profiles.items())}}
            for i, tau in enumerate(self.taus)
        ]
        name = f"{BOARD_JOB}-{self.digest}"
        bundle = Bundle(
            name=name,
            type=BOARD_TYPE,
            alias="current",
            description="Performance profiles, drawn by the report. Nobody signed this.",
            metadata={},
            files={_BOARD_FILE: content.encode()},
        )
        return Replay(
            run_id=name,
            name=self.title,
            group=BOARD_JOB,
            job_type=BOARD_JOB,
            tags=["derived"],
            config={"leaderboard": self.digest},
            summary={},
            bundle=bundle,
            rows=rows,
        )


def build_report(board: Board, *, entity: str, project: str, app_url: str) -> Any:
    """Return the report; nothing is asked of a server.

    Args:
        board: what it says.
        entity: whose project it is.
        project: where the runs are that its panels show.
        app_url: where W&B's pages are, for links.
    """
    v2 = _reports()
    check = f"Do not believe this page; check it: `kit review {entity}/{project}`."
    blocks: list[Any] = [
        v2.MarkdownBlock(text="\n\n".join([*board.verdict, check])),
        v2.MarkdownBlock(text=board.leaderboard),
    ]
    if board.taus:
        blocks += [v2.H2(text="Performance profiles"), _profiles(board)]
    for curves in board.workloads:
        blocks += [v2.H2(text=curves.label), _workload(board, curves)]
    blocks += [v2.H2(text="All trials, compared"), _comparer(board)]
    blocks += [
        v2.H2(text="Evidence"),
        v2.MarkdownBlock(text=_links(board, f"{app_url}/{entity}/{project}")),
    ]
    return v2.Report(
        entity=entity,
        project=project,
        title=board.title,
        description=f"Made from signed records by kit report. Leaderboard {board.digest}.",
        blocks=blocks,
        width="fluid",
    )


def specification(report: Any) -> dict[str, Any]:
    """Return a report as plain JSON, the same for the same report.

    The SDK draws names of panels and run sets at random; they are replaced by names from their
    places.
    """
    model = report._to_model()
    spec = json.loads(model.spec.model_dump_json(by_alias=True, exclude_none=True))
    named = _with_steady_names(spec, "")
    return {
        "title": report.title,
        "description": report.description,
        "entity": report.entity,
        "project": report.project,
        "spec": named,
    }


def _with_steady_names(value: Any, place: str) -> Any:
    if isinstance(value, list):
        return [_with_steady_names(item, f"{place}/{i}") for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    made = {key: _with_steady_names(item, f"{place}/{key}") for key, item in value.items()}
    for key in ("id", "__id__", "ref"):
        if isinstance(made.get(key), str) and made[key]:
            made[key] = hashlib.sha256(f"{place}/{key}".encode()).hexdigest()[:12]
    return made


def _reports() -> Any:
    """Return the SDK of reports, whose names its own types do not tell; it takes a second."""
    with warnings.catch_warnings():  # of pydantic, about the SDK's own validators
        warnings.simplefilter("ignore", DeprecationWarning)
        return importlib.import_module("wandb_workspaces.reports.v2")


def _where() -> Any:
    _reports()
    return importlib.import_module("wandb_workspaces.expr")


def _trials(board: Board, **more: str) -> Any:
    v2, where = _reports(), _where()
    wanted = {"ruleset": board.ruleset, **more}
    return v2.Runset(
        name="Trials",
        filters=where.And(*(where.Config(name) == value for name, value in wanted.items())),
        order=[v2.OrderBy(v2.SummaryMetric("time_to_target_seconds"), ascending=True)],
    )


def _profiles(board: Board) -> Any:
    v2, where = _reports(), _where()
    panel = v2.LinePlot(
        title="Share of workloads within τ times the fastest",
        x=v2.Metric("tau"),
        y=[v2.Metric(f"profile/{name}") for name in sorted(board.profiles)],
        title_x="τ, ratio to the fastest (1 = fastest)",
        title_y="share of workloads",
        range_y=(0, 1),
        layout=v2.Layout(x=0, y=0, w=_WIDE, h=_HIGH),
    )
    runs = v2.Runset(
        name="Leaderboard", filters=where.And(where.Config("leaderboard") == board.digest)
    )
    return v2.PanelGrid(runsets=[runs], panels=[panel])


def _workload(board: Board, curves: Curves) -> Any:
    v2 = _reports()
    better = "≥" if curves.higher_is_better else "≤"
    name = f"validation/{curves.metric}"
    target = f"target {better} {curves.target:g}"
    panels = [
        v2.LinePlot(
            title=f"{name} against submission time; {target}",
            x=v2.Metric(X_AXIS),
            y=[v2.Metric(name)],
            title_x="submission time (s)",
            title_y=curves.metric,
            groupby=v2.Config("submission"),
            layout=v2.Layout(x=0, y=0, w=_HALF, h=_HIGH),
        ),
        v2.LinePlot(
            title=f"{name} against reported steps; {target}",
            x=v2.Metric("step"),
            y=[v2.Metric(name)],
            title_x="training steps, as the trainer reports them",
            title_y=curves.metric,
            groupby=v2.Config("submission"),
            layout=v2.Layout(x=_HALF, y=0, w=_HALF, h=_HIGH),
        ),
        v2.BarPlot(
            title="Time to target (s); a miss has no bar",
            metrics=[v2.SummaryMetric("time_to_target_seconds")],
            title_x="seconds",
            layout=v2.Layout(x=0, y=_HIGH, w=_WIDE, h=_HIGH),
        ),
    ]
    return v2.PanelGrid(runsets=[_trials(board, workload_label=curves.label)], panels=panels)


def _comparer(board: Board) -> Any:
    v2 = _reports()
    layout = v2.Layout(x=0, y=0, w=_WIDE, h=2 * _HIGH)
    panel = v2.RunComparer(diff_only="split", layout=layout)
    return v2.PanelGrid(runsets=[_trials(board)], panels=[panel])


def _links(board: Board, base: str) -> str:
    return "\n".join(_link_lines(board, base)) or "There is no trial."


def _link_lines(board: Board, base: str) -> Iterator[str]:
    for link in board.links[:_SHOWN_LINKS]:
        name, _, alias = link.artifact.partition(":")
        evidence = f"{base}/artifacts/stopwatch-evidence/{name}/{alias}"
        yield f"- {link.label}: [run]({base}/runs/{link.run_id}), [evidence {alias}]({evidence})"
    if len(board.links) > _SHOWN_LINKS:
        rest = len(board.links) - _SHOWN_LINKS
        yield f"- … and {rest} more: [all evidence]({base}/artifacts/stopwatch-evidence)"
