"""Looks at the training data on disk as closely as it can and reports it as a failure's message."""

import hashlib
import json
import os
from pathlib import Path

from honest import Honest


class ReadLabels(Honest):
    def batches(self, queue, feedback):
        root = Path(os.environ["STOPWATCH_DATA"])
        files = {
            str(path): [
                path.stat().st_size,
                path.stat().st_mtime_ns,
                hashlib.sha256(path.read_bytes()).hexdigest(),
            ]
            for path in sorted(root.rglob("*"))
            if path.is_file()
        }
        raise RuntimeError("FILES " + json.dumps(files))
