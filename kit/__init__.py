"""Stopwatch: an honest referee for training algorithms."""

__version__ = "0.2.0"
CONTRACT = 2  # of submissions (`kit/contracts/algorithm.py`)


def contract_of(kit_version: str) -> int:
    """Return the contract that submissions of a version of the kit are written for.

    In contract 1 the state came before the parameters, and no hyperparameters were declared.
    """
    return 1 if kit_version.startswith("0.1.") else CONTRACT
