"""Ways to compute although the referee has stopped everything.

Runs alone: `wakers.py FOLDER KIND…`.

Each starts a process that notices by the clock that it stood still, is woken nevertheless, computes
and says so in the file `computed` of its folder. A handler for SIGCONT is what makes it run on:
without one, a stop that is still pending would stop it again.
"""

import ctypes
import fcntl
import os
import signal
import sys
import threading
import time

WORK_SECONDS = 0.15
DELAY_SECONDS = 0.6  # from the stop to the wake-up
LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
SYS_EXIT = {"x86_64": 60, "aarch64": 93}[os.uname().machine]


class Timer:
    """Has the kernel send a signal to this process again and again."""

    def __init__(self, number, seconds):
        event = (ctypes.c_int * 16)(0, 0, number, 0)  # sigev_value, sigev_signo, SIGEV_SIGNAL
        self.id = ctypes.c_void_p()
        LIBC.timer_create(time.CLOCK_REALTIME, event, ctypes.byref(self.id))
        nanoseconds = int(seconds * 1e9)
        self.period = (ctypes.c_long * 4)(0, nanoseconds, 0, nanoseconds)
        self.start()

    def start(self):
        LIBC.timer_settime(self.id, 0, self.period, None)


def compute():
    end = time.process_time() + WORK_SECONDS
    while time.process_time() < end:
        pass


class Sleeper:
    """Waits to be stopped and woken; then it computes, says so, and exits if it should."""

    def __init__(self, folder, *, exits):
        self.computed = os.path.join(folder, "computed")
        self.exits = exits
        signal.signal(signal.SIGCONT, lambda *_: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def run(self, alarm=None):
        while True:
            before = time.monotonic()
            if alarm:
                alarm.start()  # it rings only when this process has not run for a while
            time.sleep(0.005)
            if time.monotonic() - before < 0.8 * DELAY_SECONDS:
                continue
            compute()  # it stood still
            with open(self.computed, "a") as file:
                file.write("yes\n")
            if self.exits:
                os._exit(0)


def child(function):
    if os.fork() == 0:
        try:
            function()
        finally:  # also where a call is denied
            os._exit(0)


def by_timer(folder):
    """It exits before the audit, and leaves no zombie that would show its CPU time."""

    def run():
        Sleeper(folder, exits=True).run(Timer(signal.SIGCONT, DELAY_SECONDS))

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    child(run)


def by_parent_death(folder):
    def parent():
        def run():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGCONT)
            Sleeper(folder, exits=False).run()

        child(run)
        dies_while_stopped()

    child(parent)


def by_orphaned_group(folder):
    """The kernel wakes the stopped members of a group that no parent can continue any more."""

    def parent():
        def run():
            os.setpgid(0, 0)
            Sleeper(folder, exits=False).run()

        child(run)
        dies_while_stopped()

    child(parent)


def dies_while_stopped():
    """Put off the end again and again: what is stopped cannot, and a timer kills it."""
    end = Timer(signal.SIGKILL, DELAY_SECONDS)
    while True:
        end.start()
        time.sleep(0.02)


def by_directory(folder):
    """Whoever reads a file of the folder sends the signal: the referee itself."""

    def run():
        sleeper = Sleeper(folder, exits=False)
        watched = os.open(folder, os.O_RDONLY)
        fcntl.fcntl(watched, fcntl.F_SETSIG, signal.SIGCONT)
        fcntl.fcntl(watched, fcntl.F_NOTIFY, fcntl.DN_ACCESS | fcntl.DN_MULTISHOT)
        sleeper.run()

    child(run)


def behind_ballast(folder):
    """CPU time that was used before vanishes with its process, and covers what is used now."""

    def worker():
        Sleeper(folder, exits=False).run(Timer(signal.SIGCONT, DELAY_SECONDS))

    def ballast():
        end = time.process_time() + 3 * WORK_SECONDS
        while time.process_time() < end:
            pass
        dies_while_stopped()

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    child(worker)
    child(ballast)


def without_leader(folder):
    """The first thread ends, another works: the process looks as if it had ended."""

    def run():
        with open(os.path.join(folder, "pid"), "w") as file:
            file.write(str(os.getpid()))
        threading.Thread(target=work, daemon=True).start()
        LIBC.syscall(SYS_EXIT, 0)

    def work():
        while True:
            sum(range(1000))

    child(run)


if __name__ == "__main__":
    for kind in sys.argv[2:]:
        globals()[kind](sys.argv[1])
    while True:
        time.sleep(1)
