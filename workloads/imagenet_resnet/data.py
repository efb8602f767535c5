"""ImageNet, and Fashion-MNIST for the mini scale, as normalised batches."""

from kit.data.imagenet import imagenet_batches
from kit.data.small_images import fashion_mnist_batches

# Batches: inputs `(batch, height, width, channels)`, targets `(batch,)`.
READERS = {"full": imagenet_batches, "mini": fashion_mnist_batches}
