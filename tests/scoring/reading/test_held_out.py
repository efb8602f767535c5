"""A score gated by a verified reveal, or by a choice taken at its word."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from kit.cli.main import main
from kit.errors import UsageError, VerificationError
from kit.records.held_out import Organiser, commit, freeze, load_reveal, reveal
from kit.records.signing import create_key
from kit.rules.ruleset import load_ruleset
from kit.rules.submission import load_submission
from kit.scoring.reading.load import Loaded, Request, load
from tests.records.factory import Results
from tests.scoring.reading.records_factory import RULESET, run, source

POLICY = "held_out: {base_workloads: 1, variants: {mnist: [silu, gelu]}}\nworkloads:\n"


@dataclass
class Draw:
    """A finished draw, in which `first` and `second` were frozen, and results of both."""

    root: Path
    results: Results
    ruleset: Path
    public: Path

    @property
    def choice(self) -> dict[str, str]:
        return dict(load_reveal(self.public, load_ruleset(self.ruleset)).choice)

    @property
    def commit_sha256(self) -> str:
        return load_reveal(self.public, load_ruleset(self.ruleset)).commit_sha256

    def load(self, **options: object) -> Loaded:
        asked = {
            "paths": [self.results.root],
            "ruleset": str(self.ruleset),
            "held_out": self.public,
            "trusted": [self.results.key.public],
        }
        return load(Request(**(asked | options)))


def draw_into(folder: Path, root: Path, ruleset: Path, names: tuple[str, ...]) -> None:
    """Commit, freeze and reveal."""
    config = root / f"organiser_{folder.name}"
    organiser, rules = Organiser(create_key(config, "organiser"), config), load_ruleset(ruleset)
    commit(folder, ruleset=rules, public_value_will_be="drand round 1", organiser=organiser)
    submissions = []
    for name in names:
        own = config / name
        own.mkdir()
        for path, content in source(name).items():
            (own / path).write_bytes(content)
        submissions.append(load_submission(own))
    freeze(folder, ruleset=rules, submissions=submissions, organiser=organiser)
    reveal(folder, ruleset=rules, public_value="5f3759df", organiser=organiser)


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    ruleset = tmp_path / "example.yaml"
    ruleset.write_text(
        RULESET.replace("workloads:\n", POLICY) + "    variants: {silu: {}, gelu: {}}\n"
    )
    made = Draw(tmp_path, Results(tmp_path), ruleset, tmp_path / "public")
    draw_into(made.public, tmp_path, ruleset, ("first", "second"))
    run(made.results, ruleset, "first")
    run(made.results, ruleset, "first", variant=made.choice["mnist"])
    run(made.results, ruleset, "second")
    return made


def kit(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in words])
    return int(caught.value.code or 0)


def test_what_was_revealed_gates(draw: Draw) -> None:
    loaded = draw.load()
    assert dict(loaded.results.rules.held_out) == draw.choice
    assert loaded.held_out.source == "a verified reveal"
    assert not any("No held-out variants" in notice for notice in loaded.notices)
    assert draw.load(held_out=draw.public / "reveal.json").held_out.revealed is not None


def test_a_submission_that_was_not_frozen_is_refused_by_name(draw: Draw) -> None:
    run(draw.results, draw.ruleset, "third")
    message = r"Submission 'third' was not frozen before .* It cannot be scored by this draw:"
    with pytest.raises(VerificationError, match=message):
        draw.load()
    loaded = draw.load(unverified=True)
    assert loaded.verified is False
    assert any(n.startswith("UNVERIFIED: Submission 'third' was not") for n in loaded.notices)


POINT = "{learning_rate: 0.001, nesterov: true, warmup_steps: 10}"
CHANGED = f"{{points: [{POINT}, {POINT}]}}"


def test_a_submission_that_was_changed_since_is_refused_by_name(draw: Draw) -> None:
    other = Results(draw.root / "other")
    run(other, draw.ruleset, "second", tuning=CHANGED)
    with pytest.raises(VerificationError, match="Submission 'second' is not as it was frozen: its"):
        draw.load(paths=[other.root], trusted=[other.key.public])


def test_the_frozen_version_counts_and_others_are_named(draw: Draw) -> None:
    run(draw.results, draw.ruleset, "second", study=2, tuning=CHANGED)
    loaded = draw.load()
    assert {trial.study for trial in loaded.results.trials if trial.submission == "second"} == {1}
    assert any("second: 2 versions ran" in n and "was frozen" in n for n in loaded.notices)


def test_a_submission_whose_records_are_gone_is_refused_too(draw: Draw) -> None:
    run(draw.results, draw.ruleset, "third")
    shutil.rmtree(draw.results.root / "example" / "third")
    with pytest.raises(VerificationError, match="Submission 'third' was not frozen"):
        draw.load()


def test_a_reveal_of_another_ruleset_is_refused(draw: Draw) -> None:
    other = draw.root / "other"
    other.mkdir()
    edited = other / "example.yaml"
    edited.write_text(draw.ruleset.read_text().replace("[silu, gelu]", "[silu]"))
    draw_into(other / "public", other, edited, ("first", "second"))
    with pytest.raises(VerificationError, match="The commitment is about ruleset 'example' with"):
        draw.load(held_out=other / "public")


def test_an_altered_reveal_is_refused_even_where_records_need_not_verify(draw: Draw) -> None:
    path = draw.public / "reveal.json"
    path.write_bytes(path.read_bytes().replace(b"payload", b"pay1oad", 1))
    for unverified in (False, True):
        with pytest.raises(VerificationError, match=r"reveal\.json"):
            draw.load(unverified=unverified)


def test_a_draw_without_a_reveal_is_refused(draw: Draw) -> None:
    (draw.public / "reveal.json").unlink()
    with pytest.raises(VerificationError, match="nothing is revealed yet"):
        draw.load()


def test_another_draw_than_the_pinned_one_is_refused(draw: Draw) -> None:
    assert draw.load(commit_sha256=draw.commit_sha256).held_out.revealed is not None
    message = rf"another draw: the sha256 of its commit.json is {draw.commit_sha256}\. Received: -"
    with pytest.raises(VerificationError, match=message):
        draw.load(commit_sha256="0" * 64)
    with pytest.raises(UsageError, match="--commit says which draw it must be, so it goes with"):
        draw.load(held_out={"mnist": "silu"}, commit_sha256="0" * 64)


def test_a_strangers_draw_is_refused_where_keys_are_asked_for(draw: Draw) -> None:
    with pytest.raises(VerificationError, match=r"commit\.json: Unknown key"):
        draw.load(must_trust=True)
    key = load_reveal(draw.public, load_ruleset(draw.ruleset)).key
    trusted = [draw.results.key.public, key]
    assert draw.load(must_trust=True, trusted=trusted).held_out.revealed is not None


def test_only_what_is_scored_must_be_frozen(draw: Draw) -> None:
    variant = {"silu": "gelu", "gelu": "silu"}[draw.choice["mnist"]]
    run(draw.results, draw.ruleset, "third", variant=variant)
    assert "third" in draw.load().results.submissions


@pytest.mark.parametrize(
    ("held_out", "words"), [(None, "no choice was given"), ({}, "`none` was given")]
)
def test_a_policy_without_a_choice_says_so(draw: Draw, held_out: object, words: str) -> None:
    notices = draw.load(held_out=held_out).notices
    (notice,) = (n for n in notices if n.startswith("No held-out variants: ruleset example has"))
    assert words in notice


def test_logs_cannot_be_compared_with_what_was_frozen(draw: Draw, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text(
        "submission,study,workload,trial,global_step,accumulated_submission_time,value\n"
        "first,1,mnist,1,100,10,0.95\n"
    )
    with pytest.raises(UsageError, match="Logs do not say which version of a submission ran"):
        draw.load(paths=[log])
    assert draw.load(paths=[log], held_out={"mnist": "silu"}).held_out.source == "taken at its word"


def test_the_draw_stands_in_every_output(
    draw: Draw, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STOPWATCH_CONFIG", str(draw.results.config))
    page = draw.root / "board.md"
    asked = ("score", draw.results.root, "--ruleset", draw.ruleset)
    by_draw = ("--held-out", draw.public, "--commit", draw.commit_sha256)
    assert kit(*asked, *by_draw, "--markdown", page) == 0
    out = capsys.readouterr().out
    assert "by a verified reveal. The sha256 of its commit.json is" in out
    assert draw.commit_sha256 in out
    assert draw.commit_sha256 in page.read_text()
    assert kit(*asked, *by_draw, "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["held_out_source"] == "a verified reveal"
    assert content["held_out_draw"]["commit_sha256"] == draw.commit_sha256

    word = f"mnist={draw.choice['mnist']}"
    assert kit(*asked, "--held-out", word) == 0
    assert f"mnist: {draw.choice['mnist']}: taken at its word." in capsys.readouterr().out
    assert kit(*asked, "--held-out", word, "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["held_out_source"], content["held_out_draw"]) == ("taken at its word", None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--held-out", "public"), "or one folder that exists, the public one of a draw; or `non"),
        (("--held-out", "none", "--commit", "0" * 64), "--commit says which draw it must be"),
        (("--commit", "0" * 64), "--commit says which draw it must be"),
        (("--held-out", "none", "--commit", "0"), "--commit takes the sha256 of a commit.json, 64"),
        (("--held-out", "mnist=silu", "--held-out", "elsewhere"), "--held-out takes base=variant,"),
    ],
)
def test_wrong_requests_are_one_line(
    draw: Draw,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.setenv("STOPWATCH_CONFIG", str(draw.results.config))
    assert kit("score", draw.results.root, "--ruleset", draw.ruleset, *words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
