"""A workload of two small arrays, in an empty data root."""

from __future__ import annotations

import gzip
import hashlib
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import yaml

from kit import paths
from kit.data import Preparation

CONTENT = bytes(range(100))
ABOUT = {"description": "Digits.", "metric": "accuracy", "loss_type": "softmax_cross_entropy"}


class Toy:
    """The workload `toy`: its original is `digits`, found in a folder of the test's."""

    def __init__(self, folder: Path) -> None:
        self.workloads = folder / "workloads"
        self.mirror = folder / "mirror"
        self.mirror.mkdir()
        (self.mirror / "digits.gz").write_bytes(gzip.compress(CONTENT))
        self.sources: list[dict[str, str]] = [{"file": str(self.mirror / "digits.gz")}]
        self.prepared: dict[str, str] = {}
        self.calls = 0
        self.write()

    def write(self) -> None:
        original = {"sha256": hashlib.sha256(CONTENT).hexdigest(), "sources": self.sources}
        scales = {
            "mini": {"originals": {"digits": original}, "prepared": self.prepared},
            "full": {"not_prepared_because": "nobody sells it."},
        }
        file = self.workloads / "toy" / "workload.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump({**ABOUT, "scales": scales}))

    def prepare(self, preparation: Preparation) -> None:
        """Stand in for workloads/toy/prepare.py."""
        self.calls += 1
        values = np.frombuffer(preparation.originals["digits"].read_bytes(), np.uint8)
        preparation.save("train", inputs=values[:80])
        preparation.save("validation", inputs=values[80:])


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """Make the toy the only workload, and an empty data root."""
    toy = Toy(tmp_path)
    monkeypatch.setattr(paths, "WORKLOADS", toy.workloads)
    monkeypatch.setenv("STOPWATCH_DATA", str(tmp_path / "data"))
    module = types.ModuleType("workloads.toy.prepare")
    module.prepare = toy.prepare  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "workloads.toy.prepare", module)
    return toy
