"""Whether the strongest local isolation works here; it is tried, not guessed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable

from kit.doctor.finding import Finding, ok, warning
from kit.referee.isolation import bubblewrap_problem


def bubblewrap(problem: Callable[[], str | None] = bubblewrap_problem) -> Finding:
    """Run bubblewrap once."""
    reason = problem()
    if reason is None:
        return ok("Bubblewrap", "works: no network, read-only system, key and data hidden")
    return warning(
        "Bubblewrap",
        f"{reason}; trainers run as plain processes, and the record says so",
        "apt-get install bubblewrap, and allow user namespaces",
    )


def user_namespaces(user: int | None = None) -> Finding:
    """Try what bubblewrap needs when it is run by an ordinary user."""
    subject = "Namespaces"
    unshare = shutil.which("unshare")
    if unshare is None:
        return ok(subject, "cannot be tried without the program unshare")
    tried = subprocess.run(
        [unshare, "--user", "--map-root-user", "true"],
        capture_output=True,
        timeout=20,
        check=False,
    )
    if tried.returncode == 0:
        return ok(subject, "unprivileged user namespaces work")
    if (os.getuid() if user is None else user) == 0:
        return ok(subject, "unprivileged user namespaces are off; root does not need them")
    return warning(
        subject,
        "unprivileged user namespaces are off; bubblewrap needs them",
        "sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000",
    )
