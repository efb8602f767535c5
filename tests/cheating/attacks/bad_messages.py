"""Talks to the referee past the protocol. KIND is put in by the test."""

import gc
import socket

from honest import Honest

KIND = "garbage"

LINES = {
    "garbage": b"\x00\xffgarbage\n",
    "oversized": b"x" * 200_000 + b"\n",
    "endless": b"x" * 200_000,
    "unasked_ready": b'{"type":"ready"}\n',
    "unasked_weights": b'{"type":"weights","step":9,"size_bytes":100}\n',
    "step_zero": b'{"type":"complete","step":0,"size_bytes":100}\n',
    "unknown_field": b'{"type":"weights","step":1,"size_bytes":100,"accuracy":1.0}\n',
    "of_the_referee": b'{"type":"resume","step":1,"submission_seconds":0,"metrics":{}}\n',
}


class BadMessages(Honest):
    def batches(self, queue, feedback):
        batches = super().batches(queue, feedback)
        yield next(batches)
        connection = next(s for s in gc.get_objects() if isinstance(s, socket.socket))
        connection.setblocking(True)
        connection.sendall(LINES[KIND])
        yield from batches
