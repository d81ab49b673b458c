"""Seeded inputs of a case."""

from typing import Any

import numpy as np
import onnx
from onnx import helper

Feeds = dict[str, np.ndarray[Any, Any]]

OPEN_SIZES = {"n": 2, "h": 6, "w": 8}


def feeds_of(model: onnx.ModelProto, seed: int) -> Feeds:
    """Values for every input that a caller may set, in the stored types; constants it may override are overridden."""
    rng = np.random.default_rng(seed)
    constants = {tensor.name for tensor in model.graph.initializer} if model.ir_version < 4 else set()
    return {value.name: _values(value, rng) for value in model.graph.input if value.name not in constants}


def _values(value: onnx.ValueInfoProto, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    tensor = value.type.tensor_type
    shape = [dim.dim_value or OPEN_SIZES[dim.dim_param] for dim in tensor.shape.dim]
    dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    if dtype.kind == "b":
        return np.asarray(rng.random(shape) < 0.5)
    if dtype.kind in "iu":
        return np.asarray(rng.integers(1, 4, shape), dtype)
    return np.asarray(rng.normal(0.3, 1.0, shape)).astype(dtype)
