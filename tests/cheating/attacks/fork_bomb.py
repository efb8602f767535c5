"""Forks until the system says no, and reports how far it came; the children stay."""

import json
import os
import time

from honest import Honest


class ForkBomb(Honest):
    def batches(self, queue, feedback):
        yield next(queue)
        children = 0
        try:
            while children < 20_000:
                if os.fork() == 0:
                    os.setsid()
                    time.sleep(600)
                    os._exit(0)
                children += 1
        except OSError as error:
            said = {"children": children, "error": type(error).__name__}
            raise RuntimeError("FORKED " + json.dumps(said)) from None
