"""The files of a record: written together, signed, never overwritten; read strictly."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import secrets
import shutil
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from kit.errors import InvalidFile, TrialError, VerificationError
from kit.records.archive import MAX_ARCHIVE_BYTES, pack
from kit.records.atomic import disk_errors, sync_folder, write_new
from kit.records.attestation import attest, verdict_code
from kit.records.evaluations import decode_evaluations, encode_evaluations
from kit.records.ledger_entry import Identification, first_error
from kit.records.record import Evaluation, TrialRecord
from kit.records.signing import SigningKey

TRIAL = "trial.json"
EVALUATIONS = "evaluations.csv"
LOG = "log.txt"
ENVIRONMENT = "environment.json"
SUBMISSION = "submission.tar.gz"
ATTESTATION = "attestation.json"
ATTESTED = (TRIAL, EVALUATIONS, LOG, ENVIRONMENT, SUBMISSION)
MAX_BYTES = {TRIAL: 1 << 25, EVALUATIONS: 1 << 25, LOG: 1 << 25, ENVIRONMENT: 1 << 24,
             SUBMISSION: MAX_ARCHIVE_BYTES, ATTESTATION: 1 << 20}  # fmt: skip
MAX_OTHER_BYTES = 1 << 28  # a ledger above all; nothing larger is read
UNFINISHED = ".writing"  # ending of a folder that a kill left behind


@dataclass(frozen=True)
class WrittenRecord:
    """Where a record lies and how it is known."""

    folder: Path
    verdict_code: str
    envelope_sha256: str


def write_record(
    folder: Path,
    *,
    record: TrialRecord,
    evaluations: Sequence[Evaluation],
    environment: Mapping[str, Any],
    log: bytes,
    source: Mapping[str, bytes],
    key: SigningKey,
    ledger_head: str,
) -> WrittenRecord:
    """Write and sign the files of a trial; `folder` appears complete, or not at all.

    Args:
        folder: must not exist.
        record: the content of `trial.json`.
        evaluations: the rows of `evaluations.csv`.
        environment: the content of `environment.json`; numbers that are not finite become text.
        log: the content of `log.txt`.
        source: the files of the submission, by path in its folder.
        key: signs.
        ledger_head: digest of the ledger's last entry, after the start of this trial.

    Raises:
        TrialError: the folder exists, the disk is full, or the folder cannot be written.
    """
    if os.path.lexists(folder):
        raise _exists(folder)
    try:
        archive = pack(source)
    except ValueError as error:
        raise TrialError(f"Cannot archive the submission {record.submission!r}: {error}.") from None
    files = {
        TRIAL: encode_record(record),
        EVALUATIONS: encode_evaluations(evaluations),
        LOG: log,
        ENVIRONMENT: _json(environment, sort_keys=True),
        SUBMISSION: archive,
    }
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    envelope = attest(digests, predicate_of(record, ledger_head), key)
    _write_folder(folder, {**files, ATTESTATION: envelope})
    return WrittenRecord(folder, verdict_code(envelope), hashlib.sha256(envelope).hexdigest())


def read_record(folder: Path) -> tuple[TrialRecord, list[Evaluation]]:
    """Read `trial.json` and `evaluations.csv`; digests and signature are not checked.

    Raises:
        InvalidFile: a file is missing, or is not exactly what the kit writes.
    """
    record = decode_record(read_file(folder / TRIAL), folder / TRIAL)
    path = folder / EVALUATIONS
    try:
        return record, decode_evaluations(read_file(path))
    except ValueError as error:
        raise InvalidFile(f"{path}: {error}. Restore the file from a copy.") from None


def encode_record(record: TrialRecord) -> bytes:
    """Return the bytes of `trial.json`."""
    return _json(record)


def decode_record(data: bytes, path: Path) -> TrialRecord:
    """Parse `trial.json`, which messages call `path`.

    Raises:
        InvalidFile: it is not exactly what `encode_record` writes; names the field.
    """
    try:
        content = json.loads(data)
        _check_known_format(content, path)
        record = TrialRecord.model_validate(content)
        is_as_written = encode_record(record) == data
    except ValidationError as error:
        raise InvalidFile(f"{path}: {first_error(error)}. Restore the file from a copy.") from None
    except (ValueError, RecursionError) as error:
        raise InvalidFile(f"{path}: not JSON: {error}. Restore the file from a copy.") from None
    if not is_as_written:
        raise InvalidFile(
            f"{path}: not in the form the kit writes (order, spaces or number format differ). "
            "Restore the file from a copy."
        )
    return record


def _check_known_format(content: Any, path: Path) -> None:
    stated = content.get("format") if isinstance(content, dict) else None
    known: tuple[str, ...] = get_args(TrialRecord.model_fields["format"].annotation)
    match = re.fullmatch(r"stopwatch/trial/([1-9][0-9]{0,8})", str(stated))
    if match and stated not in known:
        raise InvalidFile(
            f"{path}: format: written by a newer kit. This one reads {', '.join(known)}. "
            f"Received: {stated!r}. Update the kit."
        )


def predicate_of(record: TrialRecord, ledger_head: str) -> dict[str, str]:
    """Return what the attestation states besides digests and key: text only."""
    identification = Identification.of(record).model_dump()
    return {
        **{name: str(value) for name, value in identification.items()},
        "state": record.state.value,
        "official": str(record.official).lower(),
        "started_at": record.started_at,
        "ended_at": record.ended_at,
        "kit_version": record.kit_version,
        "ledger_head": ledger_head,
    }


def _write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(6)}{UNFINISHED}")
    with disk_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with disk_errors(folder):
            temporary.mkdir()
            for name, content in files.items():
                write_new(temporary / name, content)
            sync_folder(temporary)
        try:
            temporary.rename(folder)
        except OSError:
            if os.path.lexists(folder):
                raise _exists(folder) from None
            raise
        with disk_errors(folder):
            sync_folder(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _exists(folder: Path) -> TrialError:
    return TrialError(
        f"{folder} exists already, and evidence is never overwritten. Choose another trial or "
        "study, or move that folder away."
    )


def read_regular(path: Path) -> bytes:
    """Return a file's content.

    Raises:
        VerificationError: it is a link, a device, a folder, too large, or cannot be read.
    """
    limit = MAX_BYTES.get(path.name, MAX_OTHER_BYTES)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise VerificationError("This is not a regular file.")
            content = file.read(limit + 1) if status.st_size <= limit else b""
    except OSError as error:
        if not path.is_symlink():
            raise VerificationError(f"The file cannot be read: {error.strerror}.") from None
        raise VerificationError("This is a symbolic link, not a file of its own.") from None
    if max(len(content), status.st_size) > limit:
        raise VerificationError(f"The file is larger than {limit:,} bytes, so it was not read.")
    return content


def read_file(path: Path) -> bytes:
    """Return a file's content, as `read_regular` does; the error names the file.

    Raises:
        InvalidFile: see there.
    """
    try:
        return read_regular(path)
    except VerificationError as error:
        raise InvalidFile(f"{path}: {error} Restore the file from a copy.") from None


def _json(value: Any, *, sort_keys: bool = False) -> bytes:
    text = json.dumps(_finite(value), indent=2, sort_keys=sort_keys, allow_nan=False)
    return text.encode("ascii") + b"\n"


def _finite(value: Any) -> Any:
    """Return plain JSON; a number that is not finite becomes "nan", "inf" or "-inf"."""
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
