"""AdamW as Keras implements it, through the adapter for Keras optimizers.

Paper: Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101. For the gradient g, clipped to a
global norm if `grad_clip` is given, and s = step + 1:

    p <- p - lr weight_decay p
    m <- beta_1 m + (1 - beta_1) g
    v <- beta_2 v + (1 - beta_2) g^2
    p <- p - lr (sqrt(1 - beta_2^s) / (1 - beta_1^s)) m / (sqrt(v) + epsilon)

lr: linear warm-up, then half-cosine to 0 at the step hint.

Deviations from the submission `adamw`: epsilon is added to the uncorrected sqrt(v), so it weighs
1 / sqrt(1 - beta_2^s) times as much as there, 32 times at the first step for beta_2 = 0.999.
"""

import keras

from kit.algorithms import KerasOptimizerAlgorithm

HYPERPARAMETERS = {
    "one_minus_beta1": {"range": (0.0, 1.0), "meaning": "1 - beta_1, of the first moment"},
    "beta2": {"range": (0.0, 1.0), "meaning": "beta_2, of the second moment"},
    "epsilon": {"default": 1e-8, "range": (0.0, None), "meaning": "added to the root of v"},
    "weight_decay": {"range": (0.0, None), "meaning": "decoupled, times the learning rate"},
}


class KerasAdamW(KerasOptimizerAlgorithm):
    """`keras.optimizers.AdamW` with warm-up and cosine decay."""

    def build_optimizer(self):
        return keras.optimizers.AdamW(
            learning_rate=self.hyperparameters["learning_rate"],
            beta_1=1.0 - self.hyperparameters["one_minus_beta1"],
            beta_2=self.hyperparameters["beta2"],
            epsilon=self.hyperparameters["epsilon"],
            weight_decay=self.hyperparameters["weight_decay"],
        )
