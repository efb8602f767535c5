"""Keeps computing in a child, in a child of another session and in an orphan."""

import os
import time

from honest import Honest


def work():
    while True:
        sum(range(1000))


if os.fork() == 0:
    work()
if os.fork() == 0:
    os.setsid()
    work()
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        work()
    os._exit(0)


class ComputeInChildren(Honest):
    def batches(self, queue, feedback):
        for batch in super().batches(queue, feedback):
            yield batch
            time.sleep(0.15)
