"""Hints for reviewers: found by reading, never by running."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from kit import paths, registry
from kit.rules.review import review

NAMES = ["imagenet_resnet", "wmt"]


NOISE = base64.b85encode(np.random.default_rng(0).bytes(7200)).decode()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import subprocess", "imports subprocess"),
        ("from kit.referee import clock", "imports kit.referee"),
        ("if p.shape == (784, 128): lr = 1", "compares a shape with constants"),
        ("if v.shape[0] == 1000: pass", "compares a shape with constants"),
        ("if self.workload.loss_type == 'ctc': pass", "switches on loss_type"),
        ("BEST = {'imagenet_resnet': 0.1}", "mentions the workload 'imagenet_resnet'"),
        ("w = self.workload._model", "private name _model"),
        ("eval('1')", "calls eval()"),
        (f"W = {list(range(300))}", "holds 300 constants"),
        (f"W = {[-n for n in range(300)]}", "holds 300 constants"),
        (f"W = {[[n] * 10 for n in range(30)]}", "holds 300 constants"),
        (f"W = {dict.fromkeys(range(150), 0)}", "holds 300 constants"),
        (f"W = 'x' + {'y' * 700!r}", "holds a text of 700 characters: encoded data?"),
        (f"W = {b'y' * 700!r}", "holds a text of 700 characters: encoded data?"),
        ("pathlib.Path(f).read_text()", "calls .read_text(): a file?"),
        ("W = np.fromfile(f)", "calls .fromfile(): a file?"),
        (f"# {NOISE}", "is 7,"),
        (f"W = {NOISE!r}", "holds a text of 9,000 characters"),
        ("def broken(:", "is not valid Python"),
    ],
)
def test_what_deserves_a_look_is_found(code: str, said: str) -> None:
    findings = review({"submission.py": code.encode()}, NAMES)
    assert any(said in str(finding) for finding in findings), findings
    assert str(findings[0]).startswith("submission.py:1: ")


@pytest.mark.parametrize(
    "code",
    [
        '"""Tuned on nothing; wmt is only mentioned in this docstring."""',
        "from keras import ops\nfrom kit.algorithms import ema",
        "if len(p.shape) == 2: pass",
        "self._moments = 1",
        "import tools",
    ],
)
def test_ordinary_code_is_not_flagged(code: str) -> None:
    assert review({"submission.py": code.encode(), "tools.py": b""}, NAMES) == []


@pytest.mark.parametrize("name", registry.submission_names())
def test_the_kits_own_submissions_are_clean(name: str) -> None:
    folder = paths.SUBMISSIONS / name
    contents = {path.name: path.read_bytes() for path in folder.glob("*.py")}
    assert review(contents, registry.workload_names()) == []
