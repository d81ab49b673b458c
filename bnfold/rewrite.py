"""The constants of a node under the units of a Plan: formulas on plain facts, which every kind of model then stores.

Linear layers take W' = gain_y W S_x and c' = gain_y (c + sum(W T_x)) + offset_y; an affine operator that stays takes
a' = gain_y a S_x and b' = gain_y (a T_x + b) + offset_y, as far as its operator has room for both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bnfold import linear
from bnfold.affine import Affine, Array
from bnfold.affine_operators import DEFAULT_EPSILON, affine_of, compressed
from bnfold.errors import BnfoldError
from bnfold.network import Computed, Node, Tensor, spread
from bnfold.plan import Plan, Unit

_EPS = 64 * float(np.finfo(np.float64).eps)


class OutOfRangeError(BnfoldError):
    """A rewritten constant of `node` does not fit the stored type."""

    def __init__(self, node: str) -> None:
        super().__init__(f"a folded weight of {node} leaves the range of its type")
        self.node = node


def new_constants(node: Node, plan: Plan) -> Mapping[int, Computed]:
    """What the constant inputs of a rewritten node become, by input index; weights are computed when asked for.

    Args:
        node: one of `plan.rewritten`.
        plan: the units of its input and output.

    Returns:
        Constants in float64. A linear layer without a bias has one at index 2 only if it needs it; the bias of a Gemm
        is what its output gains, with `beta` already in it. The bias of a MatMul is one value per column. A
        BatchNormalization gets mean 0 and variance 1.
    """
    if node.name in plan.operands:
        return {index: _operand(node, index, unit) for index, unit in plan.operands[node.name].items()}
    if node.name not in plan.linear:
        return _affine(node, plan)
    if node.op in ("Conv", "ConvTranspose"):
        return _convolution(node, plan)
    return _gemm(node, plan) if node.op == "Gemm" else _matmul(node, plan)


def new_scales(node: Node, plan: Plan) -> Mapping[int, Array]:
    """What the scales of a linear layer's quantized constants become, by input index, where the integers may stay.

    A weight is always among them; a bias is if it is only multiplied, by what its blocks and positive scales have room
    for. All other constants are those of `new_constants`.

    Args:
        node: one of `plan.rewritten`.
        plan: the units of its input and output.

    Returns:
        float64, of the rank of the constant; where one scale became many they vary along one axis.
    """
    if node.name not in plan.linear:
        return {}
    found = {}
    shifted = any(_unit(plan, tensor).offset.any() for tensor in (*node.inputs[:2], *node.outputs))
    for index, tensor in enumerate(node.inputs):
        quantization = None if tensor is None else tensor.quantization
        if tensor is None or quantization is None or (index == 2 and shifted):
            continue
        shape, axis = _shape(node, index), 0 if index == 2 else _produced_axis(node)
        old = Computed.of(spread(quantization.scales, quantization.blocks, shape))
        inputs = (*node.inputs[:index], replace(tensor, constant=old), *node.inputs[index + 1 :])
        every = new_constants(replace(node, inputs=inputs), plan)[index].numpy()
        blocks = quantization.blocks_for(axis)
        if index == 2 and (every.shape != shape or not (every > 0).all()):
            continue
        new = every[tuple(slice(None, None, block) for block in blocks)]
        if quantization.divisible and (new == new.flat[0]).all():
            new = new[tuple(slice(0, 1) for _ in shape)]
        if index != 2 or (spread(new, quantization.blocks_for(axis), shape) == every).all():
            found[index] = new
    return found


def _produced_axis(node: Node) -> int:
    """The axis of a linear layer's weight that leads to its output channels."""
    if node.op == "MatMul":
        return 0 if node.inputs[0] is not None and node.inputs[0].constant is not None else 1
    if node.op == "Gemm":
        return 0 if node.attributes.get("transB", 0) else 1
    return 1 if node.op == "ConvTranspose" else 0


def ends_of_run(nodes: Sequence[Node]) -> tuple[Tensor, Tensor]:
    """What the first of a run of affine operators reads besides its constants, and what the last one writes."""
    x = next(tensor for tensor in nodes[0].inputs if tensor is not None and tensor.constant is None)
    y = nodes[-1].outputs[0]
    assert y is not None
    return x, y


def _operand(node: Node, index: int, unit: Unit) -> Computed:
    shape = np.broadcast_shapes(_shape(node, index), unit.gain.shape)
    return Computed(shape, lambda: unit.gain * np.asarray(_value(node, index), np.float64) + unit.offset)


