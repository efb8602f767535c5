"""`kit report --wandb` and `--spec`: what is scored, as a report at W&B."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kit.errors import NotAvailable

if TYPE_CHECKING:
    from kit.cli.score_page import Scored
    from kit.mirror.board_report import Board, Curves, Link
    from kit.records.findings import VerificationReport

_APP = "https://wandb.ai"
_BEYOND = 1.05  # a profile's last step is seen when the axis goes on a little


def write_wandb(
    scored: Scored, reports: Sequence[VerificationReport], options: dict[str, Any]
) -> list[str]:
    """Write the specification of a W&B report, send the report, or both; return what was made.

    Args:
        scored: the leaderboard.
        reports: of the verification of its records.
        options: "spec_file" (a path or None), "to_wandb", "entity", "project", "key_file",
            "timeout".

    Raises:
        NotAvailable: a package is not installed.
        UploadFailed: W&B does not answer, or does not take it.
    """
    from importlib.util import find_spec

    from kit.cli.wandb_access import read_key
    from kit.mirror.board_report import build_report, specification
    from kit.mirror.project import Destination
    from kit.mirror.report_upload import save_report
    from kit.records.atomic import write_atomic

    if find_spec("wandb_workspaces") is None:
        raise NotAvailable(
            "The package wandb-workspaces is not installed. Run `make setup`: it installs what is "
            "locked."
        )
    board, made = board_of(scored, reports), []
    entity, project = options["entity"], options["project"]
    if spec_file := options["spec_file"]:
        base = os.environ.get("WANDB_BASE_URL", _APP).replace("https://api.", "https://")
        report = build_report(board, entity=entity or "entity", project=project, app_url=base)
        text = json.dumps(specification(report), indent=2, sort_keys=True, ensure_ascii=False)
        write_atomic(spec_file, text.encode("utf-8") + b"\n")
        made.append(str(spec_file))
    if options["to_wandb"]:
        key = read_key(options["key_file"])
        made.append(
            save_report(board, Destination(entity, project, options["timeout"], api_key=key))
        )
    return made


def board_of(scored: Scored, reports: Sequence[VerificationReport]) -> Board:
    """Return what a report says about a leaderboard."""
    from kit.cli.score_page import page_of
    from kit.mirror.board_report import Board

    standings = scored.board.standings
    finite = sorted({t for line in standings for t in line.profile.tau if np.isfinite(t)})
    taus = [*finite, finite[-1] * _BEYOND] if finite else []
    profiles = {
        line.submission: [_share(line.profile.tau, line.profile.share, tau) for tau in taus]
        for line in standings
    }
    ruleset = scored.loaded.ruleset.name
    return Board(
        title=f"Stopwatch: {ruleset}, {scored.loaded.tuning}",
        ruleset=ruleset,
        verdict=_verdict(scored, reports),
        leaderboard=page_of(scored).markdown(),
        taus=taus,
        profiles=profiles,
        workloads=_workloads(reports),
        links=_links(reports),
    )


def _share(taus: Sequence[float], shares: Sequence[float], tau: float) -> float:
    """Return the height of a step function at `tau`."""
    reached = [share for at, share in zip(taus, shares, strict=True) if at <= tau]
    return float(reached[-1]) if reached else 0.0


def _verdict(scored: Scored, reports: Sequence[VerificationReport]) -> list[str]:
    records = [report.record for report in reports if report.record]
    bad = sum(not report.ok for report in reports)
    official = sum(record.official for record in records)
    levels = ", ".join(sorted({record.isolation for record in records})) or "none"
    keys = sorted({report.signer.key.key_id[:16] for report in reports if report.signer})
    verified = scored.loaded.verified and not bad
    return [
        f"**{'Verified' if verified else 'UNVERIFIED'}**: {len(reports) - bad} of {len(reports)} "
        "records are as they were signed.",
        f"Official: {official} of {len(records)}. Isolation: {levels}. Signed by: "
        f"{', '.join(keys) or 'nobody'}.",
    ]


def _workloads(reports: Sequence[VerificationReport]) -> list[Curves]:
    from kit.mirror.board_report import Curves

    found = {}
    for report in reports:
        if report.record:
            target = report.record.rules.target
            found[report.record.id.label] = Curves(
                report.record.id.label,
                target.metric,
                target.validation,
                target.higher_is_better,
            )
    return [found[label] for label in sorted(found)]


def _links(reports: Sequence[VerificationReport]) -> list[Link]:
    from kit.mirror.board_report import Link

    found = []
    for report in reports:
        record = report.record
        if record is None or not report.ok or report.envelope_sha256 is None:
            continue
        run_id = f"sw-{report.envelope_sha256[:32]}"
        label = f"{record.submission}, {record.id.label}, {record.study}.{record.trial}"
        label += f" attempt {record.attempt}" if record.attempt > 1 else ""
        found.append(Link(label, run_id, f"evidence-{run_id}:{report.verdict_code}"))
    return sorted(found, key=lambda link: (link.label, link.run_id))
