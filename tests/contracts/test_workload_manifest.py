"""`workload.yaml`: every mistake is one line, and hides no other workload."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from kit import paths, registry
from kit.cli.list import list_
from kit.cli.run import run
from kit.cli.show import show
from kit.errors import InvalidFile

GOOD = """\
description: Digits.
metric: accuracy
loss_type: softmax_cross_entropy
scales:
  mini:
    model: {activation: relu}
    originals:
      digits.gz: {sha256: %s, sources: [{url: "https://x.example/digits.gz"}]}
variants: {silu: {model: {activation: silu}}}
""" % ("0" * 64)


@pytest.fixture
def workload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], Path]:
    """Return a function that writes `workloads/mnist/workload.yaml`; `ogbg` is valid."""
    monkeypatch.setattr(paths, "WORKLOADS", tmp_path)
    for name in ("mnist", "ogbg"):
        (tmp_path / name).mkdir()
    (tmp_path / "ogbg" / "workload.yaml").write_text(GOOD)

    def write(content: bytes) -> Path:
        path = tmp_path / "mnist" / "workload.yaml"
        path.write_bytes(content)
        return path

    return write


def problem() -> str:
    """Return what reading it says, and check that list, show and run say the same in one line."""
    with pytest.raises(InvalidFile) as caught:
        registry.workload_manifest("mnist")
    message = str(caught.value)
    assert message.isprintable()
    listed = json.loads(CliRunner().invoke(list_, ["workloads", "--json"]).stdout)["workloads"]
    assert listed[0]["error"] == message
    assert listed[1]["description"] == "Digits."
    for command, arguments in ((show, ["mnist"]), (run, ["--workload", "mnist", "--inline"])):
        result = CliRunner().invoke(command, arguments)
        assert isinstance(result.exception, InvalidFile)
        assert str(result.exception) == message
    return message.partition("workload.yaml: ")[2]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "    model:",
            "    modle:",
            "scales.mini: unknown key 'modle'. Choose one of: model, data, variants, "
            "evaluation_batch_size, xla, benchmark, splits, labels, prepared, originals, "
            "not_prepared_because. Did you mean 'model'?",
        ),
        ("variants:", "variant:", "unknown key 'variant'. Choose one of: description, metric, "),
        ("silu: {model", "silu: {modle", "variants.silu: unknown key 'modle'. Choose one of: "),
        ("  mini:", "  mni:", "scales.mni: unknown key 'mni'. Choose one of: full, mini. Did you "),
        ("metric: accuracy\n", "", "metric: missing. Received: a mapping with the keys descr"),
        ("{activation: relu}", "relu", "scales.mini.model: must be a mapping. Received: 'relu'."),
        ("sha256: 0", "sha256: g", "originals.digits.gz.sha256: must match the pattern ^[0-9a-f]"),
        ("url:", "ftp:", "sources[1]: unknown key 'ftp'. Choose one of: file, url, python_package"),
        (
            "url: ",
            "file: x, url: ",
            "sources[1]: unknown source. Choose one of: file, url, python_package with or without "
            "member, debian_package with member. Received: a mapping with the keys file, url. ",
        ),
        ("digits.gz:", "../digits.gz:", "originals.../digits.gz: must match the pattern "),
        (
            "    model:",
            "    variants: {sliu: {}}\n    model:",
            "unknown variant under scales.mini, 'sliu'. Choose one of: silu. Did you mean 'silu'?",
        ),
        (
            "scales:",
            "parameter_kinds: {'(': bias}\nscales:",
            "parameter_kinds: '(' is not a regular expression: missing ), unterminated subpattern",
        ),
        (
            "scales:",
            "parameter_kinds: {x: bias, y: baias}\nscales:",
            "parameter_kinds.y: not a valid choice. Choose one of: weight, bias, conv_weight, ",
        ),
        ("softmax_cross", "sofmax_cross", "loss_type: not a valid choice. Choose one of: softmax"),
        ("scales:", "scales: &x", "the anchor &x is not allowed"),
        ("metric: accuracy", "metric: accuracy\nmetric: loss", "the key 'metric' occurs twice"),
        ("metric: accuracy", "metric: [accuracy", "not valid YAML: "),
        ("metric: accuracy", "metric: 3", "metric: must be text. Received: 3. Quote it."),
    ],
)
def test_a_mistake_is_explained(
    workload: Callable[[bytes], Path], old: str, new: str, said: str
) -> None:
    assert old in GOOD
    workload(GOOD.replace(old, new, 1).encode())

    assert said in problem()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "must be a mapping with the keys description, metric, "),
        (b"- a", "must be a mapping with the keys "),
        (b"scales: \xff", "not UTF-8 text: byte 9 is 0xff. Save it as UTF-8."),
        (b"a: " + b"[" * 100_000, "nested more than 20 deep"),
        (b"#" * (1 << 20) + b"#", "larger than 1,048,576 bytes"),
        (b"a: &a [1, 1]\nb: &b [*a, *a]\nc: [*b, *b]", "the anchor &a is not allowed"),
        (b"description: !!python/object/apply:os.system [ls]", "the tag "),
    ],
)
def test_a_file_that_is_not_one_is_explained(
    workload: Callable[[bytes], Path], content: bytes, said: str
) -> None:
    workload(content)

    assert said in problem()


def test_what_is_not_a_file_is_explained(workload: Callable[[bytes], Path]) -> None:
    path = workload(b"")
    path.unlink()
    path.mkdir()
    assert problem() == "is a directory. Create it, or check the name."
    path.rmdir()
    os.mkfifo(path)
    assert problem() == "not a regular file. Replace it by one."
    path.unlink()
    path.symlink_to("/dev/zero")
    assert problem() == "not a regular file. Replace it by one."


def test_a_misspelt_argument_is_an_error_before_anything_is_built(
    workload: Callable[[bytes], Path],
) -> None:
    real = (paths.PROJECT / "workloads" / "mnist" / "workload.yaml").read_text(encoding="utf-8")
    for key, value, said in (
        (
            "model",
            "{hidden_unit: 64}",
            "model: unknown key 'hidden_unit'. Choose one of: image_siz",
        ),
        ("model", "{hidden_units: '64'}", "model.hidden_units: must be a whole number. Received: "),
        ("data", "{shift: 2}", "data: unknown key 'shift'."),
    ):
        workload(real.replace("  mini:\n", f"  mini:\n    {key}: {value}\n").encode())
        with pytest.raises(InvalidFile) as caught:
            registry.load_workload("mnist", "mini")
        assert said in str(caught.value)
