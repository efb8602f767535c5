"""Formats of a record: which fields it has depends on the format version that it states.

A field that a later format added is optional in the schema and says since when it exists:

    backend: Annotated[BackendRecord | None, Since(2)] = None

A record of an older format must not have the field; a record of this format or a later one must
have it, and not null. The same holds in the schemas of fields, at any depth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True)
class Since:
    """Mark, in the annotation of a field, the first format that has it."""

    number: int


def format_problems(model: BaseModel, number: int) -> Iterator[str]:
    """Yield which fields a record of format `number` lacks, or should not have."""
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        since = next((m.number for m in field.metadata if isinstance(m, Since)), 0)
        if since > number and name in model.model_fields_set:
            yield f"{name}: format {number} has no such field; it exists since format {since}"
        elif 0 < since <= number and value is None:
            yield f"{name}: format {number} requires this field"
        elif isinstance(value, BaseModel):
            yield from (f"{name}.{problem}" for problem in format_problems(value, number))


def drop_later_fields(fields: dict[str, Any], model: BaseModel, number: int) -> None:
    """Remove from `fields`, the dumped `model`, what format `number` does not have."""
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if any(isinstance(m, Since) and m.number > number for m in field.metadata):
            fields.pop(name, None)
        elif isinstance(value, BaseModel):
            drop_later_fields(fields[name], value, number)
