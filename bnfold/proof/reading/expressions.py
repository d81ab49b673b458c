"""Constant expressions, evaluated with `onnx.reference`; floating-point ones in float64 whatever the file says."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, defs, helper

if TYPE_CHECKING:
    from bnfold.proof.reading.network import Network
    from bnfold.proof.reading.node import Node

Array = NDArray[Any]

# Deterministic operators that `onnx.reference` computes in float64 when its inputs are.
_PLAIN = frozenset(
    (
        *("Abs", "Add", "And", "Ceil", "Concat", "ConstantOfShape", "Div", "Equal", "Exp", "Expand", "EyeLike"),
        *("Flatten", "Floor", "Gather", "GatherElements", "GatherND", "Greater", "GreaterOrEqual", "Identity"),
        *("Less", "LessOrEqual", "Log", "MatMul", "Max", "Min", "Mod", "Mul", "Neg", "Not", "Or", "Pad", "Pow"),
        *("Range", "Reciprocal", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "Reshape"),
        *("ScatterND", "Sigmoid", "Sign", "Slice", "Sqrt", "Squeeze", "Sub", "Sum", "Tanh", "Tile", "Transpose"),
        *("Unsqueeze", "Where"),
    )
)
RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)
"""Operators whose result is not determined by their inputs."""

_LIMIT = 1 << 24  # elements of a result that is still evaluated
_FLOAT_TYPES = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)


def is_float(array: Array) -> bool:
    """Whether the elements are floating-point numbers of a type that networks compute in."""
    return array.dtype.name in ("float16", "bfloat16", "float32", "float64")


def wide(array: Array) -> Array:
    """Floats in float64; anything else as it is."""
    return array.astype(np.float64) if is_float(array) else array


def evaluated(network: Network, node: Node) -> Array | None:
    """The value of the only output of a node, or None if it is not constant.

    `Shape` and `Size` are constant where the extents are known. A cast to a floating-point type does not round.
    """
    if node.op == "Constant":
        return _stored(node.attributes)
    if node.op in ("Shape", "Size"):
        return _extents(network, node)
    needed = node.inputs[:1] if node.op == "CastLike" else node.inputs
    if (needed and not all(name in network.constants for name in needed if name)) or (not needed):
        return None
    inputs = [wide(network.constants[name]) if name else None for name in needed]
    if node.op in ("Cast", "CastLike"):
        kind = node.attributes["to"] if node.op == "Cast" else network.type(node.inputs[1])
        return _cast(inputs[0], kind)
    predicted = network.shape(node.outputs[0])
    if node.op not in _PLAIN or math.prod(d for d in predicted or () if isinstance(d, int)) > _LIMIT:
        return None
    return _run(node, inputs, network.opset)


_STORED: Any = (
    ("value", None),
    ("sparse_value", None),
    *(("value_float" + end, np.float32) for end in ("", "s")),
    *(("value_int" + end, np.int64) for end in ("", "s")),
    *(("value_string" + end, object) for end in ("", "s")),
)


def _stored(attributes: Any) -> Array | None:
    for name, kind in _STORED:
        if name in attributes:
            return np.asarray(attributes[name], kind)
    return None


def _extents(network: Network, node: Node) -> Array | None:
    shape = network.shape(node.inputs[0])
    if shape is None:
        return None
    if node.op == "Shape":
        shape = shape[node.attributes.get("start", 0) : node.attributes.get("end", len(shape))]
    if not all(isinstance(extent, int) for extent in shape):
        return None
    extents = np.asarray(shape, np.int64)
    return extents if node.op == "Shape" else np.asarray(extents.prod())


def _cast(value: Any, kind: int) -> Array | None:
    if kind in _FLOAT_TYPES:
        try:
            return np.asarray(value, np.float64)
        except ValueError:  # a string that is no number
            return None
    if kind in (TensorProto.UNDEFINED, TensorProto.STRING) or kind > TensorProto.BFLOAT16 or value.dtype == object:
        return None
    return np.asarray(value).astype(helper.tensor_dtype_to_np_dtype(kind))


def _run(node: Node, inputs: list[Any], opset: int) -> Array | None:
    from onnx.reference import ReferenceEvaluator

    names = [f"i{index}" if value is not None else "" for index, value in enumerate(inputs)]
    attributes = {
        name: helper.make_tensor("t", *_tensor(value)) if isinstance(value, np.ndarray) else value
        for name, value in node.attributes.items()
    }
    made = helper.make_node(node.op, names, ["y"], **attributes)
    infos = [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in names if name]
    result_info = helper.make_tensor_value_info("y", TensorProto.UNDEFINED, None)
    graph = helper.make_graph([made], "expression", infos, [result_info])
    version = min(opset, defs.onnx_opset_version())
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)])
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            feeds = {name: value for name, value in zip(names, inputs, strict=True) if name}
            (result,) = ReferenceEvaluator(model).run(None, feeds)
    except Exception:  # whatever cannot be evaluated is no constant, and what needs it is not proved
        return None
    return wide(np.asarray(result)) if isinstance(result, np.ndarray | np.generic) else None


def _tensor(value: Array) -> tuple[int, tuple[int, ...], bytes, bool]:
    return helper.np_dtype_to_tensor_dtype(value.dtype), value.shape, value.tobytes(), True
