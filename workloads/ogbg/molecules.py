"""Molecules as graphs with the features of OGB; needs rdkit.

Each feature is the index of a value in a list of allowed ones, whose last entry stands for all
others where the list does not name every value. Source: Hu et al. 2020 (arXiv:2005.00687) and
`ogb/utils/features.py` of the Open Graph Benchmark.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

OTHER = "other"
ATOMIC_NUMBERS = (*range(1, 119), OTHER)
CHIRALITIES = (
    *("CHI_UNSPECIFIED", "CHI_TETRAHEDRAL_CW", "CHI_TETRAHEDRAL_CCW", "CHI_OTHER"),
    OTHER,
)
DEGREES = (*range(11), OTHER)  # neighbours, hydrogen atoms included
CHARGES = (*range(-5, 6), OTHER)
HYDROGENS = (*range(9), OTHER)
RADICAL_ELECTRONS = (*range(5), OTHER)
HYBRIDIZATIONS = ("SP", "SP2", "SP3", "SP3D", "SP3D2", OTHER)
BOND_TYPES = ("SINGLE", "DOUBLE", "TRIPLE", "AROMATIC", OTHER)
BOND_STEREO = ("STEREONONE", "STEREOZ", "STEREOE", "STEREOCIS", "STEREOTRANS", "STEREOANY")

Molecule = Any


def index_of(value: Any, choices: Sequence[Any]) -> int:
    """Return the index of `value`, or the last one."""
    return choices.index(value) if value in choices else len(choices) - 1


def atom_features(atom: Any) -> list[int]:
    """Return the nine features of an atom."""
    return [
        index_of(atom.GetAtomicNum(), ATOMIC_NUMBERS),
        index_of(str(atom.GetChiralTag()), CHIRALITIES),
        index_of(atom.GetTotalDegree(), DEGREES),
        index_of(atom.GetFormalCharge(), CHARGES),
        index_of(atom.GetTotalNumHs(), HYDROGENS),
        index_of(atom.GetNumRadicalElectrons(), RADICAL_ELECTRONS),
        index_of(str(atom.GetHybridization()), HYBRIDIZATIONS),
        int(atom.GetIsAromatic()),
        int(atom.IsInRing()),
    ]


def bond_features(bond: Any) -> list[int]:
    """Return the three features of a bond."""
    return [
        index_of(str(bond.GetBondType()), BOND_TYPES),
        index_of(str(bond.GetStereo()), BOND_STEREO),
        int(bond.GetIsConjugated()),
    ]


def graph_of(molecule: Molecule) -> dict[str, np.ndarray]:
    """Return nodes, edges, senders and receivers: every atom but hydrogen, every bond once."""
    bonds = list(molecule.GetBonds())
    nodes = [atom_features(atom) for atom in molecule.GetAtoms()]
    return {
        "nodes": np.array(nodes, np.uint8).reshape(-1, 9),
        "edges": np.array([bond_features(bond) for bond in bonds], np.uint8).reshape(-1, 3),
        "senders": np.array([bond.GetBeginAtomIdx() for bond in bonds], np.uint16),
        "receivers": np.array([bond.GetEndAtomIdx() for bond in bonds], np.uint16),
    }
