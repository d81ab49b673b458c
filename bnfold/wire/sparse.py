"""Sparse tensors written out: `onnx_ir` reads dense ones only, and ONNX Runtime makes them dense when it loads."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper


def write_out(model: onnx.ModelProto) -> None:
    """Replace every sparse initializer and every `sparse_value` of a Constant by a dense tensor, in place.

    Args:
        model: subgraphs and functions are looked through as well; no sparse tensor has data in another file.
    """
    for graph in _graphs(model.graph):
        graph.initializer.extend(_dense(sparse) for sparse in graph.sparse_initializer)
        del graph.sparse_initializer[:]
        _constants(graph)
    for function in model.functions:
        _constants(function)
        for node in function.node:
            for graph in _bodies(node):
                _constants(graph)


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        yield from _bodies(node)


def _bodies(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield from _graphs(attribute.g)
        for graph in attribute.graphs:
            yield from _graphs(graph)


def _constants(graph: onnx.GraphProto | onnx.FunctionProto) -> None:
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.type == onnx.AttributeProto.SPARSE_TENSOR:
                attribute.CopyFrom(helper.make_attribute("value", _dense(attribute.sparse_tensor)))


def _dense(sparse: onnx.SparseTensorProto) -> onnx.TensorProto:
    """Indices are [n], into the flattened tensor, or [n, rank]."""
    values = numpy_helper.to_array(sparse.values)
    indices = numpy_helper.to_array(sparse.indices)
    array = np.zeros(tuple(sparse.dims), values.dtype)
    if indices.ndim == 1:
        array.reshape(-1)[indices] = values
    else:
        array[tuple(indices.T)] = values
    return numpy_helper.from_array(array, sparse.values.name)
