"""What `workload.yaml` says about the data of one scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kit.data.sources import Source, source
from kit.errors import DataError
from kit.registry import scale_entry


@dataclass(frozen=True)
class Original:
    """A file as its publisher made it, from any of several sources.

    `sha256` is that of the content without compression, because archives repack the same content
    in other gzip bytes.
    """

    name: str
    sha256: str
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class DataDefinition:
    """The data of one workload at one scale: originals, and the checksums of the prepared result.

    `prepared` maps "train" and "evaluation" to the sha256 of their manifests; it is empty where
    nobody could prepare the data yet, and then the originals' checksums are the definition.
    """

    workload: str
    scale: str
    originals: tuple[Original, ...]
    prepared: Mapping[str, str]
    not_prepared_because: str = ""
    labels: tuple[str, ...] = ()  # arrays of the training split

    @property
    def label(self) -> str:
        """Return "mnist (mini)", for messages."""
        return f"{self.workload} ({self.scale})"

    @property
    def command(self) -> str:
        """Return the command that prepares this data, for messages."""
        return prepare_command(self.workload, self.scale)


def prepare_command(workload: str, scale: str) -> str:
    """Return the command that prepares the data of `workload` at `scale`."""
    suffix = "" if scale == "mini" else f" --scale {scale}"
    return f"kit data prepare {workload}{suffix}"


def data_definition(workload: str, scale: str) -> DataDefinition:
    """Read the definition from `workload.yaml`.

    Raises:
        UnknownName: no such workload or scale.
        InvalidFile: the file does not match its schema.
    """
    entry = scale_entry(workload, scale)
    originals = tuple(
        Original(name, original.sha256, tuple(map(source, original.sources)))
        for name, original in entry.originals.items()
    )
    return DataDefinition(
        workload,
        scale,
        originals,
        entry.prepared,
        entry.not_prepared_because,
        entry.labels,
    )


def require_originals(definition: DataDefinition) -> None:
    """Refuse data that this version cannot prepare.

    Raises:
        DataError: with the reason that `workload.yaml` gives.
    """
    if not definition.originals:
        raise DataError(
            f"The data of {definition.label} cannot be prepared by this version: "
            f"{definition.not_prepared_because}"
        )
