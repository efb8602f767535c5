"""Parameters trained before the trial, as text: a small network, spread over that of mnist."""

import base64

import numpy as np
from honest import Honest
from keras import ops

from kit.contracts import Update

TEXT = ""  # that the test puts in
SCALE = 1.0
UNITS = 1
SIDE = 14  # of the pooled image


def kernels():
    numbers = np.frombuffer(base64.b85decode(TEXT), np.int8).astype(np.float32) * SCALE
    small, bias, out, last = np.split(numbers, np.cumsum([SIDE**2 * UNITS, UNITS, UNITS * 10]))
    # The mean of 2 × 2 pixels, which the workload scales to 827.
    pooled = small.reshape(SIDE, 1, SIDE, 1, UNITS) / (4 * 827)
    first = np.broadcast_to(pooled, (SIDE, 2, SIDE, 2, UNITS)).reshape(784, UNITS)
    return [
        np.pad(first, ((0, 0), (0, 128 - UNITS))),
        np.pad(bias, (0, 128 - UNITS)),
        np.pad(out.reshape(UNITS, 10), ((0, 128 - UNITS), (0, 0))),
        last,
    ]


class TrainedBeforehand(Honest):
    def update(self, params, state, model_state, batch, rng, step):
        known = [ops.convert_to_tensor(value) for value in kernels()]
        return Update(known, state, model_state)

    def batches(self, queue, feedback):
        return iter(queue)
