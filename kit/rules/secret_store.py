"""Keep run secrets in the private configuration folder: made once, never overwritten."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from pathlib import Path

from kit.errors import InvalidFile, UsageError
from kit.records.atomic import sync_folder, write_new
from kit.rules.seeds import SECRET_BYTES, RunSecret


def secret_path(config: Path, *, ledger: str, ruleset: str, submission: str) -> Path:
    """Return where the secret of a submission under a ruleset lies, for one results ledger."""
    identity = hashlib.sha256(ledger.encode()).hexdigest()[:16]
    return config / "secrets" / identity / ruleset / submission


def load_or_create(path: Path) -> RunSecret:
    """Return the secret in `path`; make it, mode 0600, where there is none.

    Two processes that start together get the same secret, and an interrupted one leaves none.

    Raises:
        UsageError: the folder cannot be written, or others can read the secret.
        InvalidFile: the file does not hold a secret.
    """
    try:
        if not path.exists():
            _create(path)
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(
            f"The run's secret cannot be kept in {path}: {reason}. "
            "Set STOPWATCH_CONFIG to a folder that you can write."
        ) from None
    if mode & 0o077:
        raise UsageError(
            f"{path}: others can read this secret (mode {mode:04o}). Run: chmod 600 {path}"
        )
    return RunSecret(_decode(text, path))


def _decode(text: str, path: Path) -> bytes:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != SECRET_BYTES:
        raise InvalidFile(
            f"{path}: not a secret: {2 * SECRET_BYTES} hexadecimal digits are expected. Restore it "
            "from a backup; without it the studies that it started cannot go on."
        )
    return value


def _create(path: Path) -> None:
    _make_private_folders(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    write_new(temporary, f"{secrets.token_hex(SECRET_BYTES)}\n".encode(), mode=0o600)
    try:
        os.link(temporary, path)  # unlike a rename, it fails where another process was first
    except FileExistsError:
        return
    finally:
        temporary.unlink()
    sync_folder(path.parent)


def _make_private_folders(folder: Path) -> None:
    """Create `<config>/secrets/<ledger>/<ruleset>`, each readable by its owner alone."""
    config = folder.parents[2]
    config.mkdir(mode=0o700, parents=True, exist_ok=True)
    for private in (folder.parents[1], folder.parents[0], folder):
        private.mkdir(mode=0o700, exist_ok=True)
