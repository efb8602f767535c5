"""Which versions of artifacts are the signed ones: ledgers, and records by their runs' ids."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kit.errors import KitError
from kit.mirror.bundle import ledger_bundle, ledger_name
from kit.records.attestation import open_envelope, verdict_code
from kit.records.chain import Chain, verify_chain
from kit.records.files import ATTESTATION, ATTESTED, read_regular
from kit.records.findings import Finding
from kit.records.ledger import LEDGER
from kit.review.copies import VersionCopy

EVIDENCE_PREFIX = "evidence-"
_RUN_ID = re.compile(r"sw-[0-9a-f]{32}")
_LEDGER_NAME = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class LedgerCopy:
    """The longest sound version of a ledger."""

    name: str
    chain: Chain
    versions: tuple[Chain, ...]  # all that are sound, each with a run of its own


def run_id_of(envelope_sha256: str) -> str:
    """Return the id of the run of a record, given the digest of its attestation."""
    return f"sw-{envelope_sha256[:32]}"


def pick_record(
    collection: str, versions: Sequence[VersionCopy]
) -> tuple[Path | None, list[Finding]]:
    """Return the folder of the record that a collection is named after, and what is wrong."""
    run_id = collection.removeprefix(EVIDENCE_PREFIX)
    found = [Finding("evidence", "problem", v.name, f"It {v.problem}.") for v in versions
             if v.problem]  # fmt: skip
    if not _RUN_ID.fullmatch(run_id):
        text = "This is not named after a signed record, so nothing vouches for it."
        return None, [*found, Finding("evidence", "problem", collection, text)]
    signed = [v for v in versions if v.files and _named(v.files) == run_id]
    if not signed:
        text = "No version holds the signed attestation that its name is the digest of."
        return None, [*found, Finding("evidence", "problem", collection, text)]
    chosen = next((v for v in reversed(signed) if v.files and _intact(v.files)), signed[-1])
    assert chosen.files is not None
    good = [v for v in signed if v.files and _intact(v.files)]
    found += _about_aliases(collection, versions, chosen, good)
    for version in versions:
        if version not in good and version is not chosen and not version.problem:
            text = "This version holds other files than were signed; another one holds those."
            found.append(Finding("evidence", "note", version.name, text))
    return chosen.files, found


def _about_aliases(
    collection: str,
    versions: Sequence[VersionCopy],
    chosen: VersionCopy,
    good: Sequence[VersionCopy],
) -> list[Finding]:
    assert chosen.files is not None
    alias = verdict_code(read_regular(chosen.files / ATTESTATION))
    holders = [v for v in versions if alias in v.aliases]
    if not holders:
        others = ", ".join(map(ascii, sorted(chosen.aliases - {"latest"}))) or "none"
        text = f"The alias {alias}, its verdict code, is missing at W&B; aliases there: {others}."
        return [Finding("alias", "problem", collection, text)]
    if not any(holder in good for holder in holders) and good:
        text = (
            f"The alias {alias} was moved to {holders[0].name}, whose files are not the signed "
            f"ones; those are in {good[-1].name}."
        )
        return [Finding("alias", "problem", collection, text)]
    return [Finding("alias", "ok", collection, f"The alias {alias} is where it belongs.")]


def pick_ledgers(
    collections: Mapping[str, Sequence[VersionCopy]],
) -> tuple[list[LedgerCopy], list[Finding]]:
    """Return all ledgers of a project, and what is wrong with their versions."""
    ledgers, found = [], []
    for collection, versions in collections.items():
        sound: list[Chain] = []
        for version in versions:
            chain, problems = _ledger_version(collection, version)
            found += [Finding("ledger", "problem", version.name, text) for text in problems]
            sound += [chain] if chain else []
        if not sound:
            text = "No version of this ledger is sound, so what rests on it does not count."
            found.append(Finding("ledger", "problem", collection, text))
            continue
        longest = max(sound, key=lambda chain: len(chain.entries))
        found += [
            Finding("ledger", "problem", collection, text)
            for chain in sound
            if (text := _fork(chain, longest))
        ]
        ledgers.append(LedgerCopy(ledger_name(longest), longest, tuple(sound)))
    return ledgers, found


def _ledger_version(collection: str, version: VersionCopy) -> tuple[Chain | None, list[str]]:
    """Return a version's chain where it is sound, and what is wrong with it."""
    if version.files is None:
        return None, [f"It {version.problem}."]
    chain = verify_chain(version.files / LEDGER)
    if chain.problem:
        return None, [f"The chain is not sound: {chain.problem}."]
    problems = []
    bundle = ledger_bundle(chain)
    if bundle.name != collection or not _LEDGER_NAME.fullmatch(ledger_name(chain)):
        return None, [f"It holds another ledger, {ledger_name(chain)!a}."]
    if bundle.alias not in version.aliases:
        others = ", ".join(map(ascii, sorted(version.aliases - {"latest"}))) or "none"
        problems.append(
            f"The alias {bundle.alias} of its head is missing at W&B; aliases there: {others}."
        )
    return chain, problems


def _fork(chain: Chain, longest: Chain) -> str:
    """Say so when a version is no beginning of the longest one."""
    last = len(chain.entries)
    if chain.entries[-1].sha256 == longest.entries[last - 1].sha256:
        return ""
    return (
        f"The ledger was rewritten: versions with {last} and {len(longest.entries)} entries tell "
        "different histories."
    )


def _named(folder: Path) -> str:
    try:
        return run_id_of(hashlib.sha256(read_regular(folder / ATTESTATION)).hexdigest())
    except KitError:
        return ""


def _intact(folder: Path) -> bool:
    """Tell whether all files of a record are as they were signed."""
    try:
        digests = open_envelope(read_regular(folder / ATTESTATION)).digests
        found = {n: hashlib.sha256(read_regular(folder / n)).hexdigest() for n in ATTESTED}
    except KitError:
        return False
    return found == digests
