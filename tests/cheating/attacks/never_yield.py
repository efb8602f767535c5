"""Evaluates three times, then ignores the referee's flag and trains on."""

import itertools
import time

from honest import Honest

from kit.exchange.directory import TrainerControl

asked = itertools.count()
original = TrainerControl.evaluation_due


class NeverYield(Honest):
    STEPS = 10**9

    def batches(self, queue, feedback):
        for number, batch in enumerate(queue):
            yield batch
            time.sleep(0.02)
            if number == 60:
                from kit.trainer.loop import Loop

                Loop._evaluate = lambda self: True
