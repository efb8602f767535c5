"""What a debugger does to the time of an inline trial: its prompt stops clock and referee."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

_TICK_SECONDS = 0.05
_PROMPTS = {  # module and function that run while a debugger holds a thread
    ("bdb", "trace_dispatch"),  # pdb, ipdb, pudb
    ("pydevd", "do_wait_suspend"),  # debugpy, PyCharm
}


def time_outside_debuggers() -> Callable[[], int]:
    """Return a monotonic `now_ns` that stands still, and holds its caller, at a prompt."""
    spent_ns = 0

    def now_ns() -> int:
        nonlocal spent_ns
        now = time.monotonic_ns()
        while _is_at_prompt():
            time.sleep(_TICK_SECONDS)
            before, now = now, time.monotonic_ns()
            spent_ns += now - before
        return now - spent_ns

    return now_ns


def hide_thread() -> None:
    """Keep debugpy and PyCharm from suspending this thread together with the one they stop."""
    threading.current_thread().pydev_do_not_trace = True  # type: ignore[attr-defined]


def _is_at_prompt() -> bool:
    """Tell whether a debugger holds the main thread."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None:
        if (frame.f_globals.get("__name__"), frame.f_code.co_name) in _PROMPTS:
            return True
        frame = frame.f_back
    return False
