"""Structural similarity of images, as fastMRI computes it."""

from __future__ import annotations

from typing import Any

from keras import ops

Tensor = Any

WINDOW = 7  # pixels
K1, K2 = 0.01, 0.03


def structural_similarity(outputs: Tensor, targets: Tensor, data_range: Tensor) -> Tensor:
    """Return the structural similarity (SSIM) of each pair of images, in [-1, 1]: `(batch,)`.

    Images are `(batch, height, width)`, `data_range` `(batch,)`. All pixels in a window count
    alike, variances are those of a sample, and only windows that lie inside the image count.
    Sources: Wang et al. 2004 (DOI 10.1109/TIP.2003.819861), equation 13; AlgoPerf `fastmri`, which
    does as scikit-image's function of this name.
    """
    center = ops.mean(targets, axis=(1, 2), keepdims=True)  # without it, squares lose digits
    x, y = outputs - center, targets - center
    products = ops.stack((x, y, x * x, y * y, x * y), axis=-1)
    means = ops.average_pool(products, WINDOW, strides=1, padding="valid")
    x, y, xx, yy, xy = (means[..., index] for index in range(5))
    sample = WINDOW**2 / (WINDOW**2 - 1)
    variances = sample * ((xx - x * x) + (yy - y * y))  # of both, added
    covariance = sample * (xy - x * y)
    x, y = x + center, y + center
    c1, c2 = (ops.square(k * data_range)[:, None, None] for k in (K1, K2))
    similarity = ((2 * x * y + c1) * (2 * covariance + c2)) / (
        (x * x + y * y + c1) * (variances + c2)
    )
    return ops.clip(ops.mean(similarity, axis=(1, 2)), -1.0, 1.0)
