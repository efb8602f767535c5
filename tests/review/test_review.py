"""`kit review` with the real SDK: downloads, hostile artifacts, restarts, and what is printed."""

from __future__ import annotations

import gc
import json
import shutil
from collections.abc import Iterator

import pytest

from kit.cli.main import main
from tests.review.mirrored import ENTITY, PROJECT, add_file
from tests.wandb_server import Fault, run_operations
from tests.wandb_server.operations import HANDLERS
from tests.wandb_server.state import HISTORY

# What the SDK leaves open when a download fails.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Let what the SDK left open be noticed here, where it is expected."""
    yield
    gc.collect()


def test_project_that_shows_what_was_signed_matches(mirrored, review):
    code, found = review()
    assert (code, found["ok"], found["problems"]) == (0, True, [])
    assert [r["counts_as"] for r in found["records"]] == ["official", "official"]
    assert [line["submission"] for line in found["leaderboard"]["standings"]] == ["first"]
    assert found["leaderboard"]["standings"][0]["remarks"] == ["official", "self-attested"]


def test_what_was_changed_at_wandb_is_named_and_the_rest_believed(mirrored, review):
    first, second = mirrored.trials
    first.summary["time_to_target_seconds"] = 1.0
    row = json.loads(first.lines[HISTORY][1])
    first.lines[HISTORY][1] = json.dumps(row | {"validation/accuracy": 0.99})
    mirrored.evidence(first).aliases = {"latest", "SW-AAAA-BBBB"}
    stored = mirrored.server.state.stored
    stored[mirrored.evidence(second).paths["log.txt"]] = b"another"
    code, found = review()
    named = {(problem["check"], problem["where"].split()[0]) for problem in found["problems"]}
    assert code == 1
    assert {("summary", "run"), ("history", "run"), ("digests", "record")} <= named
    assert ("alias", f"evidence-{first.name}") in named
    assert {r["run_id"]: r["believed"] for r in found["records"]} == {
        first.name: True,
        second.name: False,
    }
    assert found["leaderboard"]["standings"][0]["times"]["mnist"]["seconds"] == "inf"


slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("add", "says"),
    [
        (lambda a, s: add_file(a, s, "../../escaped", b"x"), "holds '../../escaped'"),
        pytest.param(
            lambda a, s: add_file(a, s, "/tmp/escaped", b"x"), "holds '/tmp/escaped'", marks=slow
        ),
        pytest.param(
            lambda a, s: add_file(a, s, "notes.txt", b"x"), "holds 'notes.txt'", marks=slow
        ),
        (lambda a, s: add_file(a, s, "log.txt", b"x", ref="file:///etc/passwd"), "is a reference"),
        pytest.param(
            lambda a, s: add_file(a, s, "trial.json", b"x", size=1 << 40), "are allowed", marks=slow
        ),
    ],
    ids=["up", "absolute", "unexpected", "reference", "large"],
)
def test_hostile_artifact_is_refused_before_it_is_written(mirrored, review, add, says):
    add(mirrored.evidence(mirrored.trials[0]), mirrored.server.state)
    code, found = review()
    assert code == 1
    assert any(says in p["sentence"] for p in found["problems"] if p["check"] == "evidence")
    assert not list(mirrored.folder.rglob("escaped"))


@pytest.mark.slow  # three attempts
def test_file_larger_than_its_list_of_contents_says_is_not_stored(mirrored, review, monkeypatch):
    from kit.mirror.bundle import EVIDENCE_TYPE
    from kit.review.copies import LIMITS_BYTES

    small = dict.fromkeys(LIMITS_BYTES[EVIDENCE_TYPE], 64 * 1024)
    monkeypatch.setitem(LIMITS_BYTES, EVIDENCE_TYPE, small)
    artifact = mirrored.evidence(mirrored.trials[0])
    mirrored.server.state.stored[artifact.paths["log.txt"]] = bytes(1 << 20)
    code, found = review()
    assert code == 1
    assert any("cannot be downloaded" in p["sentence"] for p in found["problems"])
    sizes = [p.stat().st_size for p in (mirrored.folder / "review").rglob("*") if p.is_file()]
    assert max(sizes) <= 64 * 1024


def test_review_goes_on_where_a_restarted_server_cut_it_off(mirrored, review, monkeypatch):
    server = mirrored.server
    server.faults.inject(Fault("ProjectArtifacts", kind="refuse", status=404, times=1, after=1))
    with pytest.raises(SystemExit) as stopped:
        main(["review", f"{ENTITY}/{PROJECT}", "--folder", str(mirrored.folder / "review")])
    assert stopped.value.code == 1
    server.stop()
    server.start()
    server.faults.clear()
    server.seen.clear()
    code, _ = review()
    assert code == 0
    downloads = server.seen.count("GetArtifactMembershipFileUrls")
    assert downloads == 2  # of three: one record was here already


def test_second_review_sees_what_was_changed_after_the_first(mirrored, review):
    assert review()[0] == 0
    stored = mirrored.server.state.stored
    stored[mirrored.evidence(mirrored.trials[0]).paths["log.txt"]] = b"another"
    code, found = review()
    assert code == 1
    assert [problem["check"] for problem in found["problems"]] == ["digests"]


