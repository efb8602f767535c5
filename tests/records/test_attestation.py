"""The envelope: signed, canonical, and every byte of it guarded."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner, SSlibKey

from kit.errors import VerificationError
from kit.records.attestation import PAYLOAD_TYPE, attest, open_envelope, verdict_code
from kit.records.signing import SigningKey
from kit.schema import canonical

SIGNER = CryptoSigner.generate_ed25519()
KEY = SigningKey("test key", SIGNER)
DIGESTS = {"trial.json": "0" * 64, "log.txt": "f" * 64}
PREDICATE = {"state": "failed", "odd": 'a "quoted" é\n'}


@pytest.fixture(scope="module")
def envelope() -> bytes:
    return attest(DIGESTS, PREDICATE, KEY)


def statement(envelope: bytes) -> dict[str, object]:
    payload: dict[str, object] = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    return payload


def resigned(payload: bytes, key_id: str | None = None) -> bytes:
    """Return a canonical envelope around any payload, properly signed."""
    made = Envelope(payload, PAYLOAD_TYPE, {})
    made.sign(SIGNER)
    content = made.to_dict()
    if key_id is not None:
        content["signatures"][0]["keyid"] = key_id
    return canonical.encode(content) + b"\n"


def test_envelope_is_an_in_toto_statement_in_dsse(envelope: bytes) -> None:
    content = json.loads(envelope)
    said = statement(envelope)
    assert content["payloadType"] == "application/vnd.in-toto+json"
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["subject"] == [
        {"name": name, "digest": {"sha256": DIGESTS[name]}} for name in ("log.txt", "trial.json")
    ]
    assert all(isinstance(value, str) for value in dict(said["predicate"]).values())  # type: ignore[call-overload]


def test_securesystemslib_verifies_our_envelope(envelope: bytes) -> None:
    key: SSlibKey = SIGNER.public_key
    assert Envelope.from_dict(json.loads(envelope)).verify([key], 1) == {key.keyid: key}


@settings(deadline=None, max_examples=40)
@given(
    digests=st.dictionaries(
        st.from_regex(r"\A[a-z][a-z0-9_.-]{0,20}\Z"), st.from_regex(r"\A[0-9a-f]{64}\Z"), max_size=5
    ),
    predicate=st.dictionaries(st.text(max_size=10), st.text(max_size=40), max_size=5),
)
def test_what_is_attested_is_what_is_opened(
    digests: dict[str, str], predicate: dict[str, str]
) -> None:
    opened = open_envelope(attest(digests, predicate, KEY))
    added = {"key_id": KEY.key_id, "key_name": KEY.name, "public_key": KEY.public.hex}
    assert opened.digests == digests
    assert opened.predicate == {**predicate, **added}
    assert opened.key == KEY.public


def test_every_changed_byte_is_found(envelope: bytes) -> None:
    for position in range(len(envelope)):
        for bit in range(8):
            altered = bytearray(envelope)
            altered[position] ^= 1 << bit
            with pytest.raises(VerificationError):
                open_envelope(bytes(altered))


def test_every_removed_or_added_byte_is_found(envelope: bytes) -> None:
    for position in range(len(envelope) + 1):
        for byte in (b" ", b"\n", b"="):
            with pytest.raises(VerificationError):
                open_envelope(envelope[:position] + byte + envelope[position:])
    for position in range(len(envelope)):
        with pytest.raises(VerificationError):
            open_envelope(envelope[:position] + envelope[position + 1 :])


def test_padding_bits_of_base64_are_guarded() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    for padding in range(3):  # one payload length in three has no padding
        data = attest(DIGESTS, {"state": "x" * padding}, KEY)
        payload = json.loads(data)["payload"]
        if not payload.endswith("="):
            continue
        last = payload.rstrip("=")[-1]
        twin = payload.replace(last + "=", alphabet[alphabet.index(last) ^ 1] + "=")
        assert base64.b64decode(twin) == base64.b64decode(payload)
        with pytest.raises(VerificationError, match="padding bits were changed"):
            open_envelope(data.replace(payload.encode(), twin.encode()))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "does not end with a newline"),
        (b"{\n", "The envelope is not JSON"),
        (b"[" * 100_000 + b"\n", "The envelope is not JSON: nested too deep"),
        (b'{"b": 1}\n', "The envelope is not in canonical form"),
        (b'{"b":1.5}\n', "a number with a fraction is not allowed"),
        (b"{}\n", "Not a DSSE envelope: payload: Field required"),
        (resigned(b"nonsense"), "The payload is not JSON"),
        (resigned(b'{"a": 1}'), "The payload is not in canonical form"),
        (resigned(b"{}"), "The payload is not a statement of ours: _type: Field required"),
    ],
)
def test_what_is_no_envelope_is_refused_with_a_reason(data: bytes, message: str) -> None:
    with pytest.raises(VerificationError, match=re.escape(message)):
        open_envelope(data)


def test_statement_without_its_key_is_refused(envelope: bytes) -> None:
    said = statement(envelope)
    said["predicate"] = {"state": "failed"}
    with pytest.raises(VerificationError, match="names no valid public key"):
        open_envelope(resigned(canonical.encode(said)))


def test_key_id_must_be_that_of_the_public_key(envelope: bytes) -> None:
    payload = canonical.encode(statement(envelope))
    with pytest.raises(VerificationError, match="The key id is not that of the public key"):
        open_envelope(resigned(payload, key_id="a" * 64))


def test_signature_of_another_key_is_refused(envelope: bytes) -> None:
    other = SigningKey("other", CryptoSigner.generate_ed25519())
    said = statement(attest(DIGESTS, PREDICATE, other))
    content = json.loads(resigned(canonical.encode(said), key_id=other.key_id))
    with pytest.raises(VerificationError, match="changed after it was signed"):
        open_envelope(canonical.encode(content) + b"\n")


def test_files_must_be_sorted_and_named_once(envelope: bytes) -> None:
    said = statement(envelope)
    subject = list(said["subject"])  # type: ignore[call-overload]
    for wrong in (subject[::-1], [*subject, subject[-1]]):
        with pytest.raises(VerificationError, match="files are not sorted, or one occurs twice"):
            open_envelope(resigned(canonical.encode({**said, "subject": wrong})))


def test_one_kind_of_statement_never_passes_for_another(envelope: bytes) -> None:
    other = attest(DIGESTS, PREDICATE, KEY, predicate_type="urn:stopwatch:other:1")
    assert open_envelope(other, predicate_type="urn:stopwatch:other:1").digests == DIGESTS
    said = "A statement of another kind. Expected: urn:stopwatch:trial-record:1. Received: 'urn:st"
    with pytest.raises(VerificationError, match=re.escape(said)):
        open_envelope(other)
    with pytest.raises(VerificationError, match="A statement of another kind"):
        open_envelope(envelope, predicate_type="urn:stopwatch:other:1")


@pytest.mark.parametrize("name", ["../trial.json", "/etc/passwd", "", ".hidden"])
def test_files_outside_the_record_are_refused(envelope: bytes, name: str) -> None:
    said = {**statement(envelope), "subject": [{"name": name, "digest": {"sha256": "0" * 64}}]}
    with pytest.raises(VerificationError, match=r"subject\.0\.name"):
        open_envelope(resigned(canonical.encode(said)))


def test_verdict_code_is_short_and_readable(envelope: bytes, tmp_path: Path) -> None:
    code = verdict_code(envelope)
    assert re.fullmatch(r"SW-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", code)
    assert code == open_envelope(envelope).verdict_code
    assert verdict_code(b"") == "SW-WERC-8GMR"  # sha256 begins e3b0c44298
    assert verdict_code(envelope + b"\n") != code
