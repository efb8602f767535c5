"""One line of the ledger: what it may say, how it is chained and signed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kit.contracts.trial_id import folder_of
from kit.records.record import IsolationLevel, TrialRecord, TrialState
from kit.records.signing import PublicKey, SigningKey
from kit.schema import canonical
from kit.schema.values import Count, Label, Name, Number, Sha256, UtcTime

GENESIS = "0" * 64  # what the first line gives as the previous one
LEDGER_FORMAT = 2  # of entries that are made now
_CONTEXT = b"stopwatch/ledger-entry/1\n"  # so that no other signature of the key fits a line

Kind = Literal["genesis", "study", "start", "clock", "end"]


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Identification(_Schema):
    """Which attempt an entry is about; the body of a `clock`."""

    ruleset: Name
    ruleset_sha256: Sha256
    workload_label: Label
    submission: Name
    submission_sha256: Sha256
    study: Number
    trial: Number
    attempt: Number
    seed_commitment: Sha256
    isolation: IsolationLevel

    @classmethod
    def of(cls, record: TrialRecord) -> Identification:
        """Return the identification of a recorded attempt."""
        return cls(
            ruleset=record.rules.ruleset,
            ruleset_sha256=record.rules.ruleset_sha256,
            workload_label=record.id.label,
            submission=record.submission,
            submission_sha256=record.submission_sha256,
            study=record.study,
            trial=record.trial,
            attempt=record.attempt,
            seed_commitment=record.seeds.commitment,
            isolation=record.isolation,
        )

    @property
    def folder(self) -> str:
        """Return `TrialId.folder`, which all attempts at one trial share."""
        return folder_of(self.ruleset, self.submission, self.workload_label, self.study, self.trial)

    @property
    def trial_words(self) -> str:
        """Return the trial in words, as `str` of its `TrialId` does."""
        return f"{self.submission}, {self.workload_label}, study {self.study}, trial {self.trial}"

    def __str__(self) -> str:
        return f"{self.ruleset}: {self.trial_words}, attempt {self.attempt}"


class GenesisBody(_Schema):
    """The first entry: a random name that no other ledger has."""

    ledger: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class StudyBody(_Schema):
    """The commitment to a study's secret, entered before its first trial."""

    ruleset: Name
    submission: Name
    study: Number
    commitment: Sha256


class StartBody(Identification):
    """An attempt starts. From format 2 on, a `clock` entry follows when its clock does."""

    format: Literal[2] | None = None  # older ledgers have no such field, and no `clock` entries


class EndBody(Identification):
    """How an attempt ended, and the digest of its attestation; null when nothing was recorded."""

    state: TrialState
    envelope_sha256: Sha256 | None


_BODIES: Mapping[str, type[_Schema]] = {
    "genesis": GenesisBody,
    "study": StudyBody,
    "start": StartBody,
    "clock": Identification,
    "end": EndBody,
}


class Entry(BaseModel):
    """One line, as parsed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    index: Count
    previous: Sha256  # sha256 of the previous line, its newline included
    time: UtcTime
    kind: Kind
    body: dict[str, Any]
    key_id: Sha256
    public_key: Sha256  # 32 bytes in hexadecimal
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]

    @property
    def line(self) -> bytes:
        """Return the line as it lies in the file."""
        return canonical.encode(self.model_dump()) + b"\n"

    @property
    def sha256(self) -> str:
        """Return the digest that the next entry names as previous."""
        return hashlib.sha256(self.line).hexdigest()

    @property
    def identification(self) -> Identification:
        """Return which attempt a `start`, `clock` or `end` is about."""
        fields = Identification.model_fields
        return Identification.model_validate({k: v for k, v in self.body.items() if k in fields})

    @property
    def end(self) -> EndBody:
        """Return the body of an `end`."""
        return EndBody.model_validate(self.body)

    def check_signature(self) -> None:
        """Check that the entry was signed by the key it names.

        Raises:
            ValueError: it was not.
        """
        try:
            key = PublicKey(self.public_key)
            key_id = key.key_id
        except ValueError:
            raise ValueError("public_key is no Ed25519 key") from None
        if key_id != self.key_id:
            raise ValueError("key_id is not that of public_key")
        if not key.verifies(bytes.fromhex(self.signature), _signed(self.model_dump())):
            raise ValueError("the signature does not match: the entry was changed after signing")


def make_entry(
    kind: Kind,
    body: Mapping[str, Any] | BaseModel,
    key: SigningKey,
    *,
    after: Entry | None,
    time: str,
) -> Entry:
    """Return the signed entry that follows `after`.

    Raises:
        ValueError: the body is not what this kind of entry holds.
    """
    fields: dict[str, Any] = {
        "index": after.index + 1 if after else 0,
        "previous": after.sha256 if after else GENESIS,
        "time": time,
        "kind": kind,
        "body": checked_body(kind, body),
        "key_id": key.key_id,
        "public_key": key.public.hex,
    }
    return Entry.model_validate({**fields, "signature": key.sign(_signed(fields)).hex()})


def parse_entry(line: bytes) -> Entry:
    """Parse a line of the ledger, its newline included; the signature is not checked.

    Raises:
        ValueError: it is not exactly what an entry's line is.
    """
    if not line.endswith(b"\n"):
        raise ValueError("the line is incomplete: no newline at its end")
    try:
        entry = Entry.model_validate(canonical.decode(line[:-1]))
    except ValidationError as error:
        raise ValueError(first_error(error)) from None
    if canonical.encode(checked_body(entry.kind, entry.body)) != canonical.encode(entry.body):
        raise ValueError("body: not in the form the kit writes")
    return entry


def checked_body(kind: Kind, body: Mapping[str, Any] | BaseModel) -> dict[str, Any]:
    """Return the body as plain JSON.

    Raises:
        ValueError: it is not what this kind of entry holds.
    """
    content = body.model_dump() if isinstance(body, BaseModel) else dict(body)
    try:
        body_of = _BODIES[kind].model_validate(content)
        return body_of.model_dump(mode="json", exclude_unset=True)
    except ValidationError as error:
        raise ValueError(f"body of kind {kind!r}: {first_error(error)}") from None


def first_error(error: ValidationError) -> str:
    """Return the first thing that a schema found wrong, with the place and what was received."""
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    if not place:  # the model as a whole says what and where
        return first["msg"].removeprefix("Value error, ")
    return f"{place}: {first['msg']}. Received: {str(first['input'])[:80]!r}"


def _signed(fields: Mapping[str, Any]) -> bytes:
    return _CONTEXT + canonical.encode({k: v for k, v in fields.items() if k != "signature"})
