"""Keeps a child between vfork and exec, so that its parent is never seen as stopped."""

import os
import time

from honest import Honest

FIFO = os.path.join(os.environ["TMPDIR"], "fifo")
os.mkfifo(FIFO)
if os.fork() == 0:
    never_comes = (os.POSIX_SPAWN_OPEN, 0, FIFO, os.O_RDONLY, 0)
    os.posix_spawn("/bin/true", ["true"], {}, file_actions=[never_comes])
    os._exit(0)


class HideFromStop(Honest):
    def batches(self, queue, feedback):
        for batch in super().batches(queue, feedback):
            yield batch
            time.sleep(0.15)
