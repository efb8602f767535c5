"""Hands over weights that are not numbers, hoping that a comparison goes its way."""

from honest import Honest
from keras import ops


class NanWeights(Honest):
    STEPS = 3

    def eval_params(self, params, state, model_state):
        return [p * ops.cast(float("nan"), p.dtype) for p in params], model_state
