"""Forks until the system says no, and reports how far it came; the children stay.

A small process does it: each fork of this one would copy the tables of a gigabyte of memory.
"""

import subprocess
import sys

from honest import Honest

BOMB = """
import json, os, time

children = 0
try:
    while children < 20_000:
        if os.fork() == 0:
            os.setsid()
            time.sleep(600)
            os._exit(0)
        children += 1
except OSError as error:
    print(json.dumps({"children": children, "error": type(error).__name__}), flush=True)
    time.sleep(600)
"""


class ForkBomb(Honest):
    def batches(self, queue, feedback):
        yield next(queue)
        bomb = subprocess.Popen([sys.executable, "-I", "-S", "-c", BOMB], stdout=subprocess.PIPE)
        raise RuntimeError("FORKED " + bomb.stdout.readline().decode())
