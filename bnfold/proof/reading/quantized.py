"""Constants that are stored quantized: (q - zero point) * scale, exact in float64 up to int16.

What was rounded when a fold rewrote such a constant is its scale; so a number may be off by |q - zero point| times half
a unit in the last place of the scale.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnfold.proof.core.units import half_ulp
from bnfold.proof.reading.expressions import is_float

Array = NDArray[Any]
_LIMIT = 1 << 26  # elements of a constant that is written out


def dequantized(node: Any, constants: Mapping[str, Array]) -> tuple[Array | None, Array]:
    """The value of a DequantizeLinear of constants in float64, and how far rounding its scale may have moved it.

    Scale and zero point are single numbers, or vary along `axis`, or along it in blocks of `block_size`. The value is
    None where they do not fit.
    """
    if len(node.inputs) < 2 or not all(node.inputs[:2]) or not is_float(constants[node.inputs[1]]):
        return None, np.zeros(())
    q, scale = (constants[name] for name in node.inputs[:2])
    zero = constants[node.inputs[2]] if node.input(2) else np.zeros(scale.shape)
    steps = q.shape, int(node.attributes.get("axis", 1)), int(node.attributes.get("block_size", 0))
    if q.dtype == object or math.prod(q.shape) > _LIMIT or zero.shape != scale.shape:
        return None, np.zeros(())
    factor, error, origin = (_spread(array.astype(np.float64), *steps) for array in (scale, half_ulp(scale), zero))
    if factor is None or error is None or origin is None:
        return None, np.zeros(())
    counts = q.astype(np.float64) - origin
    return counts * factor, np.abs(counts) * error


def _spread(array: Array, shape: tuple[int, ...], axis: int, block: int) -> Array | None:
    """What varies along an axis, as an array that broadcasts against the whole; None where it does not fit."""
    if array.size == 1 and not block:
        return array.reshape(())
    if not -len(shape) <= axis < len(shape):
        return None
    axis %= len(shape)
    if block:
        blocks = tuple(-(-n // block) if i == axis else n for i, n in enumerate(shape))
        return np.repeat(array, block, axis).take(range(shape[axis]), axis) if array.shape == blocks else None
    fits = array.shape == shape[axis : axis + 1]
    return array.reshape([-1 if i == axis else 1 for i in range(len(shape))]) if fits else None
