"""Comparing the files of two images, on archives made here."""

from __future__ import annotations

import io
import tarfile

from kit.engine.contents import Entry, differences, read


def archive(*members: tuple[str, dict[str, object]], content: bytes = b"text") -> list[bytes]:
    """Return a tar stream in small pieces; a member is a name and the attributes that it has."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, attributes in members:
            member = tarfile.TarInfo(name)
            for key, value in attributes.items():
                setattr(member, key, value)
            if member.isreg():
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content) if member.isreg() else None)
    data = file.getvalue()
    return [data[at : at + 100] for at in range(0, len(data), 100)]


def lines(first: list[bytes], second: list[bytes]) -> list[str]:
    return list(differences(read(first), read(second)))


def test_dates_do_not_count():
    assert lines(archive(("a", {"mtime": 1})), archive(("a", {"mtime": 2}))) == []


def test_what_differs_is_named_with_both_values():
    assert lines(
        archive(("a", {"mode": 0o755, "uid": 5})), archive(("a", {"mode": 0o644, "uid": 6}))
    ) == ["/a: mode 0o755 and 0o644, uid 5 and 6"]


def test_other_content_of_the_same_length_differs():
    (line,) = lines(archive(("a", {}), content=b"x"), archive(("a", {}), content=b"y"))
    assert line.startswith("/a: sha256 ")


def test_a_path_in_one_image_alone_is_told():
    assert lines(archive(("a", {})), archive(("b", {}))) == [
        "/a: only in the first image",
        "/b: only in the second image",
    ]


def test_targets_of_links_and_kinds_count():
    link = {"type": tarfile.SYMTYPE}
    first = archive(("a", {**link, "linkname": "x"}), ("b", {}))
    second = archive(("a", {**link, "linkname": "y"}), ("b", {"type": tarfile.DIRTYPE}))
    found = lines(first, second)
    assert found[0] == "/a: link x and y"
    assert found[1].startswith("/b: kind file and directory")


def test_capabilities_of_a_file_count():
    capable = {"pax_headers": {"SCHILY.xattr.security.capability": "\x01"}}
    assert lines(archive(("a", capable)), archive(("a", {}))) == ["/a: capability 01 and "]


def test_a_second_name_of_a_file_is_that_file_whichever_comes_first():
    hard = {"type": tarfile.LNKTYPE}
    first = archive(("a", {}), ("b", {**hard, "linkname": "a"}))
    second = archive(("b", {}), ("a", {**hard, "linkname": "b"}))
    assert lines(first, second) == []
    assert isinstance(read(first)["/b"], Entry)
