"""How operators are written for tensors whose axes are permuted: t = Transpose(t', perm).

Axis i of t is axis perm[i] of t'. A rewriter says what the node's attributes and constants become, or that it cannot.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from bnfold.graph.shapes import UNKNOWN, Known
from bnfold.graph.tensors import constant_tensor
from bnfold.layout.regroup import regrouped
from bnfold.layout.view import Perm, inverse, perm_of
from bnfold.network import Dim

Shapes = Mapping[str, Known]
Change = Callable[[NDArray[Any]], NDArray[Any]]


@dataclass(frozen=True)
class Rewritten:
    """A node in another layout.

    Attributes:
        moved: indices of the variable inputs that come in that layout.
        constants: by input index how a constant input changes.
        attributes: those that change.
        same: whether the output is what it was; otherwise it comes in a layout too.
        result: the layout of the output, where it is not that of the inputs.
    """

    moved: tuple[int, ...] = (0,)
    constants: Mapping[int, Change] = field(default_factory=dict)
    attributes: Mapping[str, ir.Attr] = field(default_factory=dict)
    same: bool = False
    result: Perm | None = None


def rewritten(node: ir.Node, perm: Perm, opset: int, known: Shapes) -> Rewritten | None:
    """The node in the layout `perm`, or None if it has no such form or that is not known."""
    rewrite = TABLE.get(node.op_type)
    if rewrite is None or node.domain not in ("", "ai.onnx") or (len(node.outputs) != 1 and rewrite is not _split):
        return None
    if opset < (13 if rewrite is _softmax else 7):  # broadcasting, and what an axis means, were others
        return None
    if any(attribute.is_ref() for attribute in node.attributes.values()):
        return None
    return rewrite(node, perm, known)


def entered(node: ir.Node, perm: Perm, known: Shapes) -> Perm | None:
    """The layout of the inputs of a node whose output comes in the layout `perm`; None if there is none."""
    if node.op_type != "Reshape":
        return perm
    found = regrouped(_shape(node.outputs[0], known), _shape(node.inputs[0], known), perm)
    return None if found is None else inverse(found)


def _transpose(node: ir.Node, perm: Perm, known: Shapes) -> Rewritten | None:
    """It moves the same axes as before, wherever they are now."""
    moved = perm_of(node)
    if moved is None or len(moved) != len(perm):
        return None
    axes = [perm[moved[axis]] for axis in inverse(perm)]
    return Rewritten(attributes={"perm": ir.AttrInt64s("perm", axes)})


def _unary(node: ir.Node, perm: Perm, known: Shapes) -> Rewritten | None:
    return Rewritten() if _rank(node.inputs[0], known) == len(perm) else None


def _elementwise(node: ir.Node, perm: Perm, known: Shapes) -> Rewritten | None:
    moved, constants = [], {}
    for index, value in enumerate(node.inputs):
        rank = _rank(value, known)
        tensor = constant_tensor(value)
        if rank is None or rank > len(perm) or (tensor is None and rank != len(perm)):
            return None
        if tensor is None:
            moved.append(index)
        elif math.prod(tensor.shape.numpy()) > 1 or rank == len(perm):
            constants[index] = _permuted(perm)
    return Rewritten(tuple(moved), constants) if moved else None


def _permuted(perm: Perm) -> Change:
    def change(array: NDArray[Any]) -> NDArray[Any]:
        ranked = array.reshape((1,) * (len(perm) - array.ndim) + array.shape)
        return ranked.transpose(inverse(perm))

    return change


def _concat(node: ir.Node, perm: Perm, known: Shapes) -> Rewritten | None:
    form = _elementwise(node, perm, known)
    return None if form is None else Rewritten(form.moved, form.constants, _axis(node, perm, 0))


def _split(node: ir.Node, perm: Perm, known: Shapes) -> Rewritten | None:
    return Rewritten(attributes=_axis(node, perm, 0)) if _rank(node.inputs[0], known) == len(perm) else None


def _slice(node: ir.Node, perm: Perm, known: Shapes) -> Rewritten | None:
    if _rank(node.inputs[0], known) != len(perm):
        return None
    if "axes" in node.attributes:
        moved = [perm[axis] for axis in node.attributes["axes"].as_ints()]
        return Rewritten(attributes={"axes": ir.AttrInt64s("axes", moved)})
    if len(node.inputs) < 4 or constant_tensor(node.inputs[3]) is None:
        return None
    return Rewritten(constants={3: lambda axes: np.asarray([perm[axis] for axis in axes.reshape(-1)], axes.dtype)})


def _softmax(node: ir.Node, perm: Perm, known: Shapes) -> Rewritten | None:
    return Rewritten(attributes=_axis(node, perm, -1)) if _rank(node.inputs[0], known) == len(perm) else None


def _axis(node: ir.Node, perm: Perm, default: int) -> Mapping[str, ir.Attr]:
    return {"axis": ir.AttrInt64("axis", perm[node.attributes.get_int("axis", default)])}


def _pad(node: ir.Node, perm: Perm, known: Shapes) -> Rewritten | None:
    if _rank(node.inputs[0], known) != len(perm) or (len(node.inputs) > 3 and node.inputs[3] is not None):
        return None

    def change(pads: NDArray[Any]) -> NDArray[Any]:
        return pads.reshape(2, -1)[:, inverse(perm)].reshape(-1)

    if "pads" in node.attributes:
        pads = change(np.asarray(node.attributes["pads"].as_ints(), np.int64))
        return Rewritten(attributes={"pads": ir.AttrInt64s("pads", [int(pad) for pad in pads])})
    return Rewritten(constants={1: change}) if constant_tensor(node.inputs[1]) is not None else None


def _reduce(node: ir.Node, perm: Perm, known: Shapes) -> Rewritten | None:
    axes = _axes(node, known)
    if axes is None or _rank(node.inputs[0], known) != len(perm):
        return None
    same = node.op_type == "Squeeze" or not node.attributes.get_int("keepdims", 1)
    left = [perm[axis] for axis in range(len(perm)) if axis not in axes]
    if same and left != sorted(left):
        return None
    moved = [perm[axis] for axis in axes]
    if "axes" in node.attributes:
        return Rewritten(attributes={"axes": ir.AttrInt64s("axes", moved)}, same=same)
    return Rewritten(constants={1: lambda _: np.asarray(moved, np.int64)}, same=same)


def _axes(node: ir.Node, known: Shapes) -> Sequence[int] | None:
    rank = _rank(node.inputs[0], known)
    if "axes" in node.attributes:
        axes: Sequence[int] = node.attributes["axes"].as_ints()
    else:
        tensor = constant_tensor(node.inputs[1]) if len(node.inputs) > 1 else None
        if tensor is None:
            return None
        axes = [int(axis) for axis in tensor.numpy().reshape(-1)]
    return [axis % rank for axis in axes] if rank and axes else None


def _reshape(node: ir.Node, perm: Perm, known: Shapes) -> Rewritten | None:
    """A Reshape or Flatten reads elements in order; that stays if only extents of 1 change places.

    A Reshape that splits axes or joins them, as a channel shuffle does, does so wherever these axes are.
    """
    shape = _shape(node.inputs[0], known)
    if shape is None or len(shape) != len(perm):
        return None
    order = [perm[axis] for axis, extent in enumerate(shape) if extent != 1]
    if node.op_type == "Flatten":
        ends = order == sorted(order) and node.attributes.get_int("axis", 1) == 1 and perm[0] == 0
        return Rewritten(same=True) if ends else None
    target = constant_tensor(node.inputs[1])
    if target is None or not (target.numpy() != 0).all():
        return None
    if order == sorted(order):
        return Rewritten(same=True)
    axes = regrouped(shape, _shape(node.outputs[0], known), perm)
    return None if axes is None else Rewritten(constants={1: lambda t: t[list(axes)]}, result=inverse(axes))


def _shape(value: ir.Value | None, known: Shapes) -> Sequence[Dim] | None:
    return None if value is None else known.get(value.name or "", UNKNOWN).shape


def _rank(value: ir.Value | None, known: Shapes) -> int | None:
    tensor = constant_tensor(value)
    if tensor is not None:
        return len(tensor.shape)
    shape = known.get(value.name or "", UNKNOWN).shape if value is not None else None
    return None if shape is None else len(shape)


_UNARY = (
    *("Abs", "Cast", "Ceil", "Celu", "Clip", "Dropout", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid"),
    *("HardSwish", "Identity", "LeakyRelu", "Log", "Mish", "Neg", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid"),
    *("Sign", "Softplus", "Softsign", "Sqrt", "Tanh", "ThresholdedRelu"),
)
TABLE: Mapping[str, Callable[[ir.Node, Perm, Shapes], Rewritten | None]] = {
    **dict.fromkeys(_UNARY, _unary),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "PRelu", "Pow", "Min", "Max", "Sum", "Mean"), _elementwise),
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "Softmax": _softmax,
    "LogSoftmax": _softmax,
    "Pad": _pad,
    **dict.fromkeys(("ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum", "ReduceL2", "Squeeze"), _reduce),
    "Reshape": _reshape,
    "Flatten": _reshape,
    "Transpose": _transpose,
}
