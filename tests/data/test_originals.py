from __future__ import annotations

import gzip

import pytest

from kit import paths
from kit.data import prepare
from kit.errors import DataError


class Recorded:
    def __init__(self):
        self.stages = []

    def stage(self, text):
        self.stages.append(text)

    def amount(self, done, total):
        pass


def test_sources_are_tried_in_order_until_the_checksum_fits(toy):
    wrong = toy.mirror / "wrong"
    wrong.write_bytes(b"something else")
    toy.sources = [
        {"file": str(toy.mirror / "absent")},
        {"file": str(wrong)},
        {"file": str(toy.mirror / "digits.gz")},
    ]
    toy.write()
    prepare("toy", "mini")


def test_message_tells_what_was_tried_and_what_to_do(toy):
    damaged = toy.mirror / "damaged.gz"
    damaged.write_bytes(gzip.compress(b"x" * 1000)[:-9])
    other = toy.mirror / "other"
    other.write_bytes(b"something else")
    absent = toy.mirror / "absent"
    toy.sources = [{"file": str(absent)}, {"file": str(damaged)}, {"file": str(other)}]
    toy.write()
    with pytest.raises(DataError) as caught:
        prepare("toy", "mini")
    assert str(caught.value) == (
        "The data of toy (mini) cannot be prepared: no source provides digits. Tried: "
        f"{absent} (No such file or directory); {damaged} (the file is damaged); "
        f"{other} (other content: sha256 f41f3fa625ff120d…, expected bce0aff19cf5aa6a…). "
        "Connect to a network, or get the files elsewhere (digits; .gz will do) and run: "
        "kit data prepare toy --from DIR"
    )


@pytest.mark.parametrize("name", ["digits", "digits.gz"])
def test_folder_of_the_user_comes_first(toy, tmp_path, name):
    content = gzip.decompress((toy.mirror / "digits.gz").read_bytes())
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    toy.sources = []
    toy.write()
    prepare("toy", "mini", user_folder=folder)


def test_folder_of_the_user_without_the_file_is_named(toy, tmp_path):
    toy.sources = []
    toy.write()
    with pytest.raises(DataError, match=rf"Tried: {tmp_path}/digits \(No such file or directory\)"):
        prepare("toy", "mini", user_folder=tmp_path)


def test_cached_original_needs_no_source(toy):
    folder = prepare("toy", "mini")
    (folder / "train" / "inputs.npy").unlink()
    (toy.mirror / "digits.gz").unlink()
    prepare("toy", "mini")


def test_damaged_cache_is_fetched_again(toy):
    folder = prepare("toy", "mini")
    (folder / "train" / "inputs.npy").unlink()
    [cached] = (paths.data_root() / "sources").glob("*-digits")
    cached.write_bytes(b"damaged")
    prepare("toy", "mini")


def test_failed_fetch_leaves_no_half_file(toy):
    (toy.mirror / "digits.gz").write_bytes(b"\x1f\x8bgarbage")
    with pytest.raises(DataError, match="the file is damaged"):
        prepare("toy", "mini")
    assert [file.name for file in (paths.data_root() / "sources").iterdir()] == []