@pytest.mark.parametrize("tells", ["nothing", "refuses"])
def test_history_is_read_from_a_server_that_tells_no_last_step(
    mirrored, review, monkeypatch, tells
):
    def nothing(state, given, url):
        return {"project": {"run": {"historyKeys": None}}}

    if tells == "nothing":
        monkeypatch.setitem(HANDLERS, "RunHistoryKeys", nothing)
    else:
        monkeypatch.delitem(HANDLERS, "RunHistoryKeys")
    code, found = review()
    assert (code, found["problems"]) == (0, [])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"history": ["garbage"]}, "cannot be read, so it was not compared: Expecting value"),
        pytest.param({"history": ["[1]"]}, "row 1 of the history is [1], not an", marks=slow),
        pytest.param({"history": [3]}, "the JSON object must be str", marks=slow),
        ({"summaryMetrics": "garbage"}, "not compared: Expecting value"),
        pytest.param({"summaryMetrics": "[1]"}, "Unable to convert [1] to a dict", marks=slow),
        pytest.param({"config": "garbage"}, "not compared: Expecting value", marks=slow),
        pytest.param({"tags": 3}, "'int' object is not iterable", marks=slow),
    ],
    ids=str,
)
def test_a_run_of_garbage_is_named_and_the_others_are_compared(
    mirrored, review, monkeypatch, content, says
):
    spoilt, other = mirrored.trials
    other.summary["time_to_target_seconds"] = 1.0
    node, full = run_operations.run_node, HANDLERS["RunFullHistory"]

    def spoilt_node(run):
        return node(run) | (content if run.name == spoilt.name else {})

    def spoilt_history(state, given, url):
        answer = full(state, given, url)
        if given["name"] == spoilt.name:
            answer["project"]["run"] |= content
        return answer

    monkeypatch.setattr(run_operations, "run_node", spoilt_node)
    if "history" in content:
        monkeypatch.delitem(HANDLERS, "RunHistoryKeys")  # so that all rows are asked for at once
        monkeypatch.setitem(HANDLERS, "RunFullHistory", spoilt_history)
    code, found = review()
    assert code == 1
    where = {problem["where"]: problem["sentence"] for problem in found["problems"]}
    assert says in where[f"run {spoilt.name}"]
    assert "time_to_target_seconds" in where[f"run {other.name}"]
    assert all(record["believed"] for record in found["records"])


def run_plainly(capsys, *words: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit_:
        main(["review", *map(str, words)])
    shown = capsys.readouterr()
    return exit_.value.code, shown.out, shown.err


def test_page_names_what_differs_and_writes_the_leaderboard(mirrored, capsys, tmp_path):
    mirrored.trials[0].summary["time_to_target_seconds"] = 1.0
    code, out, _ = run_plainly(
        capsys, f"{ENTITY}/{PROJECT}", "--folder", tmp_path / "review", "--resamples", 0,
        "--trusted-keys", tmp_path / "keys.yaml", "--ruleset", mirrored.ruleset,
        "--markdown", tmp_path / "board.md",
    )  # fmt: skip
    assert code == 1
    assert out.startswith("DOES NOT MATCH: team/stopwatch, 2 records, 1 thing differs\n")
    assert f"- run {mirrored.trials[0].name} (summary): summary time_to_target_seconds is" in out
    assert "2 × official, self-attested" in out
    assert "| first | 1.0000 |" in (tmp_path / "board.md").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["team"], "Say whose project, and which: ENTITY/PROJECT"),
        (["team/stopwatch", "--folder", "results"], "A review needs a folder of its own"),
        (["team/stopwatch", "--trusted-keys", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["team/elsewhere", "--folder", "new"], "W&B shows no project team/elsewhere to this key"),
    ],
)
def test_request_that_makes_no_sense_exits_2(mirrored, capsys, monkeypatch, words, message):
    monkeypatch.chdir(mirrored.folder)
    code, _, error = run_plainly(capsys, *words)
    assert code == 2
    assert message in error
    assert (mirrored.folder / "results" / "ledger.jsonl").exists()


def test_review_without_a_key_asks_for_one(mirrored, capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("WANDB_API_KEY")
    code, _, err = run_plainly(capsys, f"{ENTITY}/{PROJECT}", "--folder", tmp_path / "review")
    assert code == 2
    assert "There is no W&B key, and the project cannot be read without one." in err


def test_downloads_that_cannot_be_removed_are_no_silent_matter(mirrored, capsys, monkeypatch):
    folder = mirrored.folder / "review"
    remove = shutil.rmtree

    def refuse(path, *given, **options):
        if path == folder / "downloads":
            raise PermissionError(13, "Permission denied", str(path))
        remove(path, *given, **options)

    monkeypatch.setattr(shutil, "rmtree", refuse)
    code, _, err = run_plainly(capsys, f"{ENTITY}/{PROJECT}", "--folder", folder)
    assert code == 1
    assert f"Cannot write {folder / 'downloads'}: Permission denied" in err
