"""Hands weights over when it likes the moment: never before the middle of an eval period."""

import time

from honest import Honest

from kit.trainer.loop import Loop

PERIOD_SECONDS = 2.0
started = time.monotonic()
original = Loop._evaluate


def wait_and_evaluate(self):
    time.sleep((PERIOD_SECONDS / 2 - (time.monotonic() - started)) % PERIOD_SECONDS)
    return original(self)


Loop._evaluate = wait_and_evaluate


class DelayHandover(Honest):
    STEPS = 10**9
