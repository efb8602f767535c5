"""Takes memory faster than anybody can look."""

from honest import Honest


class SwallowMemory(Honest):
    def batches(self, queue, feedback):
        yield next(queue)
        held = []
        while True:
            held.append(bytearray(b"x" * (256 << 20)))
