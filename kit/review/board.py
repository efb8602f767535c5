"""The leaderboard of what a review believes: sound evidence, whatever W&B shows beside it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from kit.records.atomic import disk_errors
from kit.records.ledger import LEDGER
from kit.records.trusted_keys import TrustedKeys
from kit.review.examination import Examined, Review
from kit.scoring.reading.load import Loaded, Request, load


def place_believed(review: Review, folder: Path) -> list[Path]:
    """Copy ledgers, and the records that are believed, below `folder`; return their folders.

    Records that are left out stand in the ledgers still, so they count as missed and are named.

    Raises:
        TrialError: `folder` cannot be written.
    """
    sound = {record.report.path for record in review.records if record.sound}
    found = []
    with disk_errors(folder):
        shutil.rmtree(folder, ignore_errors=True)
        for place in review.folders:
            if not (place / LEDGER).is_file() or not any(p.parent == place for p in sound):
                continue
            (folder / place.name).mkdir(parents=True)
            shutil.copyfile(place / LEDGER, folder / place.name / LEDGER)
            for path in sorted(path for path in sound if path.parent == place):
                shutil.copytree(path, folder / place.name / path.name)
            found.append(folder / place.name)
    return found


def load_believed(
    review: Review, keys: TrustedKeys, folder: Path, *, ruleset: str | None = None
) -> Loaded | None:
    """Read what is believed, ready to be scored; None where nothing is.

    Raises:
        KitError: the records cannot be scored together, as `kit score` says.
    """
    paths = place_believed(review, folder)
    if not paths:
        return None
    request = Request(paths=paths, ruleset=ruleset, trusted=keys.public, must_trust=True)
    loaded = load(request)
    names = loaded.results.submissions
    more = {name: _remarks(name, review.records) for name in names}
    joined = {name: (*loaded.remarks.get(name, ()), *more[name]) for name in names}
    return replace(loaded, remarks=joined)


def _remarks(submission: str, records: tuple[Examined, ...]) -> list[str]:
    """Return what a submission's records count as, and whether a third party saw them run."""
    own = [r for r in records if r.sound and r.report.record
           and r.report.record.submission == submission]  # fmt: skip
    kinds = sorted({record.counts_as for record in own})
    seen = sum(record.witnessed for record in own)
    if seen == len(own):
        return [*kinds, "witnessed"]
    return [*kinds, f"self-attested ({seen} of {len(own)} witnessed)" if seen else "self-attested"]
