"""The referee in a PID namespace of its own: everything else in it is the trainer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kit.referee import isolation

# Process 1 starts a family that forks, orphans and opens sessions; then the referee, beside it.
INIT = """
import os, subprocess, sys
family = subprocess.Popen([sys.executable, "-c", sys.argv[1]], start_new_session=True)
referee = subprocess.Popen([sys.executable, "-c", sys.argv[2]])
while True:
    pid, _ = os.wait()          # orphans included, as an init does
    if pid == referee.pid:
        break
"""
FAMILY = """
import os, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True:
                if os.fork() == 0:
                    time.sleep(0.01)
                    os._exit(0)
                os.waitpid(-1, os.WNOHANG)
        os._exit(0)
while True: pass
"""
REFEREE = """
import json, os, time
from kit.referee.processes import NamespaceProcesses
found = NamespaceProcesses()
while len(found.pids()) < 4: time.sleep(0.01)
before = found.freeze()
time.sleep(0.3)
still = before.changes(found.standstill()) == []
found.thaw()
while not before.cpu_seconds(found.standstill()): time.sleep(0.01)
own = {1, os.getpid()} & found.pids()
found.kill()
time.sleep(0.1)
print(json.dumps({"still": still, "own": sorted(own), "left": found.any_running(),
                  "memory": found.peak_resident_bytes}))
"""


def test_all_but_init_and_the_referee_is_frozen_thawed_and_killed(tmp_path: Path) -> None:
    if problem := isolation.bubblewrap_problem():
        pytest.skip(problem)
    sandbox = ["bwrap", "--ro-bind", "/", "/", "--proc", "/proc", "--unshare-pid", "--as-pid-1"]
    done = subprocess.run(
        [*sandbox, "--die-with-parent", sys.executable, "-c", INIT, FAMILY, REFEREE],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said.pop("memory") > 0
    assert said == {"still": True, "own": [], "left": False}
