"""The image with extra packages: the base's layers, one more, and nothing that was run."""

from __future__ import annotations

import io
import json
import tarfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.engine.derived_image import BASE_LABEL, CONTENT_LABEL, EXTRAS, derive_image
from kit.errors import TrialError

pytestmark = pytest.mark.docker

SETTINGS = ["ENV A=1", "USER 1000:1000", "WORKDIR /somewhere", "LABEL org.example.own=kept"]
COMMANDS = {
    "command": ['CMD ["python", "-c", "pass"]'],
    "entry point": ['ENTRYPOINT ["python"]'],
    "neither": [],
}


def archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture(params=COMMANDS)
def base(engine: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Make a tiny base image, never seen before; it and what derives from it are removed."""
    name = f"stopwatch-test-{uuid.uuid4().hex[:12]}"
    engine.api.import_image_from_data(
        # With the folder of WORKDIR: an engine makes one that is missing, in the new layer.
        archive(**{"base": name.encode(), "somewhere/file": b""}),
        repository=name,
        tag="base",
        changes=[*SETTINGS, *COMMANDS[request.param]],
    )
    image = engine.images.get(f"{name}:base")
    yield image
    derived = engine.images.list(filters={"label": [f"{BASE_LABEL}={image.id}"]})
    for each in (*derived, image):
        engine.images.remove(each.id, force=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "extras"
    (made / "alpha" / "__pycache__").mkdir(parents=True)
    (made / "alpha" / "__pycache__" / "x.pyc").write_text("left behind by a debugger")
    (made / "alpha" / "__init__.py").write_text("ANSWER = 42\n")
    (made / "alpha" / ("long" * 40)).write_text("a name that plain tar cannot hold\n")
    return made


def last_layer(image: Any) -> dict[str, tarfile.TarInfo]:
    """Return the entries of the layer that was added."""
    saved = io.BytesIO(b"".join(image.save()))
    with tarfile.open(fileobj=saved) as outer:
        (manifest,) = json.load(outer.extractfile("manifest.json"))
        layer = outer.extractfile(manifest["Layers"][-1])
        with tarfile.open(fileobj=io.BytesIO(layer.read())) as inner:
            return {entry.name.rstrip("/"): entry for entry in inner}


def test_the_image_is_the_base_with_one_layer_that_holds_the_folder(
    engine: Any, base: Any, folder: Path
) -> None:
    image = engine.images.get(derive_image(engine, base.id, folder))
    layers = image.attrs["RootFS"]["Layers"]
    assert layers[:-1] == base.attrs["RootFS"]["Layers"]
    entries = last_layer(image)
    top = EXTRAS.lstrip("/")
    assert set(entries) == {
        top,
        f"{top}/alpha",
        f"{top}/alpha/__init__.py",
        f"{top}/alpha/{'long' * 40}",
    }
    for entry in entries.values():
        assert (entry.uid, entry.gid, entry.mtime) == (0, 0, 0)
        assert entry.mode & 0o777 == (0o755 if entry.isdir() else 0o444)


def test_the_settings_are_the_bases(engine: Any, base: Any, folder: Path) -> None:
    made = engine.images.get(derive_image(engine, base.id, folder)).attrs["Config"]
    before = base.attrs["Config"]
    for name in ("User", "Env", "WorkingDir", "Entrypoint", "Volumes", "ExposedPorts"):
        assert made.get(name) == before.get(name), name
    if before["Cmd"] or before["Entrypoint"]:
        assert made["Cmd"] == before["Cmd"]
    else:
        assert made["Cmd"] == ["false"]
    assert made["Labels"] == {
        "org.example.own": "kept",
        BASE_LABEL: base.id,
        CONTENT_LABEL: made["Labels"][CONTENT_LABEL],
    }


def test_no_container_is_started_and_none_is_left(engine: Any, base: Any, folder: Path) -> None:
    since = int(time.time())
    derive_image(engine, base.id, folder)
    events = engine.api.events(
        since=since,
        until=time.time() + 1,
        decode=True,
        filters={"type": "container", "image": base.id},
    )
    actions = [event["Action"] for event in events]
    assert {"create", "commit", "destroy"} <= set(actions)
    assert "start" not in actions
    assert engine.containers.list(all=True, filters={"ancestor": base.id}) == []


def test_an_image_is_made_once_for_a_base_and_a_content(
    engine: Any, base: Any, folder: Path
) -> None:
    first = derive_image(engine, base.id, folder)
    (folder / "alpha" / "__init__.py").touch()
    assert derive_image(engine, base.id, folder) == first
    (folder / "alpha" / "__init__.py").write_text("ANSWER = 43\n")
    assert derive_image(engine, base.id, folder) != first


def test_an_image_that_only_claims_to_be_derived_is_not_used(
    engine: Any, base: Any, folder: Path
) -> None:
    honest = engine.images.get(derive_image(engine, base.id, folder))
    labels = honest.attrs["Config"]["Labels"]
    engine.images.remove(honest.id, force=True)
    changes = [f'LABEL {name}="{value}"' for name, value in labels.items()]
    engine.api.import_image_from_data(
        archive(other=b"x"), repository="stopwatch-test-liar", tag="x", changes=changes
    )
    liar = engine.images.get("stopwatch-test-liar:x")
    assert derive_image(engine, base.id, folder) != liar.id


def test_an_engine_that_refuses_is_one_line(engine: Any, folder: Path) -> None:
    with pytest.raises(TrialError) as caught:
        derive_image(engine, "sha256:" + "0" * 64, folder)
    message = str(caught.value)
    assert message.startswith("The image with the submission's extra packages cannot be made: ")
    assert "\n" not in message
