"""Takes more and more memory."""

import time

from honest import Honest


class ExceedMemory(Honest):
    def batches(self, queue, feedback):
        yield next(queue)
        held = []
        while True:
            held.append(bytearray(b"x" * (64 << 20)))
            time.sleep(0.05)
