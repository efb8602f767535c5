"""Signed statements, above all the one about a record: an in-toto Statement in a DSSE envelope.

The statement lists the sha256 of everything that it is about: of each file of a record, by default.
Its predicate holds text only, the public key among it, so that a stranger can check integrity; whom
the key belongs to, only a list of trusted keys can tell. Envelope and payload are canonical JSON:
opening re-encodes and compares, because base64 and JSON both have bytes that can change without
changing the meaning.

Source: in-toto Attestation Framework, Statement v1; DSSE v1.0.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from securesystemslib.dsse import Envelope

from kit.errors import VerificationError
from kit.records.signing import PublicKey, SigningKey
from kit.schema import canonical

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
TRIAL_RECORD = "urn:stopwatch:trial-record:1"
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # no I, L, O, U: they are misread
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Digest(_Schema):
    sha256: _Sha256


class _Subject(_Schema):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]
    digest: _Digest


class _Statement(_Schema):
    type: Annotated[Literal["https://in-toto.io/Statement/v1"], Field(alias="_type")]
    subject: list[_Subject]
    predicateType: str  # noqa: N815
    predicate: dict[str, str]


class _Signature(_Schema):
    keyid: _Sha256
    sig: str


class _Envelope(_Schema):
    payload: str
    payloadType: Literal["application/vnd.in-toto+json"]  # noqa: N815
    signatures: Annotated[list[_Signature], Field(min_length=1, max_length=1)]


@dataclass(frozen=True)
class Attestation:
    """What a verified envelope says."""

    digests: Mapping[str, str]  # name -> sha256
    predicate: Mapping[str, str]
    key: PublicKey  # its name is what the signer calls it: a claim
    envelope_sha256: str
    verdict_code: str


def attest(
    digests: Mapping[str, str],
    predicate: Mapping[str, str],
    key: SigningKey,
    *,
    predicate_type: str = TRIAL_RECORD,
) -> bytes:
    """Return the signed envelope, as the bytes of `attestation.json`.

    Args:
        digests: sha256 of what the statement is about, by name: of each file of a record.
        predicate: what else is stated; the key is added.
        key: signs.
        predicate_type: which kind of statement this is; one kind never passes for another.
    """
    signed_by = {"key_id": key.key_id, "key_name": key.name, "public_key": key.public.hex}
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": n, "digest": {"sha256": d}} for n, d in sorted(digests.items())],
        "predicateType": predicate_type,
        "predicate": {**predicate, **signed_by},
    }
    envelope = Envelope(canonical.encode(statement), PAYLOAD_TYPE, {})
    envelope.sign(key.signer)
    return canonical.encode(envelope.to_dict()) + b"\n"


def open_envelope(data: bytes, *, predicate_type: str = TRIAL_RECORD) -> Attestation:
    """Check form and signature of an envelope and return what it says.

    Raises:
        VerificationError: any byte is not as the signer wrote it, or it is another kind of
            statement.
    """
    envelope = _parse_envelope(data)
    payload = _decode_base64(envelope.payload, "payload")
    statement = _parse_statement(payload)
    if statement.predicateType != predicate_type:
        raise VerificationError(
            f"A statement of another kind. Expected: {predicate_type}. "
            f"Received: {statement.predicateType!a}."
        )
    predicate = statement.predicate
    try:
        key = PublicKey(predicate["public_key"], predicate["key_name"])
        key_id = key.key_id
    except (KeyError, ValueError):
        raise VerificationError("The statement names no valid public key.") from None
    if not predicate.get("key_id") == key_id == envelope.signatures[0].keyid:
        raise VerificationError("The key id is not that of the public key in the statement.")
    signature = _decode_base64(envelope.signatures[0].sig, "signature")
    if not key.verifies(signature, Envelope(payload, PAYLOAD_TYPE, {}).pae()):
        raise VerificationError(
            "The signature is not that of the public key in the statement: the attestation was "
            "changed after it was signed."
        )
    return Attestation(
        digests={subject.name: subject.digest.sha256 for subject in statement.subject},
        predicate=predicate,
        key=key,
        envelope_sha256=hashlib.sha256(data).hexdigest(),
        verdict_code=verdict_code(data),
    )


def verdict_code(envelope: bytes) -> str:
    """Return a short code of the envelope that people can compare: 40 bits of its sha256.

    Crockford's base 32, for example `SW-7F3K-9QXM`.
    """
    number = int.from_bytes(hashlib.sha256(envelope).digest()[:5], "big")
    digits = "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(35, -5, -5))
    return f"SW-{digits[:4]}-{digits[4:]}"


def _parse_envelope(data: bytes) -> _Envelope:
    if not data.endswith(b"\n"):
        raise VerificationError("The envelope does not end with a newline.")
    try:
        return _Envelope.model_validate(canonical.decode(data[:-1]))
    except ValidationError as error:
        raise VerificationError(f"Not a DSSE envelope: {_first(error)}.") from None
    except ValueError as error:
        raise VerificationError(f"The envelope is {error}.") from None


def _parse_statement(payload: bytes) -> _Statement:
    try:
        statement = _Statement.model_validate(canonical.decode(payload))
    except ValidationError as error:
        raise VerificationError(
            f"The payload is not a statement of ours: {_first(error)}."
        ) from None
    except ValueError as error:
        raise VerificationError(f"The payload is {error}.") from None
    names = [subject.name for subject in statement.subject]
    if names != sorted(set(names)):
        raise VerificationError("The statement's files are not sorted, or one occurs twice.")
    return statement


def _decode_base64(text: str, what: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise VerificationError(f"The {what} is not base64.") from None
    if base64.b64encode(data).decode("ascii") != text:
        raise VerificationError(
            f"The {what} is not canonical base64: its padding bits were changed."
        )
    return data


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
