"""The hyperparameters that a submission declares, read from the syntax tree: no code is run.

    HYPERPARAMETERS = {
        "beta2": {"range": (0.0, 1.0), "meaning": "decay of the second moment"},
        "epsilon": {"default": 1e-8, "range": (0.0, None), "meaning": "added to the root"},
    }

A submission has the hyperparameters of `submission.py` and of the files that define the classes
from which its own derive: other files of its folder, and `kit/algorithms`.
"""

from __future__ import annotations

import ast
import functools
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, model_validator

import kit
from kit.errors import InvalidSubmission
from kit.schema.strict_yaml import shown
from kit.schema.validation import Schema, check, choose, received

NAME = "HYPERPARAMETERS"
MAX_TEXT_CHARACTERS = 200
MAX_HYPERPARAMETERS = 100
_NOT_A_LITERAL = (TypeError, ValueError, SyntaxError, RecursionError, MemoryError)


def _scalar(value: Any) -> Any:
    """Accept what a hyperparameter may be."""
    fits = value is None or (isinstance(value, bool | int) and abs(value) < 2**63)
    fits |= isinstance(value, float) and math.isfinite(value)
    fits |= isinstance(value, str) and len(value) <= MAX_TEXT_CHARACTERS and value.isprintable()
    if not fits:
        raise ValueError(
            "must be true, false, null, a finite number, or one line of text of at most "
            f"{MAX_TEXT_CHARACTERS} characters"
        )
    return value


Scalar = Annotated[bool | int | float | str | None, PlainValidator(_scalar)]
HyperparameterName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=80)]
Point = Annotated[dict[HyperparameterName, Scalar], Field(max_length=MAX_HYPERPARAMETERS)]
Candidates = Mapping[str, Sequence[Any]]  # by name, values that it may get

_TYPES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "float": ((int, float), "a number"),
    "int": ((int,), "a whole number"),
    "bool": ((bool,), "true or false"),
    "str": ((str,), "text"),
}


