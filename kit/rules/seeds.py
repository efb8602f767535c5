"""Every seed of a trial derives from one secret, so that a reviewer can recompute them.

    run secret     derived from the signing key for a ledger, ruleset and submission: whoever has
                   the key can go on with a study, and there is no other secret to keep
    study secret   HMAC-SHA256(run secret,   "study|<i>")
    trial secret   HMAC-SHA256(study secret, "trial|<workload label>|<j>")
    a seed         HMAC-SHA256(trial secret, "<purpose>"), first 8 bytes, modulo 2**31 - 1
    the shuffle    HMAC-SHA256(run secret,   "shuffle"),   first 4 bytes

A secret's commitment, the sha256 of its bytes, is published before the trial; the trial secret is
revealed with the record. One trial's secret tells nothing about another's.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit.records.signing import SigningKey

_SEED_LIMIT = 2**31 - 1


def commitment(secret: bytes) -> str:
    """Return the published hash of a secret."""
    return hashlib.sha256(secret).hexdigest()


def _derive(secret: bytes, purpose: str) -> bytes:
    return hmac.digest(secret, purpose.encode(), "sha256")


@dataclass(frozen=True)
class TrialSeeds:
    """The seeds of one trial, each in [0, 2**31 - 1), and the secret that they derive from."""

    secret: str = field(repr=False)  # hexadecimal
    commitment: str
    initialization: int
    data: int
    algorithm: int

    @classmethod
    def from_secret(cls, secret: bytes) -> TrialSeeds:
        """Derive all seeds from a trial's secret."""

        def seed(purpose: str) -> int:
            return int.from_bytes(_derive(secret, purpose)[:8], "big") % _SEED_LIMIT

        return cls(
            secret=secret.hex(),
            commitment=commitment(secret),
            initialization=seed("initialization"),
            data=seed("data"),
            algorithm=seed("algorithm"),
        )

    @classmethod
    def by_hand(cls, seed: int) -> TrialSeeds:
        """Derive all seeds from a number that someone chose: never official."""
        return cls.from_secret(RunSecret.by_hand(seed).value)


@dataclass(frozen=True)
class StudySecret:
    """The secret of one study; its commitment is entered in the ledger when the study starts."""

    value: bytes = field(repr=False)

    @property
    def commitment(self) -> str:
        """Return the published hash."""
        return commitment(self.value)

    def trial(self, workload_label: str, trial: int) -> TrialSeeds:
        """Return the seeds of a trial of this study, counted from 1."""
        return TrialSeeds.from_secret(_derive(self.value, f"trial|{workload_label}|{trial}"))


@dataclass(frozen=True)
class RunSecret:
    """The secret of all studies of one submission under one ruleset."""

    value: bytes = field(repr=False)

    @classmethod
    def by_hand(cls, seed: int) -> RunSecret:
        """Return the secret that stands for a seed given by hand."""
        return cls(hashlib.sha256(f"seed|{seed}".encode()).digest())

    @classmethod
    def of(cls, key: SigningKey, *, ledger: str, ruleset: str, submission: str) -> RunSecret:
        """Return the secret that only the holder of `key` can know; `ledger` is its random name."""
        return cls(key.derive_secret(f"run|{ledger}|{ruleset}|{submission}"))

    @classmethod
    def of_comparison(cls, key: SigningKey, comparison: str, ruleset: str) -> RunSecret:
        """Return the secret that both sides of a comparison share; nobody chooses its seeds."""
        return cls(key.derive_secret(f"compare|{comparison}|{ruleset}"))

    @property
    def shuffle_seed(self) -> int:
        """Return the seed of the sampler's shuffle, below 2**32."""
        return int.from_bytes(_derive(self.value, "shuffle")[:4], "big")

    def study(self, study: int) -> StudySecret:
        """Return the secret of a study, counted from 1."""
        return StudySecret(_derive(self.value, f"study|{study}"))
