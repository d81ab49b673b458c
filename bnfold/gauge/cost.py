"""What an operator costs: its multiply-adds, and one for every element that it reads from or writes to memory.

Counted per sample, unknown extents as 1. Weights count nothing, and neither does what every target computes inside the
layer in front: a bias, a Relu, a Clip between two numbers.
"""

from __future__ import annotations

import math

from bnfold.network import Tensor


def elements(tensor: Tensor) -> int:
    """How many elements of a tensor are known to be there."""
    assert tensor.shape is not None
    return math.prod(dim for dim in tensor.shape if isinstance(dim, int))


def unknown(tensor: Tensor) -> list[str]:
    """The extents that are not known; counts of two tensors can only be compared where these are the same."""
    assert tensor.shape is not None
    return sorted(str(dim) for dim in tensor.shape if not isinstance(dim, int))


def elementwise(tensor: Tensor) -> int:
    """An operator of its own that reads and writes every element of a tensor: a BatchNormalization, Add or Max."""
    return 2 * elements(tensor)


def depthwise(tensor: Tensor) -> int:
    """A depthwise convolution of one tap: an elementwise pass with a multiply-add for every element."""
    return elementwise(tensor) + elements(tensor)
