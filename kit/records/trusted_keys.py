"""Keys that a reviewer believes, and the role of whoever holds each: `rules/trusted_keys.yaml`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from kit import paths
from kit.records.signing import PublicKey
from kit.schema.validation import Schema, load

Role = Literal["official_runner", "self_reporter"]


class TrustedKey(Schema):
    """A key whose owner somebody made sure of."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    role: Role
    public_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @property
    def public(self) -> PublicKey:
        """Return the key as verification takes it."""
        return PublicKey(self.public_key, self.name)


class TrustedKeys(Schema):
    """The content of the file."""

    keys: list[TrustedKey]

    @field_validator("keys")
    @classmethod
    def _refuse_twice(cls, keys: list[TrustedKey]) -> list[TrustedKey]:
        for what, words in (
            ("name", [key.name for key in keys]),
            ("public_key", [key.public_key for key in keys]),
        ):
            word, count = (Counter(words).most_common(1) or [("", 0)])[0]
            if count > 1:
                raise ValueError(f"{what} {word!r} is listed {count} times. List it once")
        return keys

    @property
    def public(self) -> list[PublicKey]:
        """Return all keys as verification takes them."""
        return [key.public for key in self.keys]

    def role_of(self, key: PublicKey) -> Role | None:
        """Return the role of a key's owner; None for a key that is not listed."""
        return next((known.role for known in self.keys if known.public_key == key.hex), None)


def load_trusted_keys(path: Path | None = None) -> TrustedKeys:
    """Read the keys that a reviewer believes, without a path those of the project.

    Raises:
        InvalidFile: the file is missing, or does not match the schema.
    """
    return load(TrustedKeys, path or paths.TRUSTED_KEYS)[0]
