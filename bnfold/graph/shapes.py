"""Shapes and types of every tensor, from onnx's inference and, where that gives up, ONNX Runtime's symbolic one."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx_ir.passes.common import LiftConstantsToInitializersPass

from bnfold.graph.tensors import exact_of
from bnfold.network import Computed, Dim

_SMALL = 1024
_LARGEST_EXTENT = 2**31 - 1
_SYMBOLIC_SINCE = 7


@dataclass(frozen=True)
class Known:
    """What is known of a tensor before the network runs."""

    shape: tuple[Dim, ...] | None = None
    dtype: ir.DataType | None = None


UNKNOWN = Known()


def infer_shapes(model: ir.Model) -> dict[str, Known]:
    """Shape and type of every tensor of the graph and of bodies, by name; the model itself is not changed."""
    proto = ir.to_proto(_without_weights(model))
    proto = onnx.shape_inference.infer_shapes(proto, check_type=False, strict_mode=False, data_prop=True)
    known = _known(proto.graph)
    names = {output for node in proto.graph.node for output in node.output if output}
    if any(known.get(name, UNKNOWN).shape is None for name in names):
        known |= _symbolic(proto)
    return known


def _without_weights(model: ir.Model) -> ir.Model:
    """A copy in which large constants are inputs, so that no inference has to carry their values."""
    copy = model.clone()
    LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(copy)
    for value in list(copy.graph.initializers.values()):
        tensor = value.const_value
        if tensor is not None and tensor.size > _SMALL:
            value.shape, value.dtype = ir.Shape(tensor.shape.numpy()), tensor.dtype
            del copy.graph.initializers[value.name or ""]
            if not value.is_graph_input():
                copy.graph.inputs.append(value)
        elif (exact := _exact(model, value)) is not None and tensor is not None:
            with np.errstate(over="ignore"):  # whether it fits its type is asked when it is stored
                value.const_value = ir.tensor(exact.numpy().astype(tensor.dtype.numpy()), dtype=tensor.dtype)
    return copy


def _exact(model: ir.Model, value: ir.Value) -> Computed | None:
    original = model.graph.initializers.get(value.name or "")
    return None if original is None else exact_of(original)


def _symbolic(proto: onnx.ModelProto) -> dict[str, Known]:
    module = _symbolic_shape_infer()
    logger = logging.getLogger(module.__name__)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        if any(opset.domain == "" and opset.version < _SYMBOLIC_SINCE for opset in proto.opset_import):
            return {}
        if _splits_as_told_later(proto.graph):  # it takes the parts for equal
            return {}
        # These are the lines of its own `infer_shapes`, which leaves a file in the working directory where it gives up.
        inference, complete = module.SymbolicShapeInference(_LARGEST_EXTENT, True, False, 0), False
        inference._preprocess(proto)
        while inference.run_:
            complete = inference._infer_impl()
        inference._update_output_from_vi()
        return _known(inference.out_mp_.graph) if complete else {}
    except Exception:  # it gives up on operators it does not know; unknown shapes are safe, only less is folded
        return {}
    finally:
        logger.setLevel(level)


def _splits_as_told_later(graph: onnx.GraphProto) -> bool:
    """Whether the sizes of a Split are computed at run time, or given by the caller."""
    constants = {tensor.name for tensor in graph.initializer}
    return any(node.op_type == "Split" and any(i and i not in constants for i in node.input[1:]) for node in graph.node)


@cache
def _symbolic_shape_infer() -> Any:
    """ONNX Runtime's module alone: its package would import torch where that is installed, which takes seconds."""
    package = find_spec("onnxruntime")
    assert package is not None
    assert package.submodule_search_locations is not None
    path = Path(*package.submodule_search_locations, "tools", "symbolic_shape_infer.py")
    spec = spec_from_file_location("onnxruntime.tools.symbolic_shape_infer", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _known(graph: onnx.GraphProto) -> dict[str, Known]:
    known = {tensor.name: Known(tuple(tensor.dims), ir.DataType(tensor.data_type)) for tensor in graph.initializer}
    for value in (*graph.input, *graph.output, *graph.value_info):
        tensor_type = value.type.tensor_type
        if value.type.HasField("tensor_type") and tensor_type.elem_type:
            shape = tuple(map(_dim, tensor_type.shape.dim)) if tensor_type.HasField("shape") else None
            known[value.name] = Known(shape, ir.DataType(tensor_type.elem_type))
    for body in (attribute.g for node in graph.node for attribute in node.attribute if attribute.HasField("g")):
        known = _known(body) | known
    return known


def _dim(dim: onnx.TensorShapeProto.Dimension) -> Dim:
    return dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None
