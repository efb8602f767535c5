"""Ends its process in a way that the test chooses with KIND."""

import ctypes
import os
import signal
import sys

from honest import Honest

KIND = "exit"


class Dies(Honest):
    def batches(self, queue, feedback):
        yield next(queue)
        if KIND == "exit":
            sys.exit("enough")
        if KIND == "os_exit":
            os._exit(0)
        if KIND == "abort":
            os.abort()
        if KIND == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if KIND == "segfault":
            ctypes.string_at(0)
        print("\x1b[2J\u202e", flush=True)
        raise ValueError("an ordinary mistake \ud800\u202e\x1b[2J")
