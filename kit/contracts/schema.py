"""The base of everything read from a file: unknown keys are errors, nothing is converted."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError


class Schema(BaseModel):
    """What a file may contain: unknown keys rejected, no silent conversion, no NaN or infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _reject_unknown_keys(cls, data: Any) -> Any:
        """Name the valid keys and the closest one, which pydantic's own message does not."""
        if not isinstance(data, dict):
            return data
        for key in data:
            if key not in cls.model_fields:
                choices = list(cls.model_fields)
                close = difflib.get_close_matches(str(key), choices, n=1)
                fix = f"Did you mean {close[0]!r}?" if close else "Remove it."
                raise PydanticCustomError(
                    "unknown_key",
                    "unknown key {key}. {fix}",
                    {"key": repr(key), "fix": f"Choose one of: {', '.join(choices)}. {fix}"},
                )
        return data
