"""What a killed run left open: a record on the disk whose end the ledger does not know yet."""

from __future__ import annotations

from pathlib import Path

from kit.errors import KitError
from kit.records.attestation import open_envelope
from kit.records.files import ATTESTATION, read_record, read_regular
from kit.records.ledger import Ledger
from kit.records.ledger_entry import Entry, Identification
from kit.records.signing import SigningKey


def enter_missing_end(folder: Path, ledger: Ledger, key: SigningKey) -> Entry | None:
    """Enter the end of the trial recorded in `folder`, where a kill came between record and entry.

    Returns:
        The new entry; None when there is no sound record of this key, or nothing is missing.
    """
    try:
        record, _ = read_record(folder)
        attestation = open_envelope(read_regular(folder / ATTESTATION))
    except (KitError, OSError):
        return None
    which = Identification.of(record)
    open_attempts = [a for a in ledger.attempts(which) if a.end is None]
    if attestation.key.hex != key.public.hex or which not in [
        attempt.identification for attempt in open_attempts
    ]:
        return None
    return ledger.end(which, record.state, attestation.envelope_sha256, key)
