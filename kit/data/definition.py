"""What `workload.yaml` says about the data of one scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kit.data.sources import Source, parse_source
from kit.errors import DataError, InvalidFile, UnknownName
from kit.registry import workload_manifest


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
    labels: tuple[str, ...] = ()  # arrays of the training split that hold nothing but labels

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
        InvalidFile: an original without checksum or sources.
    """
    scales = workload_manifest(workload)["scales"]
    if scale not in scales:
        raise UnknownName(f"scale of {workload}", scale, scales, "--scale")
    entry = scales[scale]
    originals = tuple(
        _original(workload, name, value) for name, value in (entry.get("originals") or {}).items()
    )
    return DataDefinition(
        workload,
        scale,
        originals,
        entry.get("prepared") or {},
        entry.get("not_prepared_because") or "",
        tuple(entry.get("labels") or ()),
    )


def _original(workload: str, name: str, value: Mapping[str, Any]) -> Original:
    file = f"workloads/{workload}/workload.yaml"
    if not isinstance(value, Mapping) or set(value) != {"sha256", "sources"}:
        raise InvalidFile(f"{file}: original {name!r} needs exactly the keys sha256, sources.")
    sources = tuple(parse_source(entry, where=f"{file}: {name}") for entry in value["sources"])
    return Original(name, value["sha256"], sources)


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
