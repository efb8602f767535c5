"""The secret nonce: where it lies between commit and reveal."""

from __future__ import annotations

import secrets
import stat
from pathlib import Path

from kit.errors import UsageError, VerificationError
from kit.records.atomic import create_atomic, disk_errors
from kit.records.signing import make_private_folder
from kit.rules.held_out import NONCE_BYTES
from kit.rules.seeds import commitment

_GROUP_AND_OTHERS = 0o077


def nonce_path(config: Path, ruleset: str, promised: str) -> Path:
    """Return the file of the nonce whose sha256 is `promised`, in the private folder `config`.

    The commitment is part of the name, so no nonce is ever in the way of another.
    """
    return config / "held-out" / f"{ruleset}-{promised}.nonce"


def create_nonce(config: Path, ruleset: str) -> Path:
    """Draw a nonce and keep it, readable by its owner alone; return its file.

    Raises:
        TrialError: it cannot be written.
    """
    nonce = secrets.token_bytes(NONCE_BYTES)
    path = nonce_path(config, ruleset, commitment(nonce))
    with disk_errors(path):
        make_private_folder(path.parent)
    create_atomic(path, nonce.hex().encode("ascii") + b"\n", mode=0o600)
    return path


def commitment_of(path: Path) -> str:
    """Return the commitment that is part of the name of a nonce's file."""
    return path.stem.rpartition("-")[2]


def load_nonce(config: Path, ruleset: str, promised: str) -> bytes:
    """Return the nonce whose sha256 is `promised`.

    Raises:
        UsageError: it is not there, or others can read it.
        VerificationError: it is damaged.
    """
    path = nonce_path(config, ruleset, promised)
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(
            f"{path}: {reason}. This is the nonce behind the commitment, and without it nobody can "
            "ever reveal. Restore it from a copy, or point STOPWATCH_CONFIG to where it is. If it "
            "is lost, say so publicly; then commit anew in another --folder, and freeze again."
        ) from None
    if mode & _GROUP_AND_OTHERS:
        raise UsageError(
            f"{path} can be read by other users (mode {mode:04o}), who may have known the nonce "
            f"before the reveal. If you are sure that nobody did: chmod 600 {path}"
        )
    try:
        nonce = bytes.fromhex(content.decode("ascii"))
    except ValueError:
        nonce = b""
    if len(nonce) != NONCE_BYTES or commitment(nonce) != promised:
        raise VerificationError(
            f"{path} is damaged: its content is not the nonce that was committed to. Restore it "
            "from a copy."
        )
    return nonce
