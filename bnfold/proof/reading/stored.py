"""Constants as a file stores them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, SparseTensorProto, numpy_helper

Array = NDArray[Any]


def tensors_of(graph: GraphProto) -> dict[str, Array]:
    """The initializers of a graph by name, as stored."""
    dense = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    return dense | {tensor.values.name: dense_of(tensor) for tensor in graph.sparse_initializer}


def dense_of(sparse: SparseTensorProto) -> Array:
    """A sparse constant with its zeros."""
    values, indices = numpy_helper.to_array(sparse.values), numpy_helper.to_array(sparse.indices)
    dense = np.zeros(tuple(sparse.dims), values.dtype)
    if indices.ndim == 1:
        dense.reshape(-1)[indices] = values
    else:
        dense[tuple(indices.T)] = values
    return dense