def in_units(affine: Affine, x: Unit, y: Unit) -> tuple[Array, Array]:
    """Scale and shift of an affine map between tensors in these units."""
    scale = y.gain * affine.scale * x.scale
    return scale, y.gain * (affine.scale * x.shift + affine.shift) + y.offset


def normalization(scale: Array, shift: Array, epsilon: float) -> Mapping[int, Computed]:
    """The parameters of the BatchNormalization that computes scale * x + shift, [C] by input index."""
    arrays = {1: scale * np.sqrt(1 + epsilon), 2: shift, 3: np.zeros(scale.size), 4: np.ones(scale.size)}
    return {index: Computed.of(array) for index, array in arrays.items()}


CALLED: Mapping[tuple[str, int], str] = {
    **{(op, 1): "weight" for op in ("Conv", "BatchNormalization")},
    **{(op, 2): "bias" for op in ("Conv", "BatchNormalization")},
    ("BatchNormalization", 3): "running_mean",
    ("BatchNormalization", 4): "running_var",
    ("Clip", 1): "min",
    ("Clip", 2): "max",
    ("Max", 1): "min",
    ("Min", 1): "max",
    ("Pad", 1): "pads",
    ("Pad", 2): "value",
    ("Reshape", 1): "shape",
}
"""What the constants of a form's steps are called, for naming them."""


def role(node: Node, index: int) -> str:
    """What torch calls the constant at an input index of a node, for naming a new one."""
    if node.op in ("Add", "Sub", "Sum", "Mul", "Div", "Concat"):
        return "constant"
    return ("input", "weight", "bias", "running_mean", "running_var")[index]


def rounded(node: str, array: Array, dtype: DTypeLike) -> NDArray[np.generic]:
    """A new constant of the node of this name in its stored dtype, rounded once.

    Raises:
        OutOfRangeError: a finite value is not finite in that dtype.
    """
    with np.errstate(over="ignore", under="ignore"):
        stored = array.astype(dtype, copy=False)
    finite = np.isfinite(stored)
    if not finite.all() and not finite[np.isfinite(array)].all():
        raise OutOfRangeError(node)
    return stored


def _convolution(node: Node, plan: Plan) -> Mapping[int, Computed]:
    shape, groups = _shape(node, 1), int(node.attributes.get("group", 1))
    transposed = node.op == "ConvTranspose"
    inputs = shape[0] if transposed else shape[1] * groups
    outputs = shape[1] * groups if transposed else shape[0]
    ends = _ends(node, plan, 1, inputs, 1, outputs)
    weight_of = linear.conv_transpose_weight if transposed else linear.conv_weight
    bias_of = linear.conv_transpose_bias if transposed else linear.conv_bias
    weight = Computed(shape, lambda: weight_of(_value(node, 1), ends, groups))
    return _with_bias(node, weight, bias_of(_value(node, 1), _bias(node, outputs), ends, groups))


def _gemm(node: Node, plan: Plan) -> Mapping[int, Computed]:
    attributes, shape = node.attributes, _shape(node, 1)
    alpha, beta = float(attributes.get("alpha", 1.0)), float(attributes.get("beta", 1.0))
    transposed = bool(attributes.get("transB", 0))
    inputs, outputs = shape[::-1] if transposed else shape
    ends = _ends(node, plan, 0 if attributes.get("transA", 0) else 1, inputs, 1, outputs)

    def scaled() -> Array:
        stored = _value(node, 1)
        new = linear.dense_weight(stored.T if transposed else stored, ends) if alpha else np.asarray(stored, np.float64)
        return new.T if alpha and transposed else new

    old = _value(node, 1)
    bias = beta * np.asarray(_value(node, 2), np.float64) if node.input(2) is not None else np.zeros(outputs)
    new_bias = linear.dense_bias(old.T if transposed else old, bias, replace(ends, shift=alpha * ends.shift))
    return _with_bias(node, Computed(shape, scaled), new_bias)


