"""The folder of a submission's extra packages: wheels by hash, unpacked once, never executed.

uv finds the wheels (its own settings and variables say where: UV_DEFAULT_INDEX, UV_FIND_LINKS, …),
checks their hashes and unpacks them; it reads a file made here, not the submission's own.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from kit.engine.wheel_checks import PLATFORM, PYTHON, check_unpacked
from kit.errors import InvalidSubmission, KitError, TrialError
from kit.rules.extra_requirements import LOCK, ExtraRequirement, pinned_versions

_FOLDER = "extras"
_UNFINISHED = ".unfinished-"
_LAYOUT = 1  # of the folder; another one is made anew
_SCRIPTS = "bin"
_OF_THE_INSTALLER = ("uv_cache.json", "direct_url.json")  # differ from machine to machine
_WHERE_PACKAGES_ARE = (  # the variables of uv that are kept; others would change what is installed
    "UV_DEFAULT_INDEX", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_OFFLINE",
    "UV_CACHE_DIR", "UV_CONFIG_FILE", "UV_KEYRING_PROVIDER", "UV_HTTP_", "UV_INSECURE_HOST",
    "UV_NATIVE_TLS", "UV_SYSTEM_CERTS",
)  # fmt: skip
_INSTALL = (
    "pip", "install", "--require-hashes", "--only-binary", ":all:", "--no-deps",
    "--no-compile-bytecode", "--link-mode", "copy", "--color", "never", "--no-progress",
    "--python-version", PYTHON, "--python-platform", f"x86_64-{PLATFORM}",
)  # fmt: skip


def installed(
    requirements: Sequence[ExtraRequirement],
    cache: Path,
    *,
    announce: Callable[[str], None] = lambda message: None,
) -> Path | None:
    """Return the folder with the unpacked wheels, below `cache`; None for no requirements.

    Args:
        requirements: of one submission.
        cache: `paths.cache_root()`.
        announce: told in a sentence when something really has to be installed.

    Raises:
        InvalidSubmission: a wheel does not exist, is not the one that was locked, or may not be
            added to the pinned environment.
        TrialError: the index cannot be reached or the disk cannot be written.
    """
    if not requirements:
        return None
    folder = cache / _FOLDER / _content_name(requirements)
    pinned = pinned_versions()
    if not folder.exists():
        count = len(requirements)
        announce(f"installing {count} extra package{'s' if count > 1 else ''} of the submission …")
        with _disk_errors(folder.parent), _unfinished(folder.parent) as made:
            _unpack(requirements, made)
            _tidy(made)
            check_unpacked(made, requirements, pinned)
            made.chmod(0o755)
            try:
                made.rename(folder)
            except OSError:
                if not folder.exists():  # else another run was faster; its content is the same
                    raise
    else:  # the pins may have changed since
        check_unpacked(folder, requirements, pinned)
    return folder


def _content_name(requirements: Sequence[ExtraRequirement]) -> str:
    lines = [f"{_LAYOUT} {PYTHON} {PLATFORM}", *sorted(each.locked for each in requirements)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@contextlib.contextmanager
def _unfinished(parent: Path) -> Iterator[Path]:
    """Make a folder that is gone afterwards, unless it was renamed."""
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(f"{_UNFINISHED}*"):  # by a run that was killed
        if not Path("/proc", left.name.removeprefix(_UNFINISHED).partition("-")[0]).exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{_UNFINISHED}{os.getpid()}-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(requirements: Sequence[ExtraRequirement], target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="stopwatch-lock-") as folder:
        lock = Path(folder, LOCK)
        lock.write_text("".join(f"{each.locked}\n" for each in requirements), encoding="utf-8")
        command = [_uv(), *_INSTALL, "--python", sys.executable, "--target", str(target)]
        # In a folder of its own: uv also reads settings from the folder that it runs in.
        done = subprocess.run(
            [*command, "--requirements", str(lock)],
            cwd=folder, env=_environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        raise _explained(done.stderr, requirements)


def _environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("UV_") or name.startswith(_WHERE_PACKAGES_ARE)
    }


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    program = str(beside) if beside.exists() else shutil.which("uv")
    if program is None:
        raise TrialError(
            "A submission with requirements.lock needs uv, and it is not installed. Run: make setup"
        )
    return program


def _explained(said: str, requirements: Sequence[ExtraRequirement]) -> KitError:
    """Return what uv's message means for the user."""
    said = " ".join(said.split())
    package = _first_named(said, requirements)
    if "Hash mismatch" in said:
        computed = re.findall(r"sha256:[0-9a-f]{64}", said)[-1:]
        return InvalidSubmission(
            f"{LOCK}: the wheel of {package} is not one that was locked. Received: "
            f"{' '.join(computed)}. Compile the file again, and find out why the index changed."
        )
    if "No space left" in said or "os error 28" in said:
        return TrialError("No space left on the disk for the extra packages. Free some.")
    if re.search(r"Failed to fetch|error sending request|dns error|network was disabled|timed out",
                 said):  # fmt: skip
        reason = said.rpartition("cause: ")[2].split(" hint: ")[0]
        return TrialError(
            f"The extra packages cannot be fetched: {reason.rstrip('.')[:200]}. Connect to the "
            "network, or say with UV_DEFAULT_INDEX or UV_FIND_LINKS where the wheels are."
        )
    if re.search(r"no wheels with a matching|no usable wheels", said):
        return InvalidSubmission(
            f"{LOCK}: {package} has no wheel for CPython {PYTHON} on x86_64 {PLATFORM}, and "
            "nothing is built. Lock a version that has one."
        )
    if re.search(r"no version of|was not found", said):
        return InvalidSubmission(
            f"{LOCK}: {package} is not in the package index that uv reads. Check its name and "
            "version, or set UV_DEFAULT_INDEX."
        )
    reason = said.rpartition("error: ")[2][:300] or "uv gave no reason"
    return TrialError(f"The extra packages cannot be installed: {reason}")


def _first_named(said: str, requirements: Sequence[ExtraRequirement]) -> str:
    """Return the package that a message speaks of."""
    places = {}
    for each in requirements:
        found = re.search(rf"(?<![\w.-]){re.escape(str(each))}(?![\w.]*\w)", said)
        if found:
            places[found.start()] = str(each)
    return places[min(places)] if places else "a package"


def _tidy(folder: Path) -> None:
    """Remove what serves nobody or differs between machines; make the rest readable by all."""
    shutil.rmtree(folder / _SCRIPTS, ignore_errors=True)
    (folder / ".lock").unlink(missing_ok=True)
    for record in folder.glob("*.dist-info/RECORD"):
        for name in _OF_THE_INSTALLER:
            record.with_name(name).unlink(missing_ok=True)
        rows = csv.reader(io.StringIO(record.read_text(encoding="utf-8")))
        kept = sorted(row for row in rows if row and (folder / row[0]).exists())
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(kept)
        record.write_text(text.getvalue(), encoding="utf-8")
    for path in folder.rglob("*"):  # the trainer may run as another user
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o444)


@contextlib.contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TrialError(
            f"The extra packages cannot be written below {folder}: "
            f"{error.strerror or type(error).__name__}. Free space, or set STOPWATCH_CACHE."
        ) from None
