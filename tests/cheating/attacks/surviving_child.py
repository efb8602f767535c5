"""Leaves a child behind that wants to outlive the trial."""

import os
import subprocess
import sys

from honest import Honest

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        subprocess.run(
            [sys.executable, "-c", "import time; time.sleep(600)  # survivor-of-the-test"]
        )
    os._exit(0)


class SurvivingChild(Honest):
    STEPS = 3
