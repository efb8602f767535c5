from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kit.errors import InvalidFile, UsageError
from kit.rules import secret_store
from kit.rules.secret_store import load_or_create, secret_path


def path(config: Path, *, ledger: str = "/results", ruleset: str = "mini") -> Path:
    return secret_path(config, ledger=ledger, ruleset=ruleset, submission="tuned")


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    secret = load_or_create(path(tmp_path))

    assert len(secret.value) == 32
    assert load_or_create(path(tmp_path)) == secret
    assert [p.name for p in path(tmp_path).parent.iterdir()] == ["tuned"]


def test_each_ledger_ruleset_and_submission_has_its_own(tmp_path: Path) -> None:
    places = (
        path(tmp_path),
        path(tmp_path, ledger="/other"),
        path(tmp_path, ruleset="algoperf-0.6"),
        path(tmp_path / "config"),
    )

    assert len({load_or_create(place).value for place in places}) == len(places)


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    place = path(tmp_path / "config")
    load_or_create(place)

    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    for folder in list(place.parents)[:4]:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_processes_that_start_together_get_the_same_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(load_or_create, [path(tmp_path)] * 32))

    assert len(found) == 1
    assert len(list(path(tmp_path).parent.iterdir())) == 1


def test_a_secret_that_another_process_made_first_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load_or_create(path(tmp_path))
    monkeypatch.setattr(Path, "exists", lambda self: False)

    assert load_or_create(path(tmp_path)) == first


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    place = path(tmp_path)
    load_or_create(place)
    place.chmod(0o644)

    with pytest.raises(UsageError) as caught:
        load_or_create(place)
    assert str(caught.value) == (
        f"{place}: others can read this secret (mode 0644). Run: chmod 600 {place}"
    )


@pytest.mark.parametrize("content", ["", "00" * 31, "x" * 64, "é" * 32])
def test_a_damaged_secret_is_refused_and_not_replaced(tmp_path: Path, content: str) -> None:
    place = path(tmp_path)
    load_or_create(place)
    place.write_text(content)

    with pytest.raises(InvalidFile, match="not a secret: 64 hexadecimal digits are expected"):
        load_or_create(place)
    assert place.read_text() == content


def test_a_folder_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file")

    with pytest.raises(UsageError) as caught:
        load_or_create(path(tmp_path / "config"))
    assert str(caught.value).startswith("The run's secret cannot be kept in ")
    assert str(caught.value).endswith("Set STOPWATCH_CONFIG to a folder that you can write.")


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(secret_store.os, "link", fail)

    with pytest.raises(UsageError, match="No space left on device"):
        load_or_create(path(tmp_path))
    assert list(path(tmp_path).parent.iterdir()) == []
