"""Does its heavy work at import time, and lies about the time to whoever asks in this process."""

import time

from honest import Honest

time.sleep(1.5)
for name in ("time", "monotonic", "perf_counter", "time_ns", "monotonic_ns", "perf_counter_ns"):
    setattr(time, name, lambda: 0)


class SlowImport(Honest):
    pass
