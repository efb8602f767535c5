"""Reports fewer steps than it made: its step count stands still."""

import time

from honest import Honest

from kit.trainer.port import SocketPort

original = SocketPort.evaluate
SocketPort.evaluate = lambda self, step, arrays, report: original(self, 1, arrays, report)


class StepBack(Honest):
    def batches(self, queue, feedback):
        for batch in super().batches(queue, feedback):
            yield batch
            time.sleep(0.15)
