"""Evaluate what does not depend on the model's inputs, so that every parameter is a plain constant.

Floating-point expressions are evaluated in float64 whatever their stored type is. The stored value is that one rounded
once, and the unrounded value is kept beside it for the equations.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from numpy.typing import NDArray

from bnfold.graph.bodies import graphs, remove_unused
from bnfold.graph.sequences import replace_sequences
from bnfold.graph.shapes import UNKNOWN, Known, infer_shapes
from bnfold.graph.tensors import FLOATS, constant_tensor, set_exact
from bnfold.network import Computed, Dim

_NOT_EVALUATED = frozenset(
    {
        "Constant",
        "QuantizeLinear",
        "DequantizeLinear",
        "DynamicQuantizeLinear",
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
        "Multinomial",
        "Bernoulli",
    }
)
_GROWTH_LIMIT = 1 << 20


def evaluate_constants(model: ir.Model) -> None:
    """Replace constant expressions of the graph and of bodies by initializers of the graph, in place; unused nodes go.

    `Shape` of a known shape is constant, and so is the target of a Reshape whose result has one unknown extent at most.
    Nodes that quantize, draw random numbers or belong to another domain are left alone, and so are results that would
    make the file much larger.
    """
    known = infer_shapes(model)
    replace_sequences(model, known)
    exact: dict[str, NDArray[Any]] = {}
    names = {name for graph in graphs(model.graph) for name in ir.convenience.create_value_mapping(graph)}
    for node in [node for graph in graphs(model.graph) for node in graph]:
        if node.domain not in ("", "ai.onnx") or node.op_type in _NOT_EVALUATED:
            continue
        if node.op_type == "Reshape":
            _fix_reshape(model.graph, node, known, names)
        if len(node.outputs) != 1 or node.outputs[0].is_graph_output():
            continue
        value = _evaluated(model, node, exact, known)
        if value is not None:
            _replace(model.graph, node, value, known, exact)
    remove_unused(model)


def _evaluated(
    model: ir.Model, node: ir.Node, exact: dict[str, NDArray[Any]], known: dict[str, Known]
) -> NDArray[Any] | None:
    if node.op_type in ("Shape", "Size") and node.inputs[0] is not None:
        return _shape(node, known.get(node.inputs[0].name or "", UNKNOWN).shape)
    needed = node.inputs[:1] if node.op_type == "CastLike" else node.inputs
    bodies = (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)
    if any(attribute.type in bodies for attribute in node.attributes.values()):
        return None
    tensors = [constant_tensor(value) for value in needed]
    if any(value is not None and tensor is None for value, tensor in zip(needed, tensors, strict=True)):
        return None
    predicted = known.get(node.outputs[0].name or "", UNKNOWN).shape or ()
    inputs = sum(0 if tensor is None else tensor.size for tensor in tensors)
    limit = max(_GROWTH_LIMIT, inputs)
    if math.prod(dim for dim in predicted if isinstance(dim, int)) > limit:
        return None
    feeds = {
        value.name or "": exact[value.name] if value.name in exact else _widened(tensor)
        for value, tensor in zip(needed, tensors, strict=True)
        if value is not None and tensor is not None
    }
    if node.op_type in ("Cast", "CastLike"):
        (only,) = feeds.values()
        dtype = _result_type(node, only, known)
        if dtype is None:
            return None
        return only.astype(np.float64) if dtype in FLOATS else only.astype(dtype.numpy())
    result = _run(model, node, feeds)
    return None if result is None or result.size > limit else result


def _result_type(node: ir.Node, value: NDArray[Any], known: dict[str, Known]) -> ir.DataType | None:
    """The type that the node's output is stored in; `value` itself is float64 for every float type.

    None for a CastLike of a tensor whose type is not known.
    """
    stated = known.get(node.outputs[0].name or "", UNKNOWN).dtype
    if stated is not None:
        return stated
    if node.op_type == "Cast":
        target = node.attributes["to"]  # a name before opset 6
        return ir.DataType[target.as_string()] if target.type is ir.AttributeType.STRING else ir.DataType(target.value)
    operands = node.inputs[1:] if node.op_type == "CastLike" else node.inputs
    types = [known.get(each.name or "", Known(None, each.dtype)).dtype for each in operands if each is not None]
    if node.op_type == "CastLike":
        return types[0]
    if value.dtype == np.float64:
        return next((dtype for dtype in types if dtype in FLOATS), ir.DataType.FLOAT)
    return ir.DataType.from_numpy(value.dtype)


def _widened(tensor: ir.TensorProtocol) -> NDArray[Any]:
    array = np.asarray(tensor.numpy())
    return array.astype(np.float64) if tensor.dtype in FLOATS else array


def _shape(node: ir.Node, shape: tuple[Dim, ...] | None) -> NDArray[Any] | None:
    if shape is None:
        return None
    if node.op_type == "Shape":
        start = node.attributes.get_int("start", 0)
        end = node.attributes.get_int("end", len(shape))
        shape = shape[start:end]
    if not all(isinstance(dim, int) for dim in shape):
        return None
    dims = np.asarray(shape, np.int64)
    return dims if node.op_type == "Shape" else np.asarray(dims.prod(), np.int64)


def _run(model: ir.Model, node: ir.Node, feeds: dict[str, NDArray[Any]]) -> NDArray[Any] | None:
    """Compute one node with the ONNX reference implementation."""
    from onnx.reference import ReferenceEvaluator

    inputs = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.UNDEFINED, None) for name in feeds]
    output = node.outputs[0].name or ""
    graph = onnx.helper.make_graph(
        [ir.to_proto(node)],
        "constant",
        inputs,
        [onnx.helper.make_tensor_value_info(output, onnx.TensorProto.UNDEFINED, None)],
    )
    version = model.opset_imports.get("", onnx.defs.onnx_opset_version())
    proto = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", version)])
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            (result,) = ReferenceEvaluator(proto).run(None, feeds)
    except Exception:  # an operator that the reference does not know stays as it is
        return None
    return np.asarray(result) if isinstance(result, np.ndarray | np.generic) else None


def _replace(
    graph: ir.Graph,
    node: ir.Node,
    value: NDArray[Any],
    known: dict[str, Known],
    exact: dict[str, NDArray[Any]],
) -> None:
    output = node.outputs[0]
    name = output.name or ""
    value = np.asarray(value)
    dtype = _result_type(node, value, known)
    assert dtype is not None
    known[name] = Known(value.shape, dtype)
    constant = ir.Value(name=name)
    if dtype in FLOATS:
        exact[name] = value.astype(np.float64)
        set_exact(constant, Computed.of(exact[name]), dtype, node.name or name)
    else:
        constant.const_value = ir.tensor(value, dtype=dtype, name=name)
        constant.shape, constant.type = ir.Shape(value.shape), ir.TensorType(dtype)
    output.replace_all_uses_with(constant)
    assert node.graph is not None
    node.graph.remove(node, safe=True)
    output.name = None
    graph.register_initializer(constant)


def _fix_reshape(graph: ir.Graph, node: ir.Node, known: dict[str, Known], names: set[str]) -> None:
    shape = known.get(node.outputs[0].name or "", UNKNOWN).shape
    if constant_tensor(node.inputs[1]) is not None or shape is None or 0 in shape:
        return
    if sum(not isinstance(dim, int) for dim in shape) > 1:
        return
    target = np.asarray([dim if isinstance(dim, int) else -1 for dim in shape], np.int64)
    name = f"{node.outputs[0].name}.shape"
    while name in names:
        name += "'"
    names.add(name)
    constant = ir.Value(name=name, const_value=ir.tensor(target))
    constant.shape, constant.type = ir.Shape(target.shape), ir.TensorType(ir.DataType.INT64)
    graph.register_initializer(constant)
    node.replace_input_with(1, constant)
