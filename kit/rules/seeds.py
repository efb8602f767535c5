"""Every seed of a trial derives from one secret, so that a reviewer can recompute them.

    run secret     derived from the signing key, the ruleset's digest and the digest of the declared
                   tuning: the same on every host of an organizer, whatever the code, the folder
                   or the ledger, so that hosts share the studies of a submission by number
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
from collections.abc import Callable
from dataclasses import dataclass, field

DeriveSecret = Callable[[str], bytes]  # `SigningKey.derive_secret`
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
    def of(cls, derive: DeriveSecret, *, ruleset_sha256: str, tuning_sha256: str) -> RunSecret:
        """Return the secret that only the holder of the key behind `derive` can know."""
        return cls(derive(f"run|{ruleset_sha256}|{tuning_sha256}"))

    @classmethod
    def of_comparison(cls, derive: DeriveSecret, comparison: str, ruleset: str) -> RunSecret:
        """Return the secret that both sides of a comparison share; no one chooses its seeds."""
        return cls(derive(f"compare|{comparison}|{ruleset}"))

    @property
    def shuffle_seed(self) -> int:
        """Return the seed of the sampler's shuffle, below 2**32."""
        return int.from_bytes(_derive(self.value, "shuffle")[:4], "big")

    def study(self, study: int) -> StudySecret:
        """Return the secret of a study, counted from 1."""
        return StudySecret(_derive(self.value, f"study|{study}"))
