"""The filter of system calls denies what wakes a stopped process, on each machine it knows."""

from __future__ import annotations

import errno
import os
import platform
import struct
import subprocess
import sys

import pytest

from kit.trainer import seccomp


def denied(machine: str, call: int, *arguments: int, architecture: int | None = None) -> bool:
    """Run the program as the kernel does. Source: linux/Documentation/networking/filter.rst."""
    program = seccomp.program(machine)
    assert program is not None
    code = list(struct.iter_unpack("=HBBI", program))
    known = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[machine]
    filled = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("<IIQ6Q", call, architecture or known, 0, *filled)
    at, accumulator = 0, 0
    while True:
        operation, if_true, if_false, value = code[at]
        at += 1
        if operation == 0x20:
            accumulator = struct.unpack_from("<I", data, value)[0]
        elif operation == 0x06:
            return value != 0x7FFF0000
        else:
            holds = accumulator == value if operation == 0x15 else accumulator >= value
            at += if_true if holds else if_false


@pytest.mark.parametrize(
    ("machine", "calls", "fcntl", "prctl", "read"),
    [
        ("x86_64", (222, 223, 244, 425, 426, 427, 101), 72, 157, 0),
        ("aarch64", (107, 110, 184, 425, 426, 427, 117), 25, 167, 63),
    ],
)
def test_only_what_wakes_is_denied(
    machine: str, calls: tuple[int, ...], fcntl: int, prctl: int, read: int
) -> None:
    assert [denied(machine, call) for call in calls] == [True] * len(calls)
    assert not denied(machine, read)
    commands = {command for command in range(2000) if denied(machine, fcntl, 0, command)}
    assert commands == {10, 1024, 1026}
    assert {option for option in range(100) if denied(machine, prctl, option)} == {1}
    assert denied(machine, fcntl, 0, (1 << 32) | 10), "the kernel ignores the upper half"
    assert denied(machine, read, architecture=0x40000003), "i386"
    assert denied(machine, read | 0x40000000) is (machine == "x86_64")  # x32


def test_an_unknown_machine_has_no_filter() -> None:
    assert seccomp.program("riscv64") is None


@pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86_64")
def test_the_kernel_applies_it_to_all_that_is_started() -> None:
    code = "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True)\n"
    code += "print(libc.syscall(222, 0, None, None), ctypes.get_errno(), os.getpid() > 0)"
    shell = ["sh", "-c", '"$0" -c "$1"', sys.executable, code]
    command = [sys.executable, "-P", "-s", "-m", "kit.trainer.seccomp", *shell]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.split() == ["-1", str(errno.EPERM), "True"]
