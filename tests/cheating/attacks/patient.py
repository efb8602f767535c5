"""Trains slowly and without end."""

import time

from honest import Honest


class Patient(Honest):
    def batches(self, queue, feedback):
        for batch in queue:
            yield batch
            time.sleep(0.05)
