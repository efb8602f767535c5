"""Ed25519 keys: where they lie, how they are made, and what they sign."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.signer import CryptoSigner, SSlibKey

from kit.errors import InvalidFile, UnknownName, UsageError
from kit.records.atomic import create_atomic, disk_errors

DEVELOPMENT = "development"
DEVELOPMENT_KEY = "development key"  # the name that its statements carry
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_HEX_KEY = re.compile(r"[0-9a-f]{64}")
_GROUP_AND_OTHERS, _OTHERS = 0o077, 0o007


@dataclass(frozen=True)
class PublicKey:
    """The public half of a key; `hex` is its 32 bytes in hexadecimal."""

    hex: str
    name: str = ""

    @property
    def key_id(self) -> str:
        """Return the key id: sha256 of the key's canonical description (securesystemslib)."""
        key_id: str = SSlibKey.from_crypto(self._crypto()).keyid
        return key_id

    @property
    def pem(self) -> str:
        """Return the key in PEM form."""
        encoded = self._crypto().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return encoded.decode("ascii")

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Tell whether `signature` is this key's signature of `data`."""
        try:
            self._crypto().verify(signature, data)
        except InvalidSignature:
            return False
        return True

    def _crypto(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.hex))


@dataclass(frozen=True)
class SigningKey:
    """A private key with its name; the private part is never shown, printed or logged."""

    name: str
    signer: CryptoSigner

    def __repr__(self) -> str:
        return f"SigningKey({self.name!r}, {self.public.hex})"

    @property
    def public(self) -> PublicKey:
        """Return the public half."""
        return PublicKey(self.signer.public_key.keyval["public"], self.name)

    @property
    def key_id(self) -> str:
        """Return the key id."""
        key_id: str = self.signer.public_key.keyid
        return key_id

    def sign(self, data: bytes) -> bytes:
        """Return the signature of `data`, 64 bytes."""
        return bytes.fromhex(self.signer.sign(data).signature)

    def derive_secret(self, purpose: str) -> bytes:
        """Return 32 bytes that only the holder of this key can make, the same for a `purpose`.

        An Ed25519 signature is deterministic (RFC 8032, 5.1.6) and cannot be guessed; this one is
        of a text that is never signed for publication, and is itself never shown.
        """
        return hashlib.sha256(self.sign(f"stopwatch secret|{purpose}".encode())).digest()


def keys_folder(config: Path) -> Path:
    """Return the folder of private keys."""
    return config / "keys"


def key_path(config: Path, name: str | None = None) -> Path:
    """Return where the key `name` lies, or else the one that the environment names."""
    mounted = os.environ.get("STOPWATCH_KEY_FILE")
    if mounted and name is None:
        return Path(mounted).absolute()
    return keys_folder(config) / f"{name or os.environ.get('STOPWATCH_KEY') or DEVELOPMENT}.pem"


def load_or_create_key(config: Path, name: str | None = None) -> SigningKey:
    """Return the key `name` (default: `$STOPWATCH_KEY`, otherwise the development key).

    Without a name, `$STOPWATCH_KEY_FILE` is a key's file wherever it lies: a container's secret.
    The development key is made on first use; every other key must have been made by
    `kit keys init`.

    Raises:
        UnknownName: there is no key of that name.
        UsageError: others can read the key file.
        InvalidFile: the key file is damaged.
        TrialError: a new key cannot be written.
    """
    if os.environ.get("STOPWATCH_KEY_FILE") and name is None:
        return load_key(key_path(config), forbidden_mode=_OTHERS)
    path = key_path(config, name)
    name = path.stem
    if path.exists():
        return load_key(path)
    if name != DEVELOPMENT:
        raise UnknownName(
            "key", name, key_names(config) or [DEVELOPMENT], "--name or STOPWATCH_KEY"
        )
    # Two processes on first use: the second finds the file and loads the same key.
    with contextlib.suppress(FileExistsError):
        _create(path)
    return load_key(path)


def create_key(config: Path, name: str = DEVELOPMENT) -> SigningKey:
    """Create the key `name`, never over an existing one.

    Raises:
        UsageError: the name is not usable, or there is a key of that name.
        TrialError: the key cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            "A key's name has 1 to 40 lower-case letters, digits and hyphens, the first no hyphen. "
            f"Received: --name={name!r}."
        )
    path = keys_folder(config) / f"{name}.pem"
    try:
        _create(path)
    except FileExistsError:
        raise UsageError(
            f"{path} exists already, and a key is never overwritten: results signed with it would "
            "become unverifiable. Choose another --name, or move that file away."
        ) from None
    return load_key(path)


def load_key(path: Path, *, forbidden_mode: int = _GROUP_AND_OTHERS) -> SigningKey:
    """Load the private key in the file `path`; the file's name is the key's.

    Raises:
        UsageError: others can read the file.
        InvalidFile: the file is missing, unreadable or not an Ed25519 key.
    """
    content = _read_private(path, forbidden_mode)
    try:
        private = load_pem_private_key(content, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise InvalidFile(
            f"{path} is not an Ed25519 private key in PEM form; it may be damaged. Restore it from "
            "a copy, or move it away and run `kit keys init`."
        )
    name = DEVELOPMENT_KEY if path.stem == DEVELOPMENT else path.stem
    return SigningKey(name, CryptoSigner(private, SSlibKey.from_crypto(private.public_key())))


def key_names(config: Path) -> list[str]:
    """Return the names of the keys in the folder of private keys."""
    return sorted(path.stem for path in keys_folder(config).glob("*.pem"))


def local_keys(config: Path) -> list[PublicKey]:
    """Return the public halves of the keys in the folder of private keys."""
    return [load_key(keys_folder(config) / f"{name}.pem").public for name in key_names(config)]


def parse_public_key(text: str) -> PublicKey:
    """Return the public key that a user gave: 64 hexadecimal digits, or a file with those or PEM.

    Raises:
        UsageError: it is neither.
    """
    content, name = text, ""
    if not _HEX_KEY.fullmatch(text.strip().lower()):
        try:
            content, name = Path(text).read_text(encoding="ascii"), Path(text).stem
        except (OSError, ValueError):
            content = ""
    if _HEX_KEY.fullmatch(content.strip().lower()):
        return PublicKey(content.strip().lower(), name)
    try:
        key = load_pem_public_key(content.encode("ascii"))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(
            "A trusted key is 64 hexadecimal digits, or a file with those or with an Ed25519 "
            "public key in PEM form, as `kit keys show` prints it. Received: "
            f"--trusted-key={text!r}."
        )
    return PublicKey(key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex(), name)


def make_private_folder(folder: Path) -> None:
    """Make a folder for secrets; wherever it is, none of them is committed by accident.

    Raises:
        OSError: it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="ascii")


def _read_private(path: Path, forbidden_mode: int) -> bytes:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & forbidden_mode:
                raise UsageError(
                    f"{path} can be read or changed by other users (mode {mode:04o}), so its "
                    f"signatures prove nothing. Fix it: chmod 600 {path}"
                )
            return file.read()
    except OSError as error:
        raise InvalidFile(
            f"{path}: {error.strerror}. A private key must be a file that you can read; "
            "`kit keys init` makes one."
        ) from None


def _create(path: Path) -> None:
    """Write a new key to `path`; raises FileExistsError when there is one."""
    with disk_errors(path):
        make_private_folder(path.parent)
    create_atomic(path, CryptoSigner.generate_ed25519().private_bytes, mode=0o600)
