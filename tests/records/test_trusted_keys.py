"""The list of keys that a reviewer believes: what it may say, and what is refused."""

from __future__ import annotations

import pytest

from kit import registry
from kit.errors import InvalidFile
from kit.records.signing import PublicKey
from kit.records.trusted_keys import load_trusted_keys

KEY = "{{name: {name}, role: {role}, public_key: {key}}}"


def listing(*keys):
    return "keys:\n" + "".join(f"  - {key}\n" for key in keys)


def test_shipped_list_is_empty_and_is_no_ruleset():
    assert load_trusted_keys().keys == []
    assert "trusted_keys" not in registry.ruleset_names()


def test_key_has_the_role_that_the_list_gives(tmp_path):
    path = tmp_path / "keys.yaml"
    path.write_text(listing(KEY.format(name="lab", role="self_reporter", key="ab" * 32)))
    keys = load_trusted_keys(path)
    assert keys.role_of(PublicKey("ab" * 32)) == "self_reporter"
    assert keys.role_of(PublicKey("cd" * 32)) is None
    assert [key.name for key in keys.public] == ["lab"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("keys: {}\n", "keys"),
        (listing(KEY.format(name="a", role="judge", key="ab" * 32)), "official_runner"),
        (listing(KEY.format(name="a", role="self_reporter", key="AB" * 32)), "public_key"),
        (
            listing(
                KEY.format(name="a", role="self_reporter", key="ab" * 32),
                KEY.format(name="b", role="official_runner", key="ab" * 32),
            ),
            "is listed 2 times",
        ),
        (listing("{name: a, role: self_reporter, since: 2026}"), "unknown key 'since'"),
    ],
)
def test_list_that_is_wrong_is_refused_with_the_place(tmp_path, text, message):
    path = tmp_path / "keys.yaml"
    path.write_text(text)
    with pytest.raises(InvalidFile, match=r"keys\.yaml") as refused:
        load_trusted_keys(path)
    assert message in str(refused.value)
