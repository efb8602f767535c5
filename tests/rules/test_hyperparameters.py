"""What a submission declares is read without running it, and manifests are checked against it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import KitError
from kit.planning.plan import plan_trial
from kit.rules.hyperparameters import Declared, read_declared
from kit.rules.submission import load_submission

Add = Callable[..., Path]
FOLDER = Path("/nowhere/mine")
RATE = '"rate": {"meaning": "how fast"}'


def declared(code: str | bytes, **others: str) -> Declared:
    files = {f"{name}.py": text.encode() for name, text in others.items()}
    main = code.encode() if isinstance(code, str) else code
    return read_declared({**files, "submission.py": main}, FOLDER, {})


def rejected(code: str | bytes) -> str:
    with pytest.raises(KitError) as caught:
        declared(code)
    message = str(caught.value)
    assert message.startswith("/nowhere/mine/submission.py: ")
    assert message.isprintable()
    return message.removeprefix("/nowhere/mine/submission.py: ")


def test_a_file_is_read_and_not_run() -> None:
    found = declared(f"HYPERPARAMETERS = {{{RATE}}}\nraise RuntimeError('run')")

    assert list(found) == ["rate"]
    assert found["rate"].is_required
    assert found["rate"].meaning == "how fast"


def test_what_a_base_class_reads_is_declared_with_it() -> None:
    own = f"class Mine(Helper): pass\nHYPERPARAMETERS = {{{RATE}, 'size': {{'meaning': 'own'}}}}"
    helper = (
        "import kit.algorithms as a\nclass Helper(a.KerasOptimizerAlgorithm): pass\n"
        "HYPERPARAMETERS = {'size': {'meaning': 'of the helper'}, 'depth': {'meaning': 'd'}}"
    )
    found = declared(own, helper=helper, other="HYPERPARAMETERS = {'unused': {'meaning': 'x'}}")

    assert list(found)[:3] == ["rate", "size", "depth"]
    assert found["size"].meaning == "own"
    assert found["learning_rate"].is_required
    assert found["warmup_factor"].default == 0.0
    assert "unused" not in found


def test_classes_that_derive_from_each_other_end() -> None:
    assert list(declared("class A(B): pass\nclass B(A): pass\nHYPERPARAMETERS = {}")) == []


def test_a_submission_without_a_declaration_is_told_what_to_add(add_submission: Add) -> None:
    tuning = "default: {points: [{rate: 0.5, learning_rate: 1, fast: true, mode: x}]}"
    code = b"from kit.algorithms import GradientAlgorithm\nclass Mine(GradientAlgorithm): pass\n"
    folder = add_submission(tuning=tuning, files={"submission.py": code})
    with pytest.raises(KitError) as caught:
        load_submission(folder)
    message = str(caught.value)
    _, _, literal = message.partition("Add after the imports: ")

    assert message.startswith("submissions/tuned/submission.py: declares no hyperparameters. Add")
    (folder / "submission.py").write_bytes(code + literal.encode())
    assert [*load_submission(folder).declared][:3] == ["rate", "fast", "mode"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def", "not Python: invalid syntax in line 1. Correct it."),
        (b"\xff", "not Python: "),
        ("\0", "not Python: source code string cannot contain null bytes. Correct it."),
        ("x = " + "-" * 100_000 + "1", "not Python: nested too deep. Correct it."),
        ("x = a" + ".b" * 100_000, "not Python: nested too deep. Correct it."),
        ("x = " + "9" * 5000, "not Python: Exceeds the limit"),
        ("H = {}", "declares no hyperparameters. Add after the imports: HYPERPARAMETERS = {}"),
        ("HYPERPARAMETERS: dict", "declares no hyperparameters. "),
        ("def f():\n    HYPERPARAMETERS = {}", "declares no hyperparameters. "),
        (2 * "HYPERPARAMETERS = {}\n", "assigns HYPERPARAMETERS 2 times. Keep one."),
        ("HYPERPARAMETERS = dict()", "HYPERPARAMETERS must be a literal, which is read without"),
        ("HYPERPARAMETERS = {**OTHER}", "HYPERPARAMETERS must be a literal, which is read without"),
        ("HYPERPARAMETERS = {[]: 1}", "HYPERPARAMETERS must be a literal, which is read without"),
        ("HYPERPARAMETERS = {'a': 2 * 3}", "HYPERPARAMETERS must be a literal, which is read"),
        ("HYPERPARAMETERS = 3", "HYPERPARAMETERS: must be a mapping. Received: 3. "),
        ("HYPERPARAMETERS = {'a': 3}", "HYPERPARAMETERS.a: must be a mapping. Received: 3. "),
        ("HYPERPARAMETERS = {1: {'meaning': 'x'}}", "HYPERPARAMETERS[2]: must be text. Receiv"),
        ("HYPERPARAMETERS = {'a b': {'meaning': 'x'}}", "HYPERPARAMETERS.a b: must match the pat"),
        ("HYPERPARAMETERS = {'a': {}}", "HYPERPARAMETERS.a.meaning: missing. Received: a mapping "),
        ("HYPERPARAMETERS = {'a': {'meaning': ''}}", "HYPERPARAMETERS.a.meaning: must match the"),
        (
            "HYPERPARAMETERS = {'a': {'meaning': 'x'}, 'a': {'meaning': 'y'}}",
            "HYPERPARAMETERS has the key 'a' twice. Keep one of them.",
        ),
        (
            "HYPERPARAMETERS = {'a': {'meaning': 'x', 'meaning': 'y'}}",
            "HYPERPARAMETERS has the key 'meaning' twice. Keep one of them.",
        ),
        (
            "HYPERPARAMETERS = {'a': {'meaning': 'x', 'defualt': 1}}",
            "HYPERPARAMETERS.a: unknown key 'defualt'. Choose one of: meaning, type, default, "
            "range, choices. Did you mean 'default'?",
        ),
        (
            "HYPERPARAMETERS = {'a': {'meaning': 'x\\ny'}}",
            "HYPERPARAMETERS.a: the meaning must be one line of text. ",
        ),
        *(
            (
                f"HYPERPARAMETERS = {{'a': {{'meaning': 'x', 'type': 'str', 'default': {text}}}}}",
                "HYPERPARAMETERS.a.default: must be true, false, null, a finite number, or one li",
            )
            for text in (r"'\ud800'", r"'x\u202e'", r"'x\ny'")
        ),
        (
            "HYPERPARAMETERS = {'a': {'meaning': 'x', 'range': (0, 1), 'default': 2}}",
            "HYPERPARAMETERS.a: the default must be a number from 0 to 1. ",
        ),
        (
            "HYPERPARAMETERS = {'a': {'meaning': 'x', 'range': (0, 1), 'type': 'bool'}}",
            "HYPERPARAMETERS.a: a range is for numbers, and the type is bool; use choices. ",
        ),
        (
            f"HYPERPARAMETERS = { {f'a{n}': {'meaning': 'x'} for n in range(101)} }",
            "HYPERPARAMETERS: must have 100 items or fewer. ",
        ),
    ],
    ids=itertools.count(),
)  # fmt: skip
def test_a_wrong_declaration_is_one_line(code: str | bytes, message: str) -> None:
    assert rejected(code).startswith(message)


DECLARED = """\
HYPERPARAMETERS = {
    "warmup_factor": {"range": (0.0, 1.0), "meaning": "length of the warm-up"},
    "label_smoothing": {"default": 0.0, "range": (0.0, None), "meaning": "of the targets"},
    "steps": {"type": "int", "default": 1, "range": (None, 9), "meaning": "of the warm-up"},
    "mode": {"type": "str", "default": "a", "choices": ("a", "b"), "meaning": "which"},
    "nesterov": {"type": "bool", "default": True, "meaning": "or not"},
    "grad_clip": {"default": None, "meaning": "not clipped if null"},
}
"""


@pytest.mark.parametrize(
    ("tuning", "message"),
    [
        (
            "points: [{warm_up_factor: 0.1}]",
            "points[1].warm_up_factor: unknown hyperparameter. Choose one of: warmup_factor, "
            "label_smoothing, steps, mode, nesterov, grad_clip. Did you mean 'warmup_factor'?",
        ),
        (
            "fixed: {warmup_factor: 0.1, label_smothing: 0.1}",
            "fixed.label_smothing: unknown hyperparameter. Choose one of: warmup_factor, "
            "label_smoothing, steps, mode, nesterov, grad_clip. Did you mean 'label_smoothing'?",
        ),
        (
            "points: [{label_smoothing: 0.1}]",
            "points[1]: warmup_factor is missing: a number from 0 to 1 (length of the warm-up). "
            "Received: label_smoothing. Add it, or declare a default.",
        ),
        (
            "points: [{warmup_factor: 0.1}, {warmup_factor: 1.5}]",
            "points[2].warmup_factor: must be a number from 0 to 1. Received: 1.5. Correct",
        ),
        ("fixed: {warmup_factor: true}", "fixed.warmup_factor: must be a number from 0 to 1. Rec"),
        ("fixed: {warmup_factor: null}", "fixed.warmup_factor: must be a number from 0 to 1. Rec"),
        ("fixed: {warmup_factor: 0, label_smoothing: -1}", "fixed.label_smoothing: must be a numb"),
        ("fixed: {warmup_factor: 0, steps: 2.0}", "fixed.steps: must be a whole number, 9 or less"),
        ("fixed: {warmup_factor: 0, steps: 10}", "fixed.steps: must be a whole number, 9 or less."),
        ("fixed: {warmup_factor: 0, mode: c}", "fixed.mode: must be one of: 'a', 'b'. Received: "),
        ("fixed: {warmup_factor: 0, nesterov: 1}", "fixed.nesterov: must be true or false. Recei"),
        (
            "search_space: {warmup_factor: {min: 0, max: 2, scaling: linear}}",
            "search_space.warmup_factor: must be a number from 0 to 1. Received: 2.0. ",
        ),
        (
            "search_space: {warmup_factor: {feasible_points: [0.5, 3]}}",
            "search_space.warmup_factor: must be a number from 0 to 1. Received: 3. ",
        ),
    ],
    ids=itertools.count(),
)
def test_a_manifest_is_checked_against_the_declaration(
    add_submission: Add, tuning: str, message: str
) -> None:
    add_submission(tuning=f"default: {{{tuning}}}", files={"submission.py": DECLARED.encode()})
    with pytest.raises(KitError) as caught:
        load_submission("tuned")

    place = "submissions/tuned/submission.yaml: tuning.default."
    assert str(caught.value).startswith(place + message)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("form", ["points: [{warmup_factor: 1}]", "fixed: {warmup_factor: 1}"])
def test_the_plan_holds_the_whole_point(project: Path, add_submission: Add, form: str) -> None:
    add_submission(tuning=f"default: {{{form}}}", files={"submission.py": DECLARED.encode()})
    plan = plan_trial(
        workload="digits", submission="tuned", ruleset="tiny",
        results=project / "results", config=project / "config",
    )  # fmt: skip

    assert plan.hyperparameters == {
        "warmup_factor": 1,
        "label_smoothing": 0.0,
        "steps": 1,
        "mode": "a",
        "nesterov": True,
        "grad_clip": None,
    }


LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.sampled_from(["a", "meaning", "default", "range"]) | st.text(), inner)
    ),
)
CODE = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200),
    LITERALS.map(lambda value: f"HYPERPARAMETERS = {value!r}"),
    LITERALS.map(lambda value: f"HYPERPARAMETERS = { {'a': {'meaning': 'm', 'default': value}} }"),
    st.text("HYPERPAMTS={}:[](),'\"\\\n lambda*", max_size=200).map("HYPERPARAMETERS = ".__add__),
)  # fmt: skip


@given(CODE)
def test_whatever_a_file_holds_it_is_read_or_told_in_one_line(code: str | bytes) -> None:
    content = code.encode("utf-8", "surrogatepass") if isinstance(code, str) else code
    message, found = "", {}
    try:
        found = declared(content)
    except KitError as error:
        message = str(error)
    assert message.isprintable()
    for one in found.values():
        assert one.is_required or one.problem(one.default) is None
