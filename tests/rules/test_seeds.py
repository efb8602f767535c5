from __future__ import annotations

import hashlib
import hmac

from hypothesis import given, settings
from hypothesis import strategies as st

from kit.rules.seeds import RunSecret, TrialSeeds

SECRET = bytes(range(32))


def mac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def test_a_reviewer_recomputes_the_seeds_from_the_documented_recipe() -> None:
    study = mac(SECRET, b"study|2")
    trial = mac(study, b"trial|digits_silu|3")
    seeds = RunSecret(SECRET).study(2).trial("digits_silu", 3)

    assert seeds.secret == trial.hex()
    assert seeds.commitment == hashlib.sha256(trial).hexdigest()
    for purpose in ("initialization", "data", "algorithm"):
        derived = int.from_bytes(mac(trial, purpose.encode())[:8], "big") % (2**31 - 1)
        assert getattr(seeds, purpose) == derived
    assert RunSecret(SECRET).study(2).commitment == hashlib.sha256(study).hexdigest()
    assert RunSecret(SECRET).shuffle_seed == int.from_bytes(mac(SECRET, b"shuffle")[:4], "big")


def test_a_revealed_secret_gives_the_same_seeds() -> None:
    seeds = RunSecret(SECRET).study(1).trial("digits", 1)

    assert TrialSeeds.from_secret(bytes.fromhex(seeds.secret)) == seeds


def test_a_seed_by_hand_has_a_secret_that_anyone_can_compute() -> None:
    seeds = TrialSeeds.by_hand(7)

    assert seeds.secret == hashlib.sha256(b"seed|7").hexdigest()
    assert seeds != TrialSeeds.by_hand(8)


def test_every_study_workload_and_trial_has_seeds_of_its_own() -> None:
    run = RunSecret(SECRET)
    seeds = {
        run.study(study).trial(label, trial).initialization
        for study in (1, 2, 11)
        for label in ("digits", "digits_silu")
        for trial in (1, 2, 11)
    }

    assert len(seeds) == 18


def test_secrets_are_not_printed() -> None:
    run = RunSecret(SECRET)
    study = run.study(1)
    trial = study.trial("digits", 1)

    for owner, secret in (
        (run, SECRET),
        (study, study.value),
        (trial, bytes.fromhex(trial.secret)),
    ):
        assert secret.hex() not in repr(owner)
        assert repr(secret) not in repr(owner)


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_seeds_fit_every_generator(secret: bytes) -> None:
    seeds = TrialSeeds.from_secret(secret)

    assert all(0 <= s < 2**31 - 1 for s in (seeds.initialization, seeds.data, seeds.algorithm))
    assert 0 <= RunSecret(secret).shuffle_seed < 2**32
