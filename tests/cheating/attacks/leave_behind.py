"""Leaves tuned values wherever it can write, and looks for those of the trial before."""

import json
import os
from pathlib import Path

from honest import Honest

PLACES = [
    Path.home(),
    Path(os.environ["TMPDIR"]),
    Path(os.environ["XDG_CACHE_HOME"]),
    Path(os.environ["KERAS_HOME"]),
    Path("/tmp"),
    Path("/var/tmp"),
    Path("/dev/shm"),
    Path("/exchange"),
    Path("/run"),
    Path(__file__).parent,
    Path.cwd(),
]
MARK = "tuned-values-of-the-test"


class LeaveBehind(Honest):
    def batches(self, queue, feedback):
        found = [str(place) for place in PLACES if (place / MARK).exists()]
        written = []
        for place in PLACES:
            try:
                place.mkdir(parents=True, exist_ok=True)
                (place / MARK).write_text("0.1")
                written.append(str(place))
            except OSError:
                continue
        raise RuntimeError("FOUND " + json.dumps({"found": found, "written": written}))
