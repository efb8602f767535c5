"""The three signed statements: what was committed to, frozen and revealed.

Each is an in-toto Statement in a DSSE envelope with a kind of its own. A commit and a reveal are
about the ruleset's file, a freeze is about the submissions; freeze and reveal name the sha256 of
the statement before them, so that they must have come after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kit.errors import VerificationError
from kit.records.attestation import attest, open_envelope
from kit.records.signing import PublicKey, SigningKey
from kit.rules.held_out import PUBLIC_VALUE
from kit.schema.values import Name

COMMIT, REVEAL = "commit.json", "reveal.json"

MAX_DESCRIPTION_CHARACTERS = 500
_Hex32 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]  # 32 bytes
_Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$")]
_KEY_FIELDS = {"key_id", "key_name", "public_key"}  # added and checked by the envelope


class Said(BaseModel):
    """What every statement says besides its key."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    kind: ClassVar[str]

    ruleset: Name
    time: _Time  # by the organiser's clock: a claim


class Commit(Said):
    """A nonce exists whose sha256 is `commitment`, and what public value will be mixed in."""

    kind: ClassVar[str] = "urn:stopwatch:held-out-commit:1"

    commitment: _Hex32
    public_value_will_be: Annotated[str, Field(min_length=1)]


class Freeze(Said):
    """All submissions frozen so far; `previous` is the commit or the freeze before."""

    kind: ClassVar[str] = "urn:stopwatch:held-out-freeze:1"

    number: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}$")]
    previous: _Hex32


class Reveal(Said):
    """The nonce, the public value, and the choice that follows; `previous` is the last freeze."""

    kind: ClassVar[str] = "urn:stopwatch:held-out-reveal:1"

    nonce: _Hex32
    public_value: Annotated[str, Field(pattern=PUBLIC_VALUE)]
    choice: str
    previous: _Hex32


SaidT = TypeVar("SaidT", bound=Said)


@dataclass(frozen=True)
class Statement(Generic[SaidT]):
    """A statement whose form and signature were checked."""

    file: str
    sha256: str  # of the file
    key: PublicKey
    digests: Mapping[str, str]  # of what it is about: the ruleset's file, or submissions
    said: SaidT


def ruleset_file(name: str) -> str:
    """Return the name of the copy of a ruleset that lies beside the statements."""
    return f"{name}.yaml"


def freeze_file(number: int) -> str:
    """Return the name of the freeze statement `number`, counted from 1."""
    return f"freeze-{number}.json"


def sign_statement(said: Said, digests: Mapping[str, str], key: SigningKey) -> bytes:
    """Return the signed envelope, as the bytes of the statement's file."""
    return attest(digests, said.model_dump(), key, predicate_type=said.kind)


def open_statement(data: bytes, kind: type[SaidT], file: str) -> Statement[SaidT]:
    """Check form and signature of the content of `file` and return what it says.

    Raises:
        VerificationError: any byte is not as it was signed, or it is another kind of statement.
    """
    opened = open_envelope(data, predicate_type=kind.kind)
    fields = {name: text for name, text in opened.predicate.items() if name not in _KEY_FIELDS}
    try:
        said = kind.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise VerificationError(f"Not a {kind.__name__} statement: {where}: {first['msg']}.") from (
            None
        )
    return Statement(file, opened.envelope_sha256, opened.key, opened.digests, said)
