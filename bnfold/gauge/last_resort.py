"""What can stand in the place of an affine operator that no neighbour takes up: a depthwise convolution of one tap.

For targets that have no batch normalization. Any per-channel operator is one, with its scale as weights and its shift
as bias. Where its channels lie along another axis than 1, or the tensor is no signal, image or volume, it is seen as
[before, channels, behind] meanwhile, which moves no data. A single constant is left alone: every target can multiply
by one or add it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from bnfold.affine import Affine, Array
from bnfold.affine_operators import affine_of, elements
from bnfold.gauge.rules import Rule
from bnfold.gauge.rules.affine import arithmetic, candidate
from bnfold.gauge.units import Units
from bnfold.network import Computed, Dim, Network, Node, OpaqueError
from bnfold.plan import Code, Form, Plan, Reason, Step
from bnfold.rewrite import along, ends_of_run, in_units

REASONS = frozenset({Code.SCALE, Code.SIGN, Code.SHIFT, Code.DEAD, Code.PRECISION, Code.RANGE})
"""Why an operator may stay and still be known well enough to be written in another form."""


def exists(node: Node) -> bool:
    """Whether a depthwise convolution comes in the place of this operator if it stays."""
    return elements(node) != 1 and possible(node)


def possible(node: Node) -> bool:
    """Whether a depthwise convolution can do what this operator does."""
    y = node.outputs[0]
    try:
        affine = affine_of(node)
    except OpaqueError:
        return False
    if y is None or not y.shape or 0 in y.shape:
        return False
    axis = channel_axis(affine.scale, affine.shift)
    if axis is None or y.extent(axis) is None:
        return False
    return _has_view(y.shape, axis)


def channel_axis(*parts: Array) -> int | None:
    """The axis along which arrays vary, 1 where they do not and have it; None if there are several."""
    axes = {axis for part in parts for axis, extent in enumerate(part.shape) if extent > 1}
    return None if len(axes) > 1 else next(iter(axes), min(1, parts[0].ndim - 1))


def free(network: Network, withdrawn: Mapping[str, Reason]) -> Mapping[str, Rule]:
    """By node name, the rule of operators in whose place a convolution comes if they stay."""
    return {
        node.name: rule
        for node in network.nodes
        if node.op in ("Add", "Sub", "Mul", "Div")
        and (node.name not in withdrawn or allows(withdrawn[node.name], node.name))
        and exists(node)
    }


def allows(reason: Reason, name: str) -> bool:
    """Whether an operator that stays for this reason may be written in another form."""
    return reason.code in REASONS and reason.against != name


def rule(node: Node, units: Units) -> None:
    """Any units on both sides, as a convolution has, if those of the input vary along its channels alone."""
    affine, (x, y) = affine_of(node), ends_of_run((node,))
    gauge, axis = units.of(x), channel_axis(affine.scale, affine.shift)
    if any(extent > 1 and index != axis for index, extent in enumerate(gauge.shape)):
        arithmetic(node, units)
        return
    assert axis is not None
    assert y.shape is not None
    units.gauges[y.name] = units.fresh([y.extent(i) or 1 if i == axis else 1 for i in range(len(y.shape))], free=True)
    units.candidates.append(candidate(node, units, x, y, gauge, affine, keepable=True))


def depthwise(nodes: Sequence[Node], affine: Affine, plan: Plan) -> Form | None:
    """A convolution with one group per channel, between two Reshapes where the tensor has not its channels on axis 1.

    Args:
        nodes: the operators it replaces, in order; one is `possible` for the last.
        affine: what they compute.
        plan: the units around them.

    Returns:
        The form; None if operators and units vary along several axes, or leave single constants single.
    """
    x, y = ends_of_run(nodes)
    parts = in_units(affine, plan.unit(x.name), plan.unit(y.name))
    assert y.shape is not None
    axis = channel_axis(*parts)
    channels = None if axis is None else y.extent(axis)
    if axis is None or channels is None or not _has_view(y.shape, axis):
        return None
    if all(elements(node) == 1 for node in nodes) and all(np.ptp(part) == 0 for part in parts):
        return None
    scale, shift = (along(part, axis, channels) for part in parts)
    image = _is_image(y.shape, axis)
    taps = [1] * (len(y.shape) - 2 if image else 1)
    constants = {1: Computed.of(scale.reshape(channels, 1, *taps)), 2: Computed.of(shift)}
    conv = Step("Conv", constants, attributes={"group": channels, "kernel_shape": taps})
    if image:
        return (conv,)
    there, back = _views(y.shape, axis)
    return Step("Reshape", integers={1: there}), conv, Step("Reshape", integers={1: back})


def _has_view(shape: Sequence[Dim], axis: int) -> bool:
    """Whether a convolution can read a tensor of this shape, as it is or between two Reshapes."""
    return _is_image(shape, axis) or sum(not isinstance(dim, int) for dim in shape) <= 1


def _is_image(shape: Sequence[Dim], axis: int) -> bool:
    """Whether a convolution reads a tensor of this shape as it is, with its channels along this axis."""
    return axis == 1 and 3 <= len(shape) <= 5


def _views(shape: Sequence[Dim], axis: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Targets of the Reshapes to [before, channels, behind] and back, each with one extent left to be found."""
    known = [dim if isinstance(dim, int) else -1 for dim in shape]
    before, channels, behind = math.prod(known[:axis]), known[axis], math.prod(known[axis + 1 :])
    there = (before, channels, -1) if behind < 0 else (-1, channels, behind)
    left = known.index(-1) if -1 in known else 0
    return there, tuple(-1 if index == left else extent for index, extent in enumerate(known))
