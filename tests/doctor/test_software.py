"""Python and its packages, compared with the locked files."""

from __future__ import annotations

import pytest

from kit.doctor import Level, software


def test_wrong_python_is_an_error():
    finding = software.python((3, 12, 1))
    assert finding.level is Level.ERROR
    assert finding.text == "3.12.1; the locked packages are for 3.11"


@pytest.mark.parametrize(
    ("lock", "level", "text"),
    [
        ("click=={click} \\\n    --hash=sha256:0\n", Level.OK, "all 1 as locked in cpu.lock"),
        ("click==0.1\n", Level.WARNING, "click {click} instead of 0.1"),
        ("no-such-package==1.0\n", Level.ERROR, "missing: no-such-package"),
    ],
)
def test_packages_are_compared_with_the_lock(tmp_path, lock, level, text):
    import importlib.metadata

    installed = {"click": importlib.metadata.version("click")}
    for name in ("cpu.lock", "gpu.lock"):
        (tmp_path / name).write_text(lock.format(**installed))
    finding = software.packages(tmp_path)
    assert finding.level is level
    assert text.format(**installed) in finding.text.replace("gpu.lock", "cpu.lock")
