"""Kills every process that it may."""

import os
import signal

from honest import Honest


class KillEverything(Honest):
    def batches(self, queue, feedback):
        yield next(queue)
        os.kill(-1, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
