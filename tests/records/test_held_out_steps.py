"""Commit, freeze, reveal: in this order, once, whole or not at all."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kit.errors import KitError, NotAvailable, TrialError, UsageError, VerificationError
from kit.records.held_out import (
    commit,
    examine,
    freeze,
    load_reveal,
    read_public_folder,
    reveal,
)
from kit.records.signing import load_key
from kit.rules.ruleset import load_ruleset
from kit.rules.seeds import commitment
from tests.records.held_out import PROMISED, PUBLIC_VALUE, Draw, ruleset_text


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    return Draw(tmp_path)


def refused(kind: type[KitError], step: Callable[[], object]) -> str:
    """Take a step that must be refused; return the message, which is one line."""
    with pytest.raises(kind) as caught:
        step()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_whole_draw_is_verified(draw: Draw) -> None:
    first = draw.commit()
    second, added = draw.freeze("grace", "ada")
    last = draw.reveal()

    revealed = load_reveal(draw.folder, draw.ruleset)
    assert added == ["ada", "grace"]
    assert set(draw.files()) == {"tiny.yaml", "commit.json", "freeze-1.json", "reveal.json"}
    assert revealed.frozen == {name: draw.submission(name).sha256 for name in ("ada", "grace")}
    assert revealed.public_value == PUBLIC_VALUE
    assert revealed.commit_sha256 == first.sha256
    assert revealed.freeze_sha256 == second.sha256
    assert revealed.reveal_sha256 == last.sha256
    assert revealed.key == draw.organiser.key.public
    assert (revealed.ruleset, revealed.ruleset_sha256) == ("tiny", draw.ruleset.sha256)
    (base, variant), *others = revealed.choice.items()
    assert not others
    assert variant in {"digits": ("silu", "gelu"), "speech": ("tanh", "glu")}[base]
    assert last.said.choice == f"{base}: {variant}"


def test_the_nonce_is_private_and_appears_nowhere_before_the_reveal(draw: Draw) -> None:
    statement = draw.commit()
    draw.freeze("ada")
    (path,) = draw.nonces()
    nonce = path.read_text().strip()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert commitment(bytes.fromhex(nonce)) == statement.said.commitment
    assert not any(nonce.encode() in content for content in draw.files().values())
    assert nonce not in repr(statement)
    assert draw.reveal().said.nonce == nonce


def test_a_second_commitment_is_refused_and_the_nonce_stays(draw: Draw) -> None:
    draw.commit()
    before, nonces = draw.files(), [path.read_bytes() for path in draw.nonces()]

    message = refused(UsageError, draw.commit)
    assert "holds commit.json: a commitment is never replaced" in message
    assert draw.files() == before
    assert [path.read_bytes() for path in draw.nonces()] == nonces


def test_two_draws_of_one_ruleset_have_nonces_of_their_own(draw: Draw) -> None:
    first = draw.commit()
    draw.folder = draw.root / "next year"
    second = draw.commit()

    assert first.said.commitment != second.said.commitment
    assert len(draw.nonces()) == 2


def test_another_file_in_the_rulesets_place_is_not_overwritten(draw: Draw) -> None:
    draw.folder.mkdir()
    (draw.folder / "tiny.yaml").write_text("mine")

    assert "another file than the ruleset" in refused(UsageError, draw.commit)
    assert draw.files() == {"tiny.yaml": b"mine"}
    assert draw.nonces() == []


@pytest.mark.parametrize("text", ["", "  ", "two\nlines", "x" * 501, "\x1b[31m"])
def test_an_unusable_description_is_refused(draw: Draw, text: str) -> None:
    def step() -> object:
        return commit(
            draw.folder,
            ruleset=draw.ruleset,
            public_value_will_be=text,
            organiser=draw.organiser,
        )

    assert "--public-value-will-be=" in refused(UsageError, step)
    assert not draw.folder.exists()


def test_no_step_works_without_a_policy(draw: Draw) -> None:
    draw.ruleset = load_ruleset("algoperf-0.6")
    for step in (draw.commit, lambda: draw.freeze("ada"), draw.reveal):
        assert "has no held_out section" in refused(NotAvailable, step)
    assert not draw.folder.exists()


def test_nothing_is_frozen_or_revealed_before_the_commitment(draw: Draw) -> None:
    for step in (lambda: draw.freeze("ada"), draw.reveal):
        assert "Run `kit heldout commit` first" in refused(UsageError, step)
    assert not draw.folder.exists()


def test_nothing_is_revealed_before_the_freeze(draw: Draw) -> None:
    draw.commit()
    before = draw.files()

    assert "Run `kit freeze` first" in refused(UsageError, draw.reveal)
    assert draw.files() == before


def test_a_freeze_only_adds(draw: Draw) -> None:
    draw.commit()
    first, _ = draw.freeze("ada")
    second, added = draw.freeze("ada", "grace")

    assert added == ["grace"]
    assert second.said.number == "2"
    assert second.said.previous == first.sha256
    assert set(second.digests) == {"ada", "grace"}


def test_freezing_the_same_again_changes_nothing(draw: Draw) -> None:
    draw.commit()
    first, _ = draw.freeze("ada", "grace")
    before = draw.files()

    assert draw.freeze("grace") == (first, [])
    assert draw.files() == before


def test_a_changed_submission_is_not_frozen_over(draw: Draw) -> None:
    draw.commit()
    draw.freeze("ada")
    before = draw.files()
    changed = draw.submission("ada", "better = True\n")

    def step() -> object:
        return freeze(
            draw.folder,
            ruleset=draw.ruleset,
            submissions=[changed],
            organiser=draw.organiser,
        )

    message = refused(UsageError, step)
    assert "What is frozen is never replaced" in message
    assert changed.sha256 in message
    assert draw.files() == before


def test_a_name_given_twice_is_refused_with_both_folders(draw: Draw) -> None:
    draw.commit()
    other = replace(draw.submission("ada"), folder=Path("elsewhere/ada"))

    def step(*submissions: object) -> object:
        return freeze(
            draw.folder,
            ruleset=draw.ruleset,
            submissions=submissions,  # type: ignore[arg-type]
            organiser=draw.organiser,
        )

    message = refused(UsageError, lambda: step(draw.submission("ada"), other))
    assert f"'ada' is given twice: {draw.root}/submissions/ada and elsewhere/ada" in message
    assert "name at least one" in refused(UsageError, step)
    assert "freeze-1.json" not in draw.files()


def test_nothing_is_frozen_after_the_reveal(draw: Draw) -> None:
    draw.finished()
    before = draw.files()

    message = refused(UsageError, lambda: draw.freeze("late"))
    assert "nothing can be frozen any more" in message
    assert draw.files() == before


def test_another_public_value_is_refused_and_the_same_changes_nothing(draw: Draw) -> None:
    statement = draw.finished().reveal()
    before = draw.files()

    assert "A reveal happens once" in refused(UsageError, lambda: draw.reveal("another"))
    assert draw.reveal() == statement
    assert draw.files() == before


def test_a_public_value_that_can_be_misread_is_refused(draw: Draw) -> None:
    draw.commit()
    draw.freeze("ada")

    assert "printable ASCII" in refused(UsageError, lambda: draw.reveal("5f3759df\n"))
    assert "reveal.json" not in draw.files()


def test_a_changed_ruleset_is_refused_at_every_step(draw: Draw) -> None:
    draw.commit()
    path = draw.root / "tiny.yaml"
    path.write_text(ruleset_text().replace("[silu, gelu]", "[silu]"))
    draw.ruleset = load_ruleset(path)

    for step in (lambda: draw.freeze("ada"), draw.reveal):
        message = refused(VerificationError, step)
        assert "The commitment is about ruleset 'tiny' with the sha256" in message
        assert draw.ruleset.sha256 in message


def test_another_key_cannot_continue(draw: Draw) -> None:
    draw.commit()
    draw.organiser = draw.with_key("impostor")

    message = refused(UsageError, lambda: draw.freeze("ada"))
    assert "was signed by another key, 'organiser' with the id " in message
    assert "this is 'impostor' with" in message
    assert "STOPWATCH_KEY" in message


def test_a_lost_nonce_says_what_that_means(draw: Draw) -> None:
    draw.commit()
    draw.freeze("ada")
    (nonce,) = draw.nonces()
    kept = nonce.read_bytes()
    nonce.unlink()

    message = refused(UsageError, draw.reveal)
    assert f"{nonce}: No such file or directory" in message
    assert "nobody can ever reveal" in message
    assert "commit anew in another --folder" in message
    nonce.write_bytes(kept)
    nonce.chmod(0o600)
    assert draw.reveal().said.nonce.encode() == kept.strip()


@pytest.mark.parametrize("content", [b"", b"00", b"not hexadecimal", b"\xff", b"0" * 64])
def test_a_damaged_nonce_is_refused(draw: Draw, content: bytes) -> None:
    draw.commit()
    draw.freeze("ada")
    draw.nonces()[0].write_bytes(content)

    message = refused(VerificationError, draw.reveal)
    assert "not the nonce that was committed to" in message
    assert "reveal.json" not in draw.files()


def test_a_nonce_that_others_could_read_is_not_used_silently(draw: Draw) -> None:
    draw.commit()
    draw.freeze("ada")
    draw.nonces()[0].chmod(0o644)

    assert "who may have known the nonce" in refused(UsageError, draw.reveal)


def test_a_clock_that_goes_back_is_refused(draw: Draw) -> None:
    draw.commit()
    draw.organiser = replace(draw.organiser, now=lambda: "2029-12-31T23:59:59.999+00:00")

    message = refused(TrialError, lambda: draw.freeze("ada"))
    assert "clock says 2029-12-31" in message
    assert "freeze-1.json" not in draw.files()


def test_only_one_process_writes_at_a_time(draw: Draw) -> None:
    draw.commit()
    descriptor = os.open(draw.folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        message = refused(TrialError, lambda: draw.freeze("ada"))
    finally:
        os.close(descriptor)
    assert message.startswith("Another process is writing to")
    assert draw.freeze("ada")[1] == ["ada"]


def test_a_folder_that_cannot_be_made_leaves_no_nonce(draw: Draw) -> None:
    draw.folder.write_text("a file")

    assert f"Cannot write {draw.folder}" in refused(TrialError, draw.commit)
    assert draw.nonces() == []


def test_a_private_folder_that_cannot_be_made_commits_to_nothing(draw: Draw) -> None:
    (draw.config / "held-out").write_text("a file")

    assert "Cannot write" in refused(TrialError, draw.commit)
    assert draw.files() == {}


def test_a_disk_that_fails_at_the_statement_leaves_no_nonce(
    draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def fail(source: Path, target: Path) -> None:
        if Path(target).name == "commit.json":
            raise OSError(28, "No space left on device")
        link(source, target)

    monkeypatch.setattr(os, "link", fail)
    assert "the disk is full" in refused(TrialError, draw.commit)
    assert set(draw.files()) == {"tiny.yaml"}
    assert draw.nonces() == []
    monkeypatch.undo()
    assert draw.commit().file == "commit.json"


def test_a_nonce_stays_when_its_commitment_is_out_although_the_disk_complains(
    draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kit.records import atomic

    def fail(folder: Path) -> None:
        if (folder / "commit.json").exists():
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(atomic, "sync_folder", fail)
    assert "Input/output error" in refused(TrialError, draw.commit)
    monkeypatch.undo()
    assert len(draw.nonces()) == 1
    draw.freeze("ada")
    assert draw.reveal().file == "reveal.json"


def killed(step: Callable[[], object], at: int) -> bool:
    """Take a step in a child that is killed at its `at`-th call for the disk; False if it ended."""
    child = os.fork()
    if child == 0:
        calls = 0
        for name in ("fsync", "link", "unlink"):
            real = getattr(os, name)

            def counted(*words: object, real: Callable[..., object] = real) -> object:
                nonlocal calls
                calls += 1
                if calls == at:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*words)

            setattr(os, name, counted)
        try:
            step()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


FILES = {"commit": "commit.json", "freeze": "freeze-1.json", "reveal": "reveal.json"}


def take(draw: Draw, step: str) -> None:
    {"commit": draw.commit, "freeze": lambda: draw.freeze("ada"), "reveal": draw.reveal}[step]()


@pytest.mark.parametrize("step", FILES)
def test_a_kill_at_any_moment_leaves_the_step_done_or_undone(tmp_path: Path, step: str) -> None:
    steps = list(FILES)
    at, was_killed, outcomes = 0, True, set()
    while was_killed:
        at += 1
        (tmp_path / str(at)).mkdir()
        draw = Draw(tmp_path / str(at))
        for earlier in steps[: steps.index(step)]:
            take(draw, earlier)
        was_killed = killed(lambda: take(draw, step), at)  # noqa: B023
        is_done = (draw.folder / FILES[step]).exists()
        outcomes.add((was_killed, is_done))
        if is_done:
            assert examine(read_public_folder(draw.folder), expected=draw.ruleset).ok
        else:
            take(draw, step)  # simply repeated
        for later in steps[steps.index(step) + 1 :]:
            take(draw, later)
        assert load_reveal(draw.folder, draw.ruleset).choice

    assert outcomes == {(True, False), (True, True), (False, True)}


def test_the_key_that_signs_is_the_organisers(draw: Draw) -> None:
    draw.finished()
    key = load_key(draw.config / "keys" / "organiser.pem")

    assert load_reveal(draw.folder, draw.ruleset, trusted=[key.public]).key.hex == key.public.hex


def test_steps_name_what_was_promised(draw: Draw) -> None:
    assert draw.commit().said.public_value_will_be == PROMISED
    draw.freeze("ada")

    def step() -> object:
        return reveal(
            draw.root / "elsewhere",
            ruleset=draw.ruleset,
            public_value=PUBLIC_VALUE,
            organiser=draw.organiser,
        )

    assert f"{draw.root}/elsewhere holds no commit.json" in refused(UsageError, step)