def _matmul(node: Node, plan: Plan) -> Mapping[int, Computed]:
    left = node.inputs[0] is not None and node.inputs[0].constant is not None
    index = 0 if left else 1
    shape = _shape(node, index)

    def matrices() -> NDArray[np.generic]:
        return _value(node, 0).swapaxes(-1, -2) if left else _value(node, 1)

    axis, front = -2 if left else -1, shape[:-2]
    rows, columns = reversed(shape[-2:]) if left else shape[-2:]
    x, y = _unit(plan, node.inputs[1 - index]), _unit(plan, node.outputs[0])
    inputs, outputs = (*front, rows), (*front, columns)
    ends = linear.Ends(
        *(_stacked(array, axis, inputs) for array in (x.scale, x.shift)),
        *(_stacked(array, axis, outputs) for array in (y.gain, y.offset)),
    )
    bias = np.zeros(outputs)
    if node.input(2) is not None:
        bias = _stacked(np.asarray(_value(node, 2), np.float64), axis, outputs)
    new_bias = linear.dense_bias(matrices(), bias, ends)
    if left:
        weight = Computed(shape, lambda: linear.dense_weight(matrices(), ends).swapaxes(-1, -2))
        by_index = _with_bias(node, weight, new_bias[..., None])
        return {0 if position == 1 else position: constant for position, constant in by_index.items()}
    weight = Computed(shape, lambda: linear.dense_weight(matrices(), ends))
    return _with_bias(node, weight, new_bias[..., None, :] if front else new_bias)


def _stacked(array: Array, axis: int, shape: tuple[int, ...]) -> Array:
    """The values along `axis`, one of the last two, and along the axes in front of these that `shape` has."""
    if array.ndim > 1:
        array = np.moveaxis(array, axis, -1)[..., 0, :]
        array = array[(0,) * max(array.ndim - len(shape), 0)]
        front = shape[len(shape) - array.ndim : -1]
        array = array[tuple(slice(0, 1) if extent == 1 else slice(None) for extent in front)]
    return np.broadcast_to(array, shape)


def _with_bias(node: Node, weight: Computed, bias: Array) -> Mapping[int, Computed]:
    needed = node.input(2) is not None or bias.any()
    return {1: weight, 2: Computed.of(bias)} if needed else {1: weight}


def _affine(node: Node, plan: Plan) -> Mapping[int, Computed]:
    affine = affine_of(node)
    index = next(i for i, t in enumerate(node.inputs) if t is not None and t.constant is None)
    x, y = _unit(plan, node.inputs[index]), _unit(plan, node.outputs[0])
    scale, shift = in_units(affine, x, y)
    if node.op == "BatchNormalization":
        epsilon = float(node.attributes.get("epsilon", DEFAULT_EPSILON))
        axis, channels = min(1, affine.scale.ndim - 1), affine.scale.size
        return normalization(along(scale, axis, channels), along(shift, axis, channels), epsilon)
    if node.op == "Add":
        constant = shift
    elif node.op == "Sub":
        constant = shift if index == 1 else -shift
    else:
        factor = y.gain * x.scale  # 1 up to rounding where a constant along another axis stays as it is
        scale = affine.scale * np.where(np.abs(factor - 1) <= _EPS, 1.0, factor)
        constant = scale if node.op == "Mul" else 1 / scale
    rank, constant = len(_shape(node, 1 - index)), compressed(constant)
    while constant.ndim > rank and constant.shape[0] == 1:
        constant = constant[0]
    return {1 - index: Computed.of(constant)}


def _ends(node: Node, plan: Plan, x_axis: int, inputs: int, y_axis: int, outputs: int) -> linear.Ends:
    x, y = _unit(plan, node.inputs[0]), _unit(plan, node.outputs[0])
    return linear.Ends(
        along(x.scale, x_axis, inputs),
        along(x.shift, x_axis, inputs),
        along(y.gain, y_axis, outputs),
        along(y.offset, y_axis, outputs),
    )


def _unit(plan: Plan, tensor: Tensor | None) -> Unit:
    original = Unit(np.ones(()), np.zeros(()))
    return original if tensor is None else plan.units.get(tensor.name, original)


def along(array: Array, axis: int, extent: int) -> Array:
    """The values along one axis of units that do not vary along the others: [extent]."""
    if array.ndim == 0:
        return np.broadcast_to(array, (extent,))
    line = np.moveaxis(array, axis, -1).reshape(-1, array.shape[axis])[0]
    return np.broadcast_to(line, (extent,))


def _shape(node: Node, index: int) -> tuple[int, ...]:
    tensor = node.input(index)
    assert tensor is not None
    assert tensor.constant is not None
    return tuple(int(extent) for extent in tensor.constant.shape)


def _value(node: Node, index: int) -> NDArray[np.generic]:
    tensor = node.input(index)
    value = None if tensor is None else tensor.value()
    assert value is not None
    return value


def _bias(node: Node, features: int) -> Array:
    """The bias as float64 [features]; zeros if there is none."""
    if node.input(2) is None:
        return np.zeros(features)
    return np.asarray(_value(node, 2), np.float64).reshape(-1)
