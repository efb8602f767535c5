"""Prepare the mini scale: Fashion-MNIST, split by label."""

from kit.data.fashion_mnist import prepare_fashion_mnist as prepare

__all__ = ["prepare"]
