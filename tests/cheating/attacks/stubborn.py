"""Asks for its own end, and catches what would end it. For inline trials."""

import contextlib
import os
import signal
import time

from honest import Honest


class Stubborn(Honest):
    def batches(self, queue, feedback):
        yield next(queue)
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(5):
            with contextlib.suppress(Exception):
                time.sleep(60)
