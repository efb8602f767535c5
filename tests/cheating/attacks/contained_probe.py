"""Tries everything that the containers must prevent and reports what worked."""

import ctypes
import json
import os
import resource
import signal
import socket
from pathlib import Path

from honest import Honest

PORT = 0  # of a server outside
HIDDEN = []  # paths on the host that the test puts in
WORKLOAD = ""  # what no process should tell on its command line

LIBC = ctypes.CDLL(None, use_errno=True)
KIT = Path(__import__("kit").__file__).parent
REFEREES = [
    int(name)
    for name in os.listdir("/proc")
    if name.isdigit() and os.stat(f"/proc/{name}").st_uid == 0
]
PTRACE_ATTACH, CLONE_NEWUSER, CLONE_NEWNS, MS_REMOUNT = 16, 0x10000000, 0x00020000, 32


def reads(path):
    return bool(Path(path).read_bytes()) if Path(path).is_file() else bool(os.listdir(path))


def connects(address):
    with socket.create_connection(address, timeout=1):
        return True


def writes(path):
    Path(path).write_text("tuned")
    return True


def did(result):
    return result not in (-1, None, False)


def of_referee(attempt):
    """Return whether `attempt` works on any process of root."""
    for pid in REFEREES:
        try:
            if attempt(pid):
                return True
        except OSError:
            continue
    return False


def slows(pid):
    os.sched_setaffinity(pid, {0})
    return True


def limits(pid):
    resource.prlimit(pid, resource.RLIMIT_CPU, (1, 1))
    return True


def names_workload(pid):
    return WORKLOAD.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()


def becomes_root():
    os.setuid(0)
    return os.getuid() == 0


def makes_device(path):
    os.mknod(path, 0o600 | 0o060000, os.makedev(254, 0))
    return True


PROBES = {
    **{f"read {path}": lambda path=path: reads(path) for path in HIDDEN},
    **{
        f"read {path}": lambda path=path: reads(path)
        for path in (
            "/run/secrets",
            "/config",
            "/results",
            "/submissions",
            "/rulesets",
            "/etc/shadow",
            f"/data/{WORKLOAD}/mini/evaluation",
            "/data/sources",
            "/var/run/docker.sock",
            KIT.parent / "rules",
            KIT.parent / "submissions",
            KIT.parent / "tests",
            Path(__file__).parent / "submission.yaml",
        )
    },
    "connect to the host": lambda: connects(("127.0.0.1", PORT)),
    "connect outside": lambda: connects(("192.0.2.1", 80)),
    "resolve a name": lambda: did(socket.getaddrinfo("example.org", 80)),
    "another network than loopback": lambda: {n for _, n in socket.if_nameindex()} != {"lo"},
    "signal the referee": lambda: of_referee(lambda pid: os.kill(pid, signal.SIGCONT) is None),
    "stop the referee": lambda: of_referee(lambda pid: os.kill(pid, signal.SIGSTOP) is None),
    "slow the referee": lambda: of_referee(slows),
    "lower its priority": lambda: of_referee(lambda p: os.setpriority(0, p, 19) is None),
    "limit the referee": lambda: of_referee(limits),
    "trace the referee": lambda: of_referee(
        lambda pid: did(LIBC.ptrace(PTRACE_ATTACH, pid, None, None))
    ),
    **{
        f"read /proc/<referee>/{name}": lambda name=name: of_referee(
            lambda pid: reads(f"/proc/{pid}/{name}")
        )
        for name in ("environ", "maps", "mem", "root", "cwd", "fd", "io", "root/run/secrets")
    },
    "be made stronger for the OOM killer": lambda: (
        writes("/proc/self/oom_score_adj") and Path("/proc/self/oom_score_adj").write_text("-1000")
    ),
    "hear the workload's name from a command line": lambda: of_referee(names_workload),
    **{
        f"write {path}": lambda path=path: writes(path)
        for path in (
            "/smuggled",
            "/usr/smuggled",
            "/etc/smuggled",
            "/exchange/smuggled",
            "/data/smuggled",
            KIT / "smuggled.py",
            Path(__file__).parent / "smuggled.py",
            __file__,
            "/proc/sys/kernel/core_pattern",
            "/proc/sys/vm/drop_caches",
            "/proc/sysrq-trigger",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        )
    },
    "remove the referee's socket": lambda: os.unlink("/exchange/control") is None,
    "open the exchange to others": lambda: os.chmod("/exchange", 0o777) is None,
    "become root": becomes_root,
    "gain groups": lambda: os.setgroups([0]) is None,
    "enter a new user namespace": lambda: did(LIBC.unshare(CLONE_NEWUSER)),
    "enter a new mount namespace": lambda: did(LIBC.unshare(CLONE_NEWNS)),
    "mount": lambda: did(LIBC.mount(b"none", b"/tmp", b"tmpfs", 0, None)),
    "remount the root writable": lambda: did(LIBC.mount(b"none", b"/", None, MS_REMOUNT, None)),
    "make a device": lambda: makes_device("/tmp/disk"),
    "change root": lambda: os.chroot("/tmp") is None,
    "set the clock": lambda: did(LIBC.settimeofday(ctypes.create_string_buffer(16), None)),
    "read the kernel's log": lambda: reads("/dev/kmsg"),
    "inherit a variable": lambda: "CANARY" in os.environ,
}


class ContainedProbe(Honest):
    def batches(self, queue, feedback):
        worked, refused = [], 0
        for name, attempt in PROBES.items():
            try:
                if attempt():
                    worked.append(name)
                else:
                    refused += 1
            except (OSError, ValueError):
                refused += 1
        said = {"worked": worked, "refused": refused, "referees": len(REFEREES)}
        raise RuntimeError("PROBED " + json.dumps(said))
