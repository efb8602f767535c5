"""Search spaces of target setting: data in a YAML file, by scale and submission."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from kit import paths
from kit.errors import NotAvailable
from kit.rules.hyperparameters import HyperparameterName
from kit.rules.ruleset import Name
from kit.rules.sampling import sample
from kit.rules.submission import Dimension, Submission
from kit.schema.strict_yaml import shown
from kit.schema.validation import Schema, load

SHIPPED = paths.RULES / "calibration" / "spaces.yaml"
Space = Annotated[dict[HyperparameterName, Dimension], Field(min_length=1, max_length=100)]


class Spaces(Schema):
    """The content of a file of spaces: by scale, then by the name of a submission."""

    mini: dict[Name, Space] = Field(default_factory=dict)
    full: dict[Name, Space] = Field(default_factory=dict)


def load_spaces(path: Path) -> Spaces:
    """Read a file of spaces.

    Raises:
        InvalidFile: it cannot be read, parsed or does not match the schema.
    """
    return load(Spaces, path)[0]


def space_of(
    spaces: Spaces, submission: Submission, *, scale: str, path: Path
) -> Mapping[str, Dimension]:
    """Return the space of a submission: the file's, or else the one that it declares as default.

    Raises:
        NotAvailable: there is neither.
    """
    listed = (spaces.mini if scale == "mini" else spaces.full).get(submission.name)
    default = submission.manifest.tuning.get("default")
    space = listed or (default.search_space if default else None)
    if space is None:
        raise NotAvailable(
            f"No search space for submission {submission.name!r} at scale {scale}: {shown(path)} "
            f"has none, and its tuning.default is no search_space. Add `{submission.name}:` under "
            f"`{scale}:` there, or give a file of your own with --spaces."
        )
    return space


def draw(space: Mapping[str, Dimension], trials: int) -> list[dict[str, Any]]:
    """Return the first points of the space's quasi-random sequence, the same for everybody."""
    return sample(space, trials)
