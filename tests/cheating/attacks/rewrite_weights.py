"""Lets a child rewrite the weights over and over, also after they were handed over."""

import os
import time

from honest import Honest

from kit.exchange.weights import WeightsOutbox

original = WeightsOutbox.write


def write(self, arrays):
    size = original(self, arrays)
    if not hasattr(self, "_child"):
        self._child = os.fork()
        if self._child == 0:
            content = self._map[size - 1000 : size]
            while True:
                self._map[size - 1000 : size] = content
    return size


WeightsOutbox.write = write


class RewriteWeights(Honest):
    def batches(self, queue, feedback):
        for batch in super().batches(queue, feedback):
            yield batch
            time.sleep(0.15)
