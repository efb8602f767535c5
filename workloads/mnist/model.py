"""A two-layer perceptron: 784 → 128, sigmoid, → 10."""

from __future__ import annotations

import keras


def build_model(
    *, image_size: int = 28, hidden_units: int = 128, num_classes: int = 10
) -> keras.Model:
    """Build the model; inputs are normalised images `(batch, height, width, 1)`.

    Kernels are LeCun normal, biases zero. Source: AlgoPerf `mnist` (`MnistWorkload`).
    """
    inputs = keras.Input((image_size, image_size, 1))
    x = keras.layers.Flatten()(inputs)  # (batch, height * width)
    x = keras.layers.Dense(
        hidden_units, activation="sigmoid", kernel_initializer="lecun_normal", name="Dense_0"
    )(x)
    logits = keras.layers.Dense(num_classes, kernel_initializer="lecun_normal", name="Dense_1")(x)
    return keras.Model(inputs, logits)
