"""Keeps computing in a background thread while the referee evaluates."""

import threading
import time

from honest import Honest


def work():
    while True:
        sum(range(1000))


threading.Thread(target=work, daemon=True).start()


class ComputeInThread(Honest):
    def batches(self, queue, feedback):
        for batch in super().batches(queue, feedback):
            yield batch
            time.sleep(0.15)  # so that several evaluations become due
