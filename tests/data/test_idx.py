from __future__ import annotations

import numpy as np
import pytest

from kit.data.idx import read_idx


def test_images_and_labels_are_read(tmp_path):
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    header = b"\0\0\x08\x03" + np.array(images.shape, ">u4").tobytes()
    (tmp_path / "images").write_bytes(header + images.tobytes())
    assert (read_idx(tmp_path / "images") == images).all()
    (tmp_path / "labels").write_bytes(b"\0\0\x08\x01\0\0\0\x03\x07\x08\x09")
    assert read_idx(tmp_path / "labels").tolist() == [7, 8, 9]


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b\x08\x00", b"\0\0\x0d\x01\0\0\0\x01abcd"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match="not an idx file of unsigned bytes"):
        read_idx(tmp_path / "file")
