from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kit import paths, registry
from kit.errors import InvalidFile, InvalidSubmission, UnknownName
from kit.rules.folder import compressed_bytes
from kit.rules.ruleset import load_ruleset
from kit.rules.source_digest import digest_files
from kit.rules.submission import load_submission, read_manifest

Add = Callable[..., Path]


def refusal(name_or_path: str | Path) -> str:
    with pytest.raises(InvalidSubmission) as caught:
        load_submission(name_or_path)
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_a_submission_is_read_without_importing_it(add_submission: Add) -> None:
    folder = add_submission(files={"parts/roots.py": b"x = 1\n", "README.md": "é".encode()})
    submission = load_submission("tuned")

    assert submission.name == "tuned"
    assert submission.folder == folder
    assert submission.files == ("README.md", "parts/roots.py", "submission.py", "submission.yaml")
    assert submission.contents["parts/roots.py"] == b"x = 1\n"


def test_the_digest_is_the_one_of_records(add_submission: Add) -> None:
    folder = add_submission()
    files = {path.name: path.read_bytes() for path in folder.iterdir()}

    assert load_submission("tuned").sha256 == digest_files(files)


def test_any_changed_path_or_content_changes_the_digest(add_submission: Add) -> None:
    folder = add_submission(files={"a.txt": b"1"})
    digests = {load_submission(folder).sha256}
    (folder / "a.txt").write_bytes(b"2")
    digests.add(load_submission(folder).sha256)
    (folder / "a.txt").rename(folder / "b.txt")
    digests.add(load_submission(folder).sha256)

    assert len(digests) == 3


def test_bytecode_is_ignored(add_submission: Add) -> None:
    folder = add_submission()
    before = load_submission("tuned").sha256
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "submission.cpython-311.pyc").write_bytes(b"\0")

    assert load_submission("tuned").sha256 == before


def test_contents_are_the_bytes_that_were_hashed(add_submission: Add) -> None:
    folder = add_submission(files={"parts/roots.py": b"x = 1\n"})
    submission = load_submission("tuned")
    (folder / "submission.py").write_text("changed = True\n")

    assert digest_files(submission.contents) == submission.sha256
    assert b"changed" not in submission.contents["submission.py"]


def test_a_submission_may_lie_anywhere(add_submission: Add, project: Path) -> None:
    folder = add_submission().rename(project / "elsewhere")

    assert load_submission(folder).name == "tuned"
    assert load_submission(str(folder)).folder == folder


def test_an_unknown_submission_is_refused(add_submission: Add) -> None:
    add_submission()

    with pytest.raises(UnknownName) as caught:
        load_submission("tunned")
    assert str(caught.value) == (
        "Unknown submission 'tunned'. Choose one of: tuned. Received: --submission=tunned."
    )


@pytest.mark.parametrize("name", ["submission.py", "submission.yaml"])
def test_both_files_are_needed(add_submission: Add, name: str) -> None:
    folder = add_submission()
    (folder / name).unlink()

    assert refusal(folder) == f"submissions/tuned: no {name}. Add it, or check the folder."


def test_the_name_is_that_of_the_folder(add_submission: Add) -> None:
    add_submission().rename(add_submission("other").parent / "renamed")

    assert refusal("renamed") == (
        "submissions/renamed/submission.yaml: name: must be the name of the folder, 'renamed'. "
        "Received: 'tuned'. Rename one of them."
    )


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        (
            "weights.npz",
            b"x",
            "submissions/tuned/weights.npz: not a kind of file that a submission may hold. "
            "Choose one of: .py, .yaml, .md, .txt, .lock. Received: .npz. Remove it.",
        ),
        ("LICENSE", b"x", "Received: no suffix. Remove it."),
        (
            "table.txt",
            b"a\0b",
            "submissions/tuned/table.txt: binary content. A submission holds UTF-8 text only, so "
            "no trained parameters. Remove it, or save it as UTF-8.",
        ),
        ("table.txt", b"\xff\xfe", "binary content"),
        (
            "table.txt",
            b"x" * (1 << 20),
            "submissions/tuned: more than the 1,048,576 bytes that the ruleset allows, counted up "
            "to table.txt. Remove what the algorithm does not need.",
        ),
        (".hidden.py", b"", "Received: '.hidden.py'. Rename or remove it."),
        (
            "new\nline.py",
            b"",
            "a name may hold letters, digits, '.', '_' and '-', and does not start",
        ),
        ("parts/-f.py", b"", "Received: '-f.py'"),
    ],
)
def test_what_a_submission_may_not_hold(
    add_submission: Add, path: str, content: bytes, said: str
) -> None:
    add_submission(files={path: content})

    assert said in refusal("tuned")


WORDS = (b"one", b"two")


def bits(noise: bytes) -> list[int]:
    return [int(bit) for bit in np.unpackbits(np.frombuffer(noise, np.uint8))]


def test_text_that_stores_parameters_is_rejected_with_size_limit_and_fix(
    add_submission: Add,
) -> None:
    noise = base64.b85encode(np.random.default_rng(0).bytes(7200))
    add_submission(files={"table.txt": noise})
    with pytest.raises(InvalidSubmission) as caught:
        load_submission("tuned", load_ruleset("tiny").submission_limits)
    assert re.fullmatch(
        r"submissions/tuned: its text is 7,\d{3} bytes when compressed, and the ruleset allows "
        r"5,000\. Remove tables of numbers and encoded data: parameters may not be trained "
        r"beforehand\.",
        str(caught.value),
    ), str(caught.value)


