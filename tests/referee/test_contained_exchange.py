"""The folder that the trainer's container gets its code in: furnished, and empty afterwards."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kit.errors import TrialError
from kit.exchange import directory
from kit.referee import contained
from kit.referee.contained import furnished_exchange

CODE = {
    "submission.py": b"x = 1\n",
    "deep/more.py": b"y = 2\n",
    "submission.yaml": b"name: it names workloads\n",
    "requirements.lock": b"alpha==1.0\n",
}


@pytest.fixture
def exchange(tmp_path: Path) -> Path:
    folder = tmp_path / "exchange"
    folder.mkdir()
    return folder


def listing(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_mode & 0o777 for p in folder.rglob("*")}


def test_the_exchange_holds_the_code_readable_by_all_and_nothing_else(exchange):
    before = os.umask(0o077)
    try:
        with furnished_exchange(CODE, exchange) as given:
            assert given == exchange
            assert listing(exchange) == {
                "submission": 0o755,
                "submission/submission.py": 0o644,
                "submission/deep": 0o755,
                "submission/deep/more.py": 0o644,
            }
            assert (exchange / "submission/deep/more.py").read_bytes() == b"y = 2\n"
    finally:
        os.umask(before)


def test_what_an_earlier_trial_left_is_gone_and_what_it_links_to_is_not(exchange, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (exchange / "link").symlink_to(outside)
    (exchange / "dangling").symlink_to(tmp_path / "nowhere")
    (exchange / "control").touch()
    (exchange / "submission/deep").mkdir(parents=True)
    (exchange / "submission/deep/old.py").touch()
    with furnished_exchange({"submission.py": b""}, exchange):
        assert set(listing(exchange)) == {"submission", "submission/submission.py"}
    assert (outside / "kept").exists()


def test_the_exchange_is_empty_afterwards_whatever_happens(exchange):
    with pytest.raises(KeyError), furnished_exchange(CODE, exchange):
        (exchange / directory.WEIGHTS).touch()
        raise KeyError
    assert list(exchange.iterdir()) == []


def test_without_an_exchange_the_message_says_how_to_start_it(tmp_path):
    missing = tmp_path / "nowhere"
    with pytest.raises(TrialError) as caught, furnished_exchange(CODE, missing):
        pass
    assert str(caught.value) == (
        f"There is no {missing}: the referee of a container is started by docker-compose.yml. "
        "Use: kit run --engine docker."
    )


def test_an_exchange_that_cannot_be_written_is_one_line(exchange, monkeypatch):
    def full(folder: Path, sources: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(contained, "write_code", full)
    with pytest.raises(TrialError) as caught, furnished_exchange(CODE, exchange):
        pass
    message = str(caught.value)
    assert message.startswith(f"The exchange {exchange} cannot be used: ")
    assert "No space left on device" in message
