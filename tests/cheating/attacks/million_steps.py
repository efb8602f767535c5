"""Reports a million steps for each that it makes."""

import time

from honest import Honest

from kit.trainer.port import SocketPort

for name in ("set_step", "evaluate", "complete"):
    original = getattr(SocketPort, name)
    setattr(
        SocketPort,
        name,
        lambda self, step, *rest, original=original: original(self, step * 10**6, *rest),
    )


class MillionSteps(Honest):
    def batches(self, queue, feedback):
        for batch in super().batches(queue, feedback):
            yield batch
            time.sleep(0.1)
