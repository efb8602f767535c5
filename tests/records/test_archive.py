"""The source archive: deterministic, and opened with suspicion."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.records import archive
from kit.records.archive import pack, unpack
from kit.rules.source_digest import digest_files

PATHS = st.from_regex(r"\A[a-zé_]{1,120}(/[a-z]{1,20}){0,3}\.py\Z")


def tarred(member: tarfile.TarInfo, content: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:", format=tarfile.PAX_FORMAT) as opened:
        member.size = len(content)
        opened.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@settings(deadline=None, max_examples=40)
@given(files=st.dictionaries(PATHS, st.binary(max_size=2000), max_size=5))
def test_files_survive_and_order_does_not_matter(files: dict[str, bytes]) -> None:
    packed = pack(files)
    assert unpack(packed) == files
    assert pack(dict(reversed(files.items()))) == packed
    assert digest_files(unpack(packed)) == digest_files(files)


def test_digest_separates_names_from_contents() -> None:
    files = {"a": b"bc", "d": b""}
    written_out = b"".join([b"a", b"\0", b"2", b"\0", b"bc", b"d", b"\0", b"0", b"\0"])
    assert digest_files(files) == hashlib.sha256(written_out).hexdigest()
    assert digest_files({"ab": b"c", "d": b""}) != digest_files(files)


def test_links_folders_and_devices_are_refused() -> None:
    for kind in (tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE):
        member = tarfile.TarInfo("odd")
        member.type = kind
        member.linkname = "/etc/passwd" if kind == tarfile.SYMTYPE else ""
        with pytest.raises(ValueError, match="'odd' is not a regular file"):
            unpack(gzip.compress(tarred(member)))


def test_metadata_and_hidden_bytes_are_refused() -> None:
    member = tarfile.TarInfo("submission.py")
    member.mtime = 1
    with pytest.raises(ValueError, match="not in the form the kit writes"):
        unpack(gzip.compress(tarred(member)))
    plain = gzip.decompress(pack({"submission.py": b"x"}))
    with pytest.raises(ValueError, match="not in the form the kit writes"):
        unpack(gzip.compress(plain + b"hidden".ljust(512, b"\0")))


def test_damaged_archives_are_refused_with_a_reason() -> None:
    packed = pack({"submission.py": b"x"})
    with pytest.raises(ValueError, match="not a gzip file"):
        unpack(b"nonsense")
    with pytest.raises(ValueError, match="cut off or has something behind its end"):
        unpack(packed[:-4])
    with pytest.raises(ValueError, match="cut off or has something behind its end"):
        unpack(packed + b"more")
    with pytest.raises(ValueError, match="not a tar archive"):
        unpack(gzip.compress(b"x" * 1024))


def test_archive_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_ARCHIVE_BYTES", 1 << 20)
    with pytest.raises(ValueError, match="larger than 1,048,576 bytes when unpacked"):
        unpack(gzip.compress(bytes(1 << 22)))
    with pytest.raises(ValueError, match="the source is larger than 1,048,576 bytes"):
        pack({"big": bytes(1 << 20)})
