"""Fills its scratch folder, which is memory."""

from pathlib import Path

from honest import Honest


class FillScratch(Honest):
    def batches(self, queue, feedback):
        yield next(queue)
        with Path("/tmp/filler").open("wb") as file:
            while True:
                file.write(bytes(64 << 20))
