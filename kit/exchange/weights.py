"""Parameters and model state as one safetensors file of a layout that both sides know beforehand.

The trainer writes into a preallocated file; the referee reads through a descriptor that it opened
when it created the file, into private memory, after the trainer is frozen.
Source: safetensors format, https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors
from safetensors.numpy import load

from kit.errors import RuleViolation
from kit.exchange.directory import WEIGHTS

Arrays = dict[str, np.ndarray]
_DTYPES = {"float32": "F32", "int32": "I32", "int64": "I64", "float64": "F64", "uint32": "U32"}
_SLACK_BYTES = 1 << 16  # room for a header other than ours, so that its errors can be named


@dataclass(frozen=True)
class TensorSpec:
    """Name, shape and dtype of one tensor of the exchange."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def size_bytes(self) -> int:
        """Bytes of the tensor's data."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize


class WeightsLayout:
    """The fixed header and offsets of a list of tensors."""

    def __init__(self, specs: Sequence[TensorSpec]) -> None:
        self.specs = tuple(specs)
        entries, self._offsets, end = {}, [], 0
        for spec in self.specs:
            start, end = end, end + spec.size_bytes
            entries[spec.name] = {
                "dtype": _DTYPES[spec.dtype],
                "shape": list(spec.shape),
                "data_offsets": [start, end],
            }
            self._offsets.append(start)
        header = json.dumps(entries, separators=(",", ":")).encode()
        header += b" " * (-len(header) % 8)
        self._header = len(header).to_bytes(8, "little") + header
        self.size_bytes = len(self._header) + end

    @property
    def allocated_bytes(self) -> int:
        """Size of the preallocated file."""
        return self.size_bytes + _SLACK_BYTES

    def write_into(self, buffer: mmap.mmap | memoryview, arrays: Sequence[np.ndarray]) -> int:
        """Write all tensors into `buffer` and return the number of bytes used."""
        view = memoryview(buffer)
        view[: len(self._header)] = self._header
        for spec, offset, array in zip(self.specs, self._offsets, arrays, strict=True):
            start = len(self._header) + offset
            target = np.frombuffer(view[start : start + spec.size_bytes], dtype=spec.dtype)
            np.copyto(target.reshape(spec.shape), array, casting="no")
        return self.size_bytes

    def check(self, arrays: Arrays) -> None:
        """Compare names, shapes and dtypes with the layout.

        Raises:
            RuleViolation: they differ; the message names the first difference.
        """
        expected = {spec.name: spec for spec in self.specs}
        missing, extra = expected.keys() - arrays.keys(), arrays.keys() - expected.keys()
        if missing or extra:
            raise RuleViolation(
                "The handed-over weights have other tensors than the model: "
                f"missing {sorted(missing)[:3]}, extra {sorted(extra)[:3]}."
            )
        for name, spec in expected.items():
            shape, dtype = arrays[name].shape, str(arrays[name].dtype)
            if shape != spec.shape or dtype != spec.dtype:
                raise RuleViolation(
                    f"The handed-over tensor {name!r} is {dtype}{list(shape)}; "
                    f"the model has {spec.dtype}{list(spec.shape)}."
                )


class WeightsInbox:
    """The referee's side of the weights file."""

    def __init__(self, directory: Path, layout: WeightsLayout, name: str) -> None:
        self._layout = layout
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(directory / name, flags, 0o666)
        os.fchmod(self._descriptor, 0o666)
        os.posix_fallocate(self._descriptor, 0, layout.allocated_bytes)

    def write(self, arrays: Sequence[np.ndarray]) -> None:
        """Write tensors for the trainer: the initial parameters."""
        content = bytearray(self._layout.size_bytes)
        self._layout.write_into(memoryview(content), arrays)
        os.pwrite(self._descriptor, content, 0)

    def read(self, size_bytes: int) -> Arrays:
        """Read what the trainer wrote into private memory and check it against the layout.

        Raises:
            RuleViolation: it is not the safetensors file that it must be.
        """
        if not 8 < size_bytes <= self._layout.allocated_bytes:
            raise RuleViolation(
                f"The trainer announced weights of {size_bytes} bytes; "
                f"the model's have {self._layout.size_bytes}."
            )
        content = _read_exactly(self._descriptor, size_bytes)
        try:
            arrays: Arrays = load(content)
        except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
            raise RuleViolation(f"The handed-over weights are not safetensors: {error}.") from None
        self._layout.check(arrays)
        return arrays

    def __enter__(self) -> WeightsInbox:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def _read_exactly(descriptor: int, size_bytes: int) -> bytes:
    content = bytearray()
    while len(content) < size_bytes:
        part = os.pread(descriptor, size_bytes - len(content), len(content))
        if not part:
            raise RuleViolation(
                f"The weights file ends after {len(content)} of {size_bytes} bytes."
            )
        content += part
    return bytes(content)


class WeightsOutbox:
    """The trainer's side: the file mapped once, so that handing over is one copy."""

    def __init__(self, directory: Path, layout: WeightsLayout) -> None:
        self._layout = layout
        with (directory / WEIGHTS).open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), layout.allocated_bytes)

    def write(self, arrays: Sequence[np.ndarray]) -> int:
        """Write the tensors and return the number of bytes used."""
        return self._layout.write_into(self._map, arrays)


def read_initial(path: Path, layout: WeightsLayout) -> Arrays:
    """Read the initial parameters that the referee wrote."""
    arrays: Arrays = load(path.read_bytes()[: layout.size_bytes])
    layout.check(arrays)
    return arrays
