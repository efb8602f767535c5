"""What an engine made is not believed. (Real images: tests/docker/test_extras.py.)"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kit.engine.derived_image import derive_image
from kit.errors import TrialError


def image(name: str, *layers: str) -> Any:
    attributes = {"RootFS": {"Layers": list(layers)}, "Config": {"Cmd": ["x"], "Entrypoint": None}}
    return SimpleNamespace(id=name, attrs=attributes)


class Container:
    def __init__(self, made: Any) -> None:
        self.made, self.removed = made, False

    def put_archive(self, path: str, data: Any) -> None: ...

    def commit(self, **_: Any) -> Any:
        return self.made

    def remove(self, **_: Any) -> None:
        self.removed = True


@pytest.mark.parametrize("layers", [("other", "new"), ("base",), ("base", "new", "newer"), ()])
def test_an_image_that_is_not_the_base_and_one_layer_is_refused(
    tmp_path: Path, layers: tuple[str, ...]
) -> None:
    container = Container(image("sha256:made", *layers))
    client = SimpleNamespace(
        images=SimpleNamespace(get=lambda _: image("sha256:base", "base"), list=lambda **_: []),
        containers=SimpleNamespace(create=lambda *_: container),
    )
    with pytest.raises(TrialError) as caught:
        derive_image(client, "sha256:base", tmp_path)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "Image sha256:made is not sha256:base with one more layer, so it is not used. Remove it "
        "with: docker image rm sha256:made"
    )
    assert container.removed
