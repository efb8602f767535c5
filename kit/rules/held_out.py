"""Which held-out variants count: a hash of what nobody knows before submissions are frozen.

    commitment   sha256(nonce), published before submissions freeze; the nonce is 32 random bytes
    seed         HMAC-SHA256(nonce, "stopwatch held-out variants 1\\n" + J), where J is the
                 canonical JSON of {"frozen": {name: digest, …}, "public_value": text}
    ticket(t)    HMAC-SHA256(seed, t)
    bases        the `base_workloads` bases with the smallest ticket("base|<base>")
    variant      of each of these, the one with the smallest ticket("variant|<base>|<variant>")

The smallest of independent tickets is each of them with the same probability, so there is no
modulo whose remainder could favour one, and neither the order of a list nor another base's draw
matters. Canonical JSON sorts the names; tickets are compared as bytes.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping

from kit import registry
from kit.errors import NotAvailable, UsageError
from kit.rules.ruleset import HeldOut, Ruleset, load_ruleset
from kit.schema import canonical

NONCE_BYTES = 32
PUBLIC_VALUE = r"^[!-~]([ -~]{0,498}[!-~])?$"
_DOMAIN = b"stopwatch held-out variants 1\n"


def choose_variants(
    policy: HeldOut, *, nonce: bytes, frozen: Mapping[str, str], public_value: str
) -> dict[str, str]:
    """Return the variant of each base workload that was drawn, sorted by base.

    Args:
        policy: how many bases, and the variants of each.
        nonce: what the commitment is the hash of.
        frozen: the digest of each frozen submission, by name.
        public_value: what nobody knew when the nonce was drawn.
    """
    content = canonical.encode({"frozen": dict(frozen), "public_value": public_value})
    seed = hmac.digest(nonce, _DOMAIN + content, "sha256")

    def ticket(text: str) -> bytes:
        return hmac.digest(seed, text.encode(), "sha256")

    by_ticket = sorted(policy.variants, key=lambda base: ticket(f"base|{base}"))
    return {
        base: min(policy.variants[base], key=lambda variant: ticket(f"variant|{base}|{variant}"))
        for base in sorted(by_ticket[: policy.base_workloads])
    }


def shown_choice(choice: Mapping[str, str]) -> str:
    """Return a choice as statements and people write it: `base: variant, base: variant`."""
    return ", ".join(f"{base}: {variant}" for base, variant in sorted(choice.items()))


def policy_of(ruleset: Ruleset) -> HeldOut:
    """Return the held-out policy of a ruleset.

    Raises:
        NotAvailable: the ruleset has none.
    """
    if ruleset.held_out is not None:
        return ruleset.held_out
    others = [name for name in registry.ruleset_names() if load_ruleset(name).held_out]
    raise NotAvailable(
        f"Ruleset {ruleset.name!r} draws no held-out variants: its file has no held_out section. "
        f"Choose one of: {', '.join(others) or '(none)'}. Received: --ruleset={ruleset.name}."
    )


def check_public_value(text: str) -> str:
    """Return `text` where it is a public value that can be written in one way only.

    Raises:
        UsageError: it is empty, long, or holds something else than printable ASCII.
    """
    if re.fullmatch(PUBLIC_VALUE, text):
        return text
    raise UsageError(
        "A public value has 1 to 500 printable ASCII characters, the first and the last no space, "
        "so that everybody hashes the same bytes: the hexadecimal digits of a hash, for example. "
        f"Received: --public-value={text[:80]!a}."
    )
