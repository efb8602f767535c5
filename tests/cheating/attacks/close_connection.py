"""Closes its connection to the referee and trains on alone."""

import gc
import socket
import time

from honest import Honest


class CloseConnection(Honest):
    def batches(self, queue, feedback):
        yield next(queue)
        connection = next(s for s in gc.get_objects() if isinstance(s, socket.socket))
        connection.shutdown(socket.SHUT_RDWR)
        time.sleep(60)
