from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from kit.cli.data import data
from kit.errors import DataError, UnknownName


def run(*arguments: str) -> str:
    return CliRunner().invoke(data, arguments, catch_exceptions=False).stdout


def test_prepare_reports_what_it_made(toy, tmp_path):
    assert run("prepare", "toy") == f"toy (mini): prepared, 0.0 MB in {tmp_path}/data/toy/mini\n"


def test_prepare_takes_a_folder_of_the_user(toy):
    toy.sources = []
    toy.write()
    run("prepare", "toy", "--from", str(toy.mirror))


def test_list_shows_every_scale(toy):
    run("prepare", "toy")
    rows = json.loads(run("list", "--json"))
    assert [(row["scale"], row["status"]) for row in rows] == [
        ("full", "not available"),
        ("mini", "prepared"),
    ]
    assert "installed file" in run("list")


def test_verify_names_what_was_altered(toy, tmp_path):
    run("prepare", "toy")
    assert run("verify", "toy") == "toy (mini): every byte is as defined\n"
    file = tmp_path / "data/toy/mini/train/inputs.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"train/inputs\.npy has been altered"):
        run("verify")
    run("prepare", "toy")  # as the message says
    assert run("verify", "toy") == "toy (mini): every byte is as defined\n"


def test_verify_without_data_says_what_to_do(toy):
    with pytest.raises(DataError, match=r"^Nothing is prepared. Run: kit data prepare toy$"):
        run("verify")


def test_verify_refuses_an_unknown_workload(toy):
    with pytest.raises(UnknownName, match="Unknown workload 'ogb'"):
        run("verify", "ogb")


def test_listing_imports_no_framework():
    code = (
        "import sys; from kit.cli.main import main\n"
        "try: main(['data', 'list'])\n"
        "finally: print({'keras', 'tensorflow'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip().endswith("set()")
