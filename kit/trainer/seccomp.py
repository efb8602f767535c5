"""The system calls that a trainer may not make: those that wake or restart a stopped process.

`python -m kit.trainer.seccomp COMMAND…` runs a command under the filter, which no process of it can
leave. Bubblewrap loads the same program (`--seccomp`). A timer, a message queue, a changed folder
or a parent's death can each send SIGCONT to a process that the referee has stopped; io_uring works
without a running process, and a tracer restarts what it traces.
Sources: seccomp(2), signal(7), linux/filter.h, linux/audit.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import signal
import struct
import sys

_NUMBERS = {  # by machine: its audit architecture, and the numbers of its system calls
    "x86_64": (
        0xC000003E,
        {"timer_create": 222, "timer_settime": 223, "mq_notify": 244, "ptrace": 101}
        | {"fcntl": 72, "prctl": 157},
    ),
    "aarch64": (
        0xC00000B7,
        {"timer_create": 107, "timer_settime": 110, "mq_notify": 184, "ptrace": 117}
        | {"fcntl": 25, "prctl": 167},
    ),
}
_IO_URING = {"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427}
_DENIED_ARGUMENTS = {  # call -> which argument, and the values denied
    "fcntl": (1, (10, 1024, 1026)),  # F_SETSIG, F_SETLEASE, F_NOTIFY
    "prctl": (0, (1,)),  # PR_SET_PDEATHSIG
}
_X32_BIT = 0x40000000  # the x32 ABI shares x86_64's architecture
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _DENY = 0x7FFF0000, 0x00050000 | errno.EPERM
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _SECCOMP_MODE_FILTER = 1, 22, 38, 2


def program(machine: str = platform.machine()) -> bytes | None:
    """Return the filter as classic BPF, or None for a machine whose numbers are not known here."""
    if machine not in _NUMBERS:
        return None
    architecture, numbers = _NUMBERS[machine]
    denied: list[tuple[int, int]] = [(_IF_AT_LEAST, _X32_BIT)] if machine == "x86_64" else []
    denied += [
        (_IF_EQUAL, number)
        for call, number in {**numbers, **_IO_URING}.items()
        if call not in _DENIED_ARGUMENTS
    ]
    code = [(_LOAD, 0, 0, 4), (_IF_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _DENY)]
    code += [(_LOAD, 0, 0, 0)]
    for test, value in denied:
        code += [(test, 0, 1, value), (_RETURN, 0, 0, _DENY)]
    for call, (argument, values) in _DENIED_ARGUMENTS.items():
        # The kernel reads these arguments as 32-bit numbers, so the upper half decides nothing.
        look = [(_LOAD, 0, 0, 16 + 8 * argument)]
        for value in values:
            look += [(_IF_EQUAL, 0, 1, value), (_RETURN, 0, 0, _DENY)]
        look += [(_RETURN, 0, 0, _ALLOW)]
        code += [(_IF_EQUAL, 0, len(look), numbers[call]), *look]
    code += [(_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def install() -> None:
    """Filter the system calls of this process and of all that it starts, if that is possible."""
    code = program()
    if code is None:
        return
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))  # struct sock_fprog
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.c_char_p(header), 0, 0)


def main() -> None:
    """Run the command on the command line under the filter; it dies with its parent."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # before the filter denies it
    install()
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
