"""Check a YAML file against its schema; every mistake becomes one line that says how to fix it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from kit.errors import InvalidFile
from kit.schema.strict_yaml import parse, read_bytes, shown
from kit.text import escape_line

_MAX_SHOWN_CHARACTERS = 80


class Schema(BaseModel):
    """Base of what a YAML file may say: unknown keys refused, no silent conversion, no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:
        """Name the valid keys and the closest one, which pydantic's own message does not."""
        if not isinstance(data, dict):
            return data
        for key in data:
            if key not in cls.model_fields:
                raise unknown_key(str(key), cls.model_fields)
        return data


Model = TypeVar("Model", bound=Schema)


def load(model: type[Model], path: Path) -> tuple[Model, bytes]:
    """Read, parse and check a YAML file; return what it says and its bytes.

    Raises:
        InvalidFile: the file cannot be read, parsed or does not match the schema.
    """
    content = read_bytes(path)
    return check(model, parse(content, path), path), content


def check(model: type[Model], data: Any, path: Path) -> Model:
    """Check `data`, the parsed content of `path`, against `model`.

    Raises:
        InvalidFile: one line with file, key path, valid choices, value received and the fix.
    """
    if not isinstance(data, dict):
        raise InvalidFile(
            f"{shown(path)}: must be a mapping with the keys {', '.join(model.model_fields)}. "
            f"Received: {received(data)}. Write `key: value` lines."
        )
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first, *others = error.errors(include_url=False)
        # A bad item makes its list too short as well: what only follows is not counted.
        further = sum(other["loc"] != first["loc"][: len(other["loc"])] for other in others)
        more = f" ({further} more after this one.)" if further else ""
        raise InvalidFile(f"{shown(path)}: {_sentence(first)}{more}") from None


def one_of(*choices: str) -> AfterValidator:
    """Return the check of a mapping's key, which is an error as an unknown key of a schema is."""

    def known(key: str) -> str:
        if key not in choices:
            raise unknown_key(key, choices)
        return key

    return AfterValidator(known)


def unknown_key(key: str, choices: Iterable[str], what: str = "key") -> PydanticCustomError:
    """Return the error that names the valid keys and the closest one."""
    return PydanticCustomError(
        "unknown_key",
        "unknown {what} {key}. {fix}",
        {"what": what, "key": repr(key), "fix": choose(key, list(choices))},
    )


def received(value: Any) -> str:
    """Return a value for a message: its kind where it is a collection, short, on one line."""
    if isinstance(value, dict):
        text = f"a mapping with the keys {', '.join(map(str, value)) or '(none)'}"
    elif isinstance(value, list | tuple):
        text = f"a list of {len(value)}"
    elif value is None:
        text = "nothing"
    elif isinstance(value, bool):
        text = str(value).lower()
    else:
        text = repr(value)
    text = escape_line(text)
    short = len(text) <= _MAX_SHOWN_CHARACTERS
    return text if short else text[: _MAX_SHOWN_CHARACTERS - 1] + "…"


def choose(key: str, choices: list[str]) -> str:
    """Return the valid choices and the closest one, for a key that is not among them."""
    close = difflib.get_close_matches(key, choices, n=1)
    fix = f"Did you mean {close[0]!r}?" if close else "Remove it."
    return f"Choose one of: {', '.join(choices) or '(none)'}. {fix}"


def _sentence(error: ErrorDetails) -> str:
    """Return "<key path>: <what must hold>. Received: <value>. <fix>"."""
    where = _key_path(error["loc"])
    kind = error["type"]
    context = error.get("ctx", {})
    if kind == "unknown_key":
        problem, _, fix = error["msg"].partition(". ")
        return f"{where}{problem}. {fix}"
    if kind == "missing":
        return f"{where}missing. Received: {received(error['input'])}. Add this key."
    if kind in ("literal_error", "enum"):
        choices = context["expected"].replace("'", "").replace(" or ", ", ")
        problem = f"not a valid choice. Choose one of: {choices}"
    elif kind in _KINDS:
        problem = f"must be {_KINDS[kind]}"
    elif kind in _LIMITS:
        problem = _LIMITS[kind].format(**context)
    elif kind == "value_error":  # from our validators, which say all but the value
        problem = str(context["error"]).removesuffix(".")
    else:
        problem = error["msg"].replace("Input should", "must", 1).removesuffix(".")
    return f"{where}{problem}. Received: {received(error['input'])}. {_fix(kind)}"


_KINDS = {
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "string_type": "text",
    "dict_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "model_type": "a mapping",
    "finite_number": "a finite number",
}
_LIMITS = {
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "string_too_short": "must have {min_length} characters or more",
    "string_too_long": "must have {max_length} characters or fewer",
    "too_short": "must have {min_length} items or more",
    "too_long": "must have {max_length} items or fewer",
    "greater_than": "must be greater than {gt:g}",
    "greater_than_equal": "must be {ge:g} or more",
    "less_than_equal": "must be {le:g} or less",
}
_FIXES = {
    "string_type": "Quote it.",
    "dict_type": "Write `key: value` lines.",
    "model_type": "Write `key: value` lines.",
    "list_type": "Write `- item` lines, or [item, …].",
    "tuple_type": "Write `- item` lines, or [item, …].",
}


def _fix(kind: str) -> str:
    return _FIXES.get(kind, "Correct the value.")


def _key_path(location: tuple[int | str, ...]) -> str:
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step + 1}]"
        elif step != "[key]":
            path += f".{step}" if path else step
    return f"{escape_line(path)}: " if path else ""