@pytest.mark.parametrize(
    "spread",
    [
        lambda noise: {f"part{i}.txt": noise[i : i + 20] for i in range(0, len(noise), 20)},
        lambda noise: {noise[i : i + 40].hex() + ".py": b"" for i in range(0, len(noise), 40)},
        lambda noise: {"code.py": b'"""' + base64.b85encode(noise) + b'"""'},
        lambda noise: {"code.py": b"\n".join(b"x%d=%d" % (i, b) for i, b in enumerate(noise))},
        lambda noise: {"words.md": b" ".join(WORDS[bit] for bit in bits(noise))},
    ],
    ids=["many files", "file names", "docstring", "numbers", "words"],
)
def test_information_counts_wherever_it_is(spread: Any) -> None:
    assert compressed_bytes(spread(np.random.default_rng(0).bytes(9000))) > 5000


def test_the_size_is_the_same_for_everyone() -> None:
    """The number is that of the `xz` command in kit/rules/folder.py."""
    contents = {"b.md": b"# Notes\n" * 50, "a.py": b"x = 1\n" * 100}
    assert compressed_bytes(contents) == compressed_bytes(dict(reversed(contents.items()))) == 50


def test_real_submissions_are_far_from_every_limit() -> None:
    limits = [load_ruleset(name).submission_limits for name in registry.ruleset_names()]
    lowest = min(limit.max_compressed_bytes for limit in limits)
    everything: dict[str, bytes] = {}
    for name in registry.submission_names():
        contents = load_submission(name).contents
        assert compressed_bytes(contents) < lowest / 8
        everything |= {f"{name}/{path}": content for path, content in contents.items()}
    # Even all of them in one, with all that algorithms share.
    for path in paths.PROJECT.glob("kit/algorithms/*.py"):
        everything[path.name] = path.read_bytes()
    assert len(everything) > 15
    assert compressed_bytes(everything) < lowest


def test_links_are_refused(add_submission: Add) -> None:
    folder = add_submission()
    (folder / "secret.txt").symlink_to("/etc/hostname")

    assert refusal("tuned") == (
        "submissions/tuned/secret.txt: a symbolic link. Copy what it points to into the folder."
    )


def test_linked_folders_are_refused(add_submission: Add, tmp_path: Path) -> None:
    folder = add_submission()
    (folder / "parts").symlink_to(tmp_path, target_is_directory=True)

    assert "parts: a symbolic link." in refusal("tuned")


def test_pipes_are_refused(add_submission: Add) -> None:
    os.mkfifo(add_submission() / "pipe.txt")

    assert refusal("tuned") == "submissions/tuned/pipe.txt: not a regular file. Remove it."


def test_too_many_files_are_refused(add_submission: Add) -> None:
    add_submission(files={f"f{number}.txt": b"" for number in range(500)})

    assert "more than 500 files and folders." in refusal("tuned")


def test_unreadable_files_are_refused(add_submission: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    add_submission()
    monkeypatch.setattr(Path, "open", refuse)

    assert refusal("tuned") == (
        "submissions/tuned/submission.py: cannot be read: Permission denied. Check its permissions."
    )


def test_a_wrong_manifest_is_explained(add_submission: Add) -> None:
    folder = add_submission(tuning="default: {fixd: {}}")

    for read in (load_submission, read_manifest):
        with pytest.raises(InvalidFile) as caught:
            read(folder)
        assert str(caught.value) == (
            "submissions/tuned/submission.yaml: tuning.default: unknown key 'fixd'. Choose one of: "
            "points, search_space, fixed. Did you mean 'fixed'?"
        )


def test_a_rulesets_own_tuning_goes_before_the_default(add_submission: Add) -> None:
    add_submission(tuning="tiny: {fixed: {a: 1}}\ndefault: {fixed: {a: 2}}")
    submission = load_submission("tuned")

    assert submission.tuning_for("tiny").fixed == {"a": 1}
    assert submission.tuning_for("huge").fixed == {"a": 2}


def test_a_ruleset_without_tuning_is_refused(add_submission: Add) -> None:
    add_submission(tuning="tiny: {fixed: {}}")

    with pytest.raises(InvalidSubmission) as caught:
        load_submission("tuned").tuning_for("huge")
    assert str(caught.value) == (
        "submissions/tuned/submission.yaml: no tuning for ruleset huge. Received: tiny. "
        "Add `huge:` or `default:` under tuning."
    )


def test_tuning_for_a_ruleset_that_does_not_exist_is_refused(add_submission: Add) -> None:
    add_submission(tuning="tiney: {fixed: {}}\ndefault: {fixed: {}}")

    with pytest.raises(InvalidSubmission) as caught:
        load_submission("tuned").tuning_for("tiny")
    assert str(caught.value) == (
        "submissions/tuned/submission.yaml: tuning.tiney names no ruleset. Choose one of: default, "
        "huge, tiny. Rename the key."
    )


def test_a_variants_batch_size_goes_before_its_workloads(add_submission: Add) -> None:
    add_submission()
    submission = load_submission("tuned")

    assert submission.batch_size("mini", "digits", None) == 32
    assert submission.batch_size("mini", "digits", "silu") == 16
    assert submission.batch_size("mini", "digits", "gelu") == 32


@pytest.mark.parametrize(("scale", "listed"), [("mini", "digits, digits_silu"), ("full", "(none)")])
def test_a_missing_batch_size_is_refused(add_submission: Add, scale: str, listed: str) -> None:
    add_submission()

    with pytest.raises(InvalidSubmission) as caught:
        load_submission("tuned").batch_size(scale, "speech", None)
    assert str(caught.value) == (
        "submissions/tuned/submission.yaml: no batch size for workload 'speech' at scale "
        f"{scale}. Received: {listed}. "
        f"Add `speech: <examples per step>` under batch_sizes: {scale}:."
    )
