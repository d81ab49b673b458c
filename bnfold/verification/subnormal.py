"""Weights so small that the stored type holds them with fewer digits, and some processors compute with them slowly."""

from typing import Any

import ml_dtypes
import numpy as np
import onnx_ir as ir

from bnfold.verification.precision import FLOATS, Array

_FINFO: Any = ml_dtypes.finfo


def count_subnormals(model: ir.Model) -> int:
    """How many numbers of the float initializers lie between 0 and the smallest normal number of their type."""
    total = 0
    for value in model.graph.initializers.values():
        tensor = value.const_value
        if tensor is not None and tensor.dtype.is_floating_point() and tensor.dtype.numpy() in FLOATS:
            total += subnormals(tensor.numpy())
    return total


def subnormals(array: Array) -> int:
    """How many of some floats are subnormal."""
    size = np.abs(array)
    with np.errstate(invalid="ignore"):  # bfloat16 warns where it compares NaN
        below = np.count_nonzero(size < _FINFO(array.dtype).smallest_normal)
    return int(below) - int(np.count_nonzero(size == 0))