class Hyperparameter(Schema):
    """One declaration. Without a default, every point must set it.

    A range includes its ends, of which one may be None. None is a value only if it is the default.
    """

    meaning: Annotated[str, Field(pattern=r"\S", max_length=MAX_TEXT_CHARACTERS)]
    type: Literal["float", "int", "bool", "str"] = "float"
    default: Scalar = None
    range: Annotated[tuple[float | None, float | None], Field(strict=False)] | None = None
    choices: Annotated[tuple[Scalar, ...], Field(strict=False, min_length=1)] | None = None

    @model_validator(mode="after")
    def _check_form(self) -> Hyperparameter:
        if not self.meaning.isprintable():
            raise ValueError("the meaning must be one line of text")
        if self.range is not None and self.type not in ("float", "int"):
            raise ValueError(f"a range is for numbers, and the type is {self.type}; use choices")
        if self.default is not None and (problem := self.problem(self.default)):
            raise ValueError(f"the default {problem}")
        return self

    @property
    def is_required(self) -> bool:
        """Tell whether it has no default."""
        return "default" not in self.model_fields_set

    @property
    def allowed(self) -> str:
        """Return the valid values in words."""
        if self.choices is not None:
            return f"one of: {', '.join(map(received, self.choices))}"
        low, high = self.range or (None, None)
        noun = _TYPES[self.type][1]
        if low is not None and high is not None:
            return f"{noun} from {low:g} to {high:g}"
        if low is not None:
            return f"{noun}, {low:g} or more"
        return noun if high is None else f"{noun}, {high:g} or less"

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value, or None."""
        if value is None and not self.is_required and self.default is None:
            return None
        low, high = self.range or (None, None)
        fits = isinstance(value, _TYPES[self.type][0])
        fits = fits and isinstance(value, bool) == (self.type == "bool")
        fits = fits and (self.choices is None or value in self.choices)
        fits = fits and (low is None or value >= low) and (high is None or value <= high)
        return None if fits else f"must be {self.allowed}"


Declared = Mapping[str, Hyperparameter]


class _Declaration(Schema):
    HYPERPARAMETERS: Annotated[
        dict[HyperparameterName, Hyperparameter], Field(max_length=MAX_HYPERPARAMETERS)
    ]


def read_declared(
    contents: Mapping[str, bytes], folder: Path, used: Candidates
) -> dict[str, Hyperparameter]:
    """Return the hyperparameters of a submission by name, those of `submission.py` first.

    Args:
        contents: its files by relative path.
        folder: where they are, for messages.
        used: what its manifest sets, for the literal that is suggested if there is none.

    Raises:
        InvalidSubmission: a file is not Python, or none of the submission's declares anything.
        InvalidFile: the declaration is not valid.
    """
    own = [_File(folder / path, contents[path]) for path in contents if path.endswith(".py")]
    waiting = [file for file in own if file.path == folder / "submission.py"]
    found: dict[str, Hyperparameter] = {}
    for file in waiting:  # which grows while classes lead to other files
        inherited = file.declared or {}
        found |= {name: one for name, one in inherited.items() if name not in found}
        others = [other for other in (*own, *_kit_files()) if other.classes & file.bases]
        waiting += [other for other in others if other not in waiting]
    if all(file.declared is None for file in waiting if file in own):
        suggested = {name: _suggested(values) for name, values in used.items() if name not in found}
        raise InvalidSubmission(
            f"{shown(folder / 'submission.py')}: declares no hyperparameters. Add after the "
            f"imports: {NAME} = {suggested}"
        )
    return found


def completed(declared: Declared, point: Mapping[str, Any]) -> dict[str, Any]:
    """Return the point with the defaults of what it leaves out."""
    defaults = {name: one.default for name, one in declared.items() if not one.is_required}
    return {**defaults, **point}


def check_candidates(declared: Declared, candidates: Candidates, where: str) -> None:
    """Check that all names are declared, none is missing and all values are allowed.

    Raises:
        InvalidSubmission: one line that begins with `where`.
    """
    for name, values in candidates.items():
        if name not in declared:
            raise InvalidSubmission(
                f"{where}.{name}: unknown hyperparameter. {choose(name, list(declared))}"
            )
        for value in values:
            if problem := declared[name].problem(value):
                raise InvalidSubmission(
                    f"{where}.{name}: {problem}. Received: {received(value)}. Correct the value."
                )
    for name, one in declared.items():
        if one.is_required and name not in candidates:
            raise InvalidSubmission(
                f"{where}: {name} is missing: {one.allowed} ({one.meaning}). Received: "
                f"{', '.join(candidates) or '(none)'}. Add it, or declare a default."
            )


class _File:
    """What one file defines, derives from and declares."""

    def __init__(self, path: Path, content: bytes) -> None:
        tree = _parsed(content, path)
        classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
        bases = [base for node in classes for base in node.bases]
        self.path = path
        self.classes = {node.name for node in classes}
        self.bases = {getattr(base, "attr", getattr(base, "id", "")) for base in bases}
        self.declared = _declared_in(tree, path)


@functools.cache
def _kit_files() -> tuple[_File, ...]:
    folder = Path(kit.__file__).parent / "algorithms"
    return tuple(_File(path, path.read_bytes()) for path in sorted(folder.glob("*.py")))


def _parsed(content: bytes, path: Path) -> ast.Module:
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(content)
    except _NOT_A_LITERAL as error:
        reason = getattr(error, "msg", None) or "nested too deep"
        line = getattr(error, "lineno", None)
        raise InvalidSubmission(
            f"{shown(path)}: not Python: {reason if reason.isprintable() else ascii(reason)}"
            f"{f' in line {line}' if line else ''}. Correct it."
        ) from None


def _declared_in(tree: ast.Module, path: Path) -> dict[str, Hyperparameter] | None:
    """Return what a file declares, or None if it declares nothing."""
    values = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value and NAME in _targets(node)
    ]
    if not values:
        return None
    if len(values) > 1:
        raise InvalidSubmission(f"{shown(path)}: assigns {NAME} {len(values)} times. Keep one.")
    try:
        literal = ast.literal_eval(values[0])
        repeated = _repeated_key(values[0])
    except _NOT_A_LITERAL:
        raise InvalidSubmission(
            f"{shown(path)}: {NAME} must be a literal, which is read without running the file: a "
            "dict of dicts, with text, numbers, True, False, None and tuples as values. Write the "
            "values out."
        ) from None
    if repeated:
        raise InvalidSubmission(
            f"{shown(path)}: {NAME} has the key {received(repeated[0])} twice. Keep one of them."
        )
    return dict(check(_Declaration, {NAME: literal}, path).HYPERPARAMETERS)


def _targets(node: ast.Assign | ast.AnnAssign) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _repeated_key(literal: ast.expr) -> list[Any]:
    """Return the keys that occur twice in one dict, of which Python would take the last."""
    for node in ast.walk(literal):
        seen: set[Any] = set()
        for key in node.keys if isinstance(node, ast.Dict) else ():
            value = ast.literal_eval(key) if key else None
            if value in seen:
                return [value]
            seen.add(value)
    return []


def _suggested(values: Sequence[Any]) -> dict[str, str]:
    """Return a declaration of what gets these values."""
    kind = {bool: "bool", str: "str"}.get(type(values[0])) if values else None
    return {**({"type": kind} if kind else {}), "meaning": "…"}
