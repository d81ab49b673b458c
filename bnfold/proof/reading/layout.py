"""The original in another layout: what a claim means that stores a tensor with its axes permuted.

If X = Transpose(X', perm) for some tensors of a network, every operator that reads or writes them has to have a form
for X' that computes the same; here are these forms. An operator without one is never proved. One that gives a tensor
back as it was before its shape changed counts as an Identity.
"""

from __future__ import annotations

import copy
import operator
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

import numpy as np

from bnfold.proof.core.units import Array, UnprovedError, demand
from bnfold.proof.reading import movement
from bnfold.proof.reading.network import Network
from bnfold.proof.reading.node import Node, reads
from bnfold.proof.reading.order import returned
from bnfold.proof.reading.shapes import Shape

Perm = tuple[int, ...]

_SINCE = 7  # before, operands met at stated axes
_ONE_AXIS_SINCE = 13  # before, Softmax worked along all axes from one on

_UNARY = frozenset(
    (
        *("Abs", "Cast", "Ceil", "Celu", "Clip", "Dropout", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid"),
        *("HardSwish", "Identity", "LeakyRelu", "Log", "Mish", "Neg", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid"),
        *("Sign", "Softplus", "Softsign", "Sqrt", "Tanh", "ThresholdedRelu"),
    )
)
_BROADCASTING = frozenset(("Add", "Sub", "Mul", "Div", "PRelu", "Pow", "Min", "Max", "Sum", "Mean"))
_REDUCING = frozenset(("ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum", "ReduceL2", "Squeeze"))


def laid_out(network: Network, perms: Mapping[str, Perm]) -> Network:
    """The network whose tensors X are X', where X = Transpose(X', perm); the others are as they were.

    A node that has no such form becomes an operator that no rule knows, and nothing is proved of what it writes.
    """
    if not perms:
        return network
    seen = copy.copy(network)
    seen.constants = dict(network.constants)
    seen.nodes = [_rewritten(network, seen.constants, node, perms) for node in network.nodes]
    seen.writer = {name: (node, index) for node in seen.nodes for index, name in enumerate(node.outputs) if name}
    seen.permute_shapes({name: _inverse(perm) for name, perm in perms.items()})
    return seen


def _rewritten(network: Network, constants: dict[str, Array], node: Node, perms: Mapping[str, Perm]) -> Node:
    def moved() -> list[str]:
        return [name for name in (*reads(node), *node.outputs) if name in perms]

    if not moved():
        return node
    try:
        came = returned(network, node)
        if came is not None:
            node = replace(node, op="Identity", inputs=(came,), attributes={})
        if not moved():
            return node
        for name in moved():
            inner = name not in network.inputs and name not in network.outputs and name not in network.constants
            rank = len(movement.shape_of(network, name))
            demand(inner and sorted(perms[name]) == list(range(rank)), "its layout is none that it can have")
        single = len(node.outputs) == 1 or node.op == "Split"
        demand(single and not node.bodies and network.opset >= _SINCE, "it has no form in another layout")
        return _FORMS[node.op](network, constants, node, perms)
    except (UnprovedError, KeyError, IndexError, ValueError):
        return replace(node, op=f"{node.op} in another layout")


def _transpose(network: Network, constants: dict[str, Array], node: Node, perms: Mapping[str, Perm]) -> Node:
    """T(T(T(x', p), q), r^-1) is one Transpose, or none."""
    (x,), (y,) = node.inputs, node.outputs
    rank = len(movement.shape_of(network, x))
    same = tuple(range(rank))
    steps = perms.get(x, same), tuple(node.attributes["perm"]), _inverse(perms.get(y, same))
    perm = [steps[0][steps[1][axis]] for axis in steps[2]]
    if perm == list(same):
        return replace(node, op="Identity", attributes={})
    return replace(node, attributes={"perm": perm})


def _elementwise(network: Network, constants: dict[str, Array], node: Node, perms: Mapping[str, Perm]) -> Node:
    """Every tensor in the layout of the result; constants follow."""
    perm, inputs = perms[node.outputs[0]], list(node.inputs)
    for index, name in enumerate(node.inputs[:1] if node.op in _UNARY else node.inputs):
        if name not in network.constants:
            demand(perms.get(name) == perm, "its operands have different layouts")
            continue
        value = network.constants[name]
        demand(value.ndim <= len(perm), "a constant has more axes than the result")
        if value.size > 1 or value.ndim == len(perm):
            ranked = value.reshape((1,) * (len(perm) - value.ndim) + value.shape)
            inputs[index] = _add(constants, name, perm, np.transpose(ranked, _inverse(perm)))
    return replace(node, inputs=tuple(inputs))


def _along_axis(default: int) -> Callable[[Network, dict[str, Array], Node, Mapping[str, Perm]], Node]:
    def form(network: Network, constants: dict[str, Array], node: Node, perms: Mapping[str, Perm]) -> Node:
        perm = perms[node.outputs[0]]
        demand(node.op == "Concat" or network.opset >= _ONE_AXIS_SINCE, "it works along several axes")
        axis = perm[int(node.attributes.get("axis", default))]
        for name in node.inputs:
            demand(network.shape(name) is not None and len(network.shape(name) or ()) == len(perm), "ranks differ")
        made = _elementwise(network, constants, node, perms)
        return replace(made, attributes={**node.attributes, "axis": axis})

    return form


def _split(network: Network, constants: dict[str, Array], node: Node, perms: Mapping[str, Perm]) -> Node:
    perm = perms[node.inputs[0]]
    demand(all(perms.get(name) == perm for name in node.outputs if name), "its parts have different layouts")
    return replace(node, attributes={**node.attributes, "axis": perm[int(node.attributes.get("axis", 0))]})


def _slice(network: Network, constants: dict[str, Array], node: Node, perms: Mapping[str, Perm]) -> Node:
    x, perm = node.inputs[0], perms[node.outputs[0]]
    demand(perms.get(x) == perm, "its result has another layout")
    given = movement.setting(network, node, 3, "axes")
    demand(given is not None, "its axes are not named")
    assert given is not None
    moved = np.asarray([perm[int(axis)] for axis in given.reshape(-1)], given.dtype)
    if "axes" in node.attributes:
        return replace(node, attributes={**node.attributes, "axes": [int(axis) for axis in moved]})
    named = (*node.inputs[:3], _add(constants, node.inputs[3], perm, moved), *node.inputs[4:])
    return replace(node, inputs=named)


def _pad(network: Network, constants: dict[str, Array], node: Node, perms: Mapping[str, Perm]) -> Node:
    x, perm = node.inputs[0], perms[node.outputs[0]]
    demand(perms.get(x) == perm and not node.input(3), "its operands have different layouts")
    pads = network.constants[node.inputs[1]].reshape(2, -1)[:, list(_inverse(perm))].reshape(-1)
    return replace(node, inputs=(x, _add(constants, node.inputs[1], perm, pads), *node.inputs[2:]))


def _reduce(network: Network, constants: dict[str, Array], node: Node, perms: Mapping[str, Perm]) -> Node:
    (x, y), perm = (node.inputs[0], node.outputs[0]), perms[node.inputs[0]]
    given = movement.setting(network, node, 1, "axes")
    demand(given is not None and given.size > 0, "its axes are not known")
    assert given is not None
    axes = [int(axis) % len(perm) for axis in given.reshape(-1)]
    if node.op == "Squeeze" or not node.attributes.get("keepdims", 1):
        left = [perm[axis] for axis in range(len(perm)) if axis not in axes]
        demand(left == sorted(left) and y not in perms, "the axes that are left change places")
    else:
        demand(perms.get(y) == perm, "its result has another layout")
    moved = [perm[axis] for axis in axes]
    if "axes" in node.attributes:
        return replace(node, attributes={**node.attributes, "axes": moved})
    return replace(node, inputs=(x, _add(constants, node.inputs[1], perm, np.asarray(moved, np.int64))))


def _reshape(network: Network, constants: dict[str, Array], node: Node, perms: Mapping[str, Perm]) -> Node:
    """It reads elements in order, which stays if only extents of 1 change places; see `_regrouped` for more."""
    x, y = node.inputs[0], node.outputs[0]
    shape = movement.shape_of(network, x)
    perm = perms.get(x, tuple(range(len(shape))))
    order = [perm[axis] for axis, extent in enumerate(shape) if extent != 1]
    if node.op == "Flatten":
        demand(order == sorted(order) and y not in perms, "it reads elements in another order")
        demand(int(node.attributes.get("axis", 1)) == 1 and perm[0] == 0, "it joins other axes")
        return node
    target = network.constants[node.inputs[1]].reshape(-1)
    demand(bool((target != 0).all()), "it copies an extent")
    if order == sorted(order) and y not in perms:
        return node
    after = movement.shape_of(network, y)
    last = perms.get(y, tuple(range(len(after))))
    axes = [axis for block in _regrouped(shape, after, perm) for axis in block]
    demand(axes == list(_inverse(last)), "it reads elements in another order")
    return replace(node, inputs=(x, _add(constants, node.inputs[1], last, target[axes])))


def _regrouped(x: Shape, y: Shape, first: Perm) -> list[list[int]]:
    """The axes of y, block by block as they lie where a Reshape from x to y reads a permuted tensor.

    A block is a run of axes of x and one of y with the same number of elements in it. Where every block of x lies side
    by side and in order, so that the permuted tensor is blocks in another order, a Reshape of it makes these blocks.
    """
    placed = []
    for before, after in _blocks(x, y):
        places = [first[axis] for axis in before]
        demand(places == list(range(places[0], places[0] + len(places))), "it joins axes that lie apart")
        placed.append((places[0], after))
    return [axes for _, axes in sorted(placed)]


def _blocks(x: Shape, y: Shape) -> Iterator[tuple[list[int], list[int]]]:
    """Known extents in the shortest blocks; unknown ones each for itself, all but one known to be equal."""
    unknown = [[axis for axis, extent in enumerate(shape) if not isinstance(extent, int)] for shape in (x, y)]
    demand(len(unknown[0]) == len(unknown[1]), "it rearranges what is not known")
    pairs = list(zip(*unknown, strict=True))
    demand(
        sum(x[a] is not None and x[a] == y[b] for a, b in pairs) >= len(pairs) - 1, "it rearranges what is not known"
    )
    starts = 0, 0
    for ends in (*pairs, (len(x), len(y))):
        runs = [list(range(start, end)) for start, end in zip(starts, ends, strict=True)]
        sizes = [_products(shape, run) for shape, run in zip((x, y), runs, strict=True)]
        cuts = sorted({*sizes[0]} & {*sizes[1]})
        same = not any(runs) or (all(runs) and sizes[0][-1] == sizes[1][-1] > 0)
        demand(same, "its extents do not agree")
        groups = [[bisect_left(cuts, size) for size in each] for each in sizes]
        for number in range(len(cuts)):
            before, after = (
                [axis for axis, group in zip(run, groups[side], strict=True) if group == number]
                for side, run in enumerate(runs)
            )
            yield before, after
        if ends != (len(x), len(y)):
            yield [ends[0]], [ends[1]]
        starts = ends[0] + 1, ends[1] + 1


def _products(shape: Shape, axes: Sequence[int]) -> list[int]:
    """How many elements lie along the first of these axes, the first two, and so on; all are known."""
    return list(accumulate((extent for axis in axes if isinstance(extent := shape[axis], int)), operator.mul))


def _add(constants: dict[str, Array], name: str, perm: Sequence[int], value: Array) -> str:
    """A constant in another layout, under a name that no tensor of a file has."""
    made = f"{name}\0{tuple(perm)}\0{value.shape}"
    constants[made] = value
    return made


def _inverse(perm: Perm) -> Perm:
    return tuple(int(axis) for axis in np.argsort(perm))


_FORMS: Mapping[str, Callable[[Network, dict[str, Any], Node, Mapping[str, Perm]], Node]] = {
    "Transpose": _transpose,
    **dict.fromkeys(_UNARY | _BROADCASTING, _elementwise),
    "Concat": _along_axis(0),
    "Split": _split,
    "Slice": _slice,
    "Softmax": _along_axis(-1),
    "LogSoftmax": _along_axis(-1),
    "Pad": _pad,
    **dict.fromkeys(_REDUCING, _reduce),
    "Reshape": _reshape,
    "Flatten": _reshape,
}
