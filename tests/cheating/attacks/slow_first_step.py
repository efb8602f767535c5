"""Trains for a while before it says that it has made a step."""

import time

from honest import Honest

SECONDS = 7


class SlowFirstStep(Honest):
    STEPS = 10**9

    def batches(self, queue, feedback):
        for number, batch in enumerate(queue):
            time.sleep(0.01 if number else SECONDS)
            yield batch
