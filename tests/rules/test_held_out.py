"""The choice of held-out variants: one recipe, every outcome equally likely."""

from __future__ import annotations

import collections
import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from kit.errors import NotAvailable, UsageError
from kit.rules.held_out import check_public_value, choose_variants, policy_of, shown_choice
from kit.rules.ruleset import HeldOut, load_ruleset

NONCE = bytes(range(32))
FROZEN = {"nadamw": "b" * 64, "adamw": "a" * 64}
PUBLIC_VALUE = "5f3759df"
UNEVEN = HeldOut(base_workloads=2, variants={"a": ("x", "y", "z"), "b": ("x", "y"), "c": ("x",)})
EXAMPLE = {  # of docs/held-out.md, under algoperf-0.5
    "fastmri": "layernorm",
    "imagenet_vit": "post_ln",
    "librispeech_conformer": "gelu",
    "librispeech_deepspeech": "no_resnet",
    "ogbg": "model_size",
    "wmt": "glu_tanh",
}
EXAMPLE_SEED = "586c3251fd1c42612465a4935438266eea50cb7fb7508b3d3a8d399903bb0792"


def mac(key: bytes, text: str) -> bytes:
    """HMAC-SHA256 as RFC 2104 defines it, from the hash alone."""
    padded = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in padded) + text.encode()).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in padded) + inner).digest()


def nonces(count: int) -> Iterator[bytes]:
    return (hashlib.sha256(f"nonce {i}".encode()).digest() for i in range(count))


def choose(policy: HeldOut = UNEVEN, nonce: bytes = NONCE, **changes: object) -> dict[str, str]:
    known = {"frozen": FROZEN, "public_value": PUBLIC_VALUE, **changes}
    return choose_variants(policy, nonce=nonce, **known)  # type: ignore[arg-type]


def test_worked_example_follows_the_documented_recipe() -> None:
    policy = policy_of(load_ruleset("algoperf-0.5"))
    content = (
        '{"frozen":{"adamw":"' + "a" * 64 + '","nadamw":"' + "b" * 64 + '"},'
        '"public_value":"5f3759df"}'
    )
    seed = mac(NONCE, "stopwatch held-out variants 1\n" + content)
    tickets = {base: mac(seed, f"base|{base}").hex() for base in policy.variants}
    bases = [base for base, ticket in tickets.items() if ticket <= sorted(tickets.values())[5]]
    expected = {}
    for base in bases:
        of_variant = {mac(seed, f"variant|{base}|{v}"): v for v in policy.variants[base]}
        expected[base] = of_variant[min(of_variant)]

    assert len(bases) == 6
    assert choose(policy) == expected == EXAMPLE
    assert seed.hex() == EXAMPLE_SEED


def test_the_documents_example_is_the_worked_example() -> None:
    text = (Path(__file__).parents[2] / "docs" / "held-out.md").read_text()

    assert EXAMPLE_SEED in text
    assert shown_choice(EXAMPLE) in " ".join(text.split())


def test_mac_of_this_test_is_that_of_the_standard_library() -> None:
    assert mac(NONCE, "text") == hmac.new(NONCE, b"text", hashlib.sha256).digest()


def test_every_outcome_is_equally_likely() -> None:
    count = 6000
    seen = collections.Counter(shown_choice(choose(nonce=nonce)) for nonce in nonces(count))
    expected = {}
    for first, second in (("a", "b"), ("a", "c"), ("b", "c")):
        pairs = [(x, y) for x in UNEVEN.variants[first] for y in UNEVEN.variants[second]]
        for x, y in pairs:
            expected[f"{first}: {x}, {second}: {y}"] = count / 3 / len(pairs)

    assert seen.keys() == expected.keys()
    distance = sum((seen[outcome] - mean) ** 2 / mean for outcome, mean in expected.items())
    assert distance < chi2.isf(1e-4, df=len(expected) - 1)


@pytest.mark.parametrize("ruleset", ["mini", "algoperf-0.5"])
def test_shipped_rulesets_draw_every_base_and_variant_equally_often(ruleset: str) -> None:
    policy = policy_of(load_ruleset(ruleset))
    count = 3000
    seen = collections.Counter(
        pair for nonce in nonces(count) for pair in choose(policy, nonce).items()
    )
    cells = {(base, v) for base, variants in policy.variants.items() for v in variants}
    mean = count * policy.base_workloads / len(cells)  # three variants of every base

    assert seen.keys() == cells
    # Draws without replacement vary less than independent ones, so the bound is on the safe side.
    assert sum((n - mean) ** 2 / mean for n in seen.values()) < chi2.isf(1e-4, df=len(cells) - 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"frozen": {**FROZEN, "adamw": "c" * 64}},
        {"frozen": {**FROZEN, "another": "c" * 64}},
        {"frozen": {"adamw": "a" * 64}},
        {"frozen": {"adamw": "b" * 64, "nadamw": "a" * 64}},
        {"public_value": PUBLIC_VALUE + "0"},
    ],
    ids=["digest", "one more", "one less", "swapped", "public value"],
)
def test_the_choice_depends_on_every_input(changes: dict[str, object]) -> None:
    differing = sum(choose(nonce=n) != choose(nonce=n, **changes) for n in nonces(200))

    assert differing > 150  # of eleven outcomes, two draws agree about once in nine


@given(st.randoms(use_true_random=False), st.binary(min_size=32, max_size=32))
def test_the_order_of_lists_does_not_matter(random, nonce: bytes) -> None:
    bases = [(base, random.sample(v, len(v))) for base, v in UNEVEN.variants.items()]
    frozen = list(FROZEN.items())
    random.shuffle(bases)
    random.shuffle(frozen)
    shuffled = HeldOut(base_workloads=2, variants=dict(bases))

    assert choose(shuffled, nonce, frozen=dict(frozen)) == choose(nonce=nonce)


@given(st.binary(min_size=32, max_size=32), st.integers(1, 3))
def test_as_many_bases_are_drawn_as_the_policy_says(nonce: bytes, bases: int) -> None:
    choice = choose(UNEVEN.model_copy(update={"base_workloads": bases}), nonce)

    assert len(choice) == bases
    assert list(choice) == sorted(choice)
    assert all(variant in UNEVEN.variants[base] for base, variant in choice.items())


@pytest.mark.parametrize("text", ["0", "00ab", "a b", "x" * 500])
def test_a_public_value_is_taken_as_it_is(text: str) -> None:
    assert check_public_value(text) == text


@pytest.mark.parametrize("text", ["", " 1", "1 ", "1\n", "a\tb", "é", "x" * 501])
def test_a_public_value_that_can_be_misread_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="1 to 500 printable ASCII characters") as caught:
        check_public_value(text)
    assert "\n" not in str(caught.value)


def test_a_ruleset_without_a_policy_names_those_with_one() -> None:
    with pytest.raises(NotAvailable) as caught:
        policy_of(load_ruleset("algoperf-0.6"))
    assert str(caught.value) == (
        "Ruleset 'algoperf-0.6' draws no held-out variants: its file has no held_out section. "
        "Choose one of: algoperf-0.5, mini. Received: --ruleset=algoperf-0.6."
    )
