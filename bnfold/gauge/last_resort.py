"""What can stand in the place of an affine operator that no neighbour takes up: a depthwise convolution of one tap.

For targets that have no batch normalization. Any per-channel operator is one, with its scale as weights and its shift
as bias. Where its channels lie along another axis than 1, or the tensor is no signal, image or volume, it is seen as
[before, channels, behind] meanwhile, which moves no data. A single constant is left alone: every target can multiply
by one or add it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from bnfold.affine import Affine, Array
from bnfold.gauge.rules.affine import affine_of, elements
from bnfold.network import Computed, Dim, Node, OpaqueError
from bnfold.plan import Code, Form, Plan, Step
from bnfold.rewrite import along, ends_of_run, in_units

REASONS = frozenset({Code.SCALE, Code.SIGN, Code.SHIFT, Code.DEAD, Code.PRECISION, Code.RANGE})
"""Why an operator may stay and still be known well enough to be written in another form."""


def exists(node: Node) -> bool:
    """Whether a depthwise convolution can do what this operator does."""
    y = node.outputs[0]
    try:
        affine = affine_of(node)
    except OpaqueError:
        return False
    if y is None or not y.shape or 0 in y.shape or elements(node) == 1:
        return False
    axis = channel_axis(affine.scale, affine.shift)
    if axis is None or y.extent(axis) is None:
        return False
    return _is_image(y.shape, axis) or sum(not isinstance(dim, int) for dim in y.shape) <= 1


def channel_axis(*parts: Array) -> int | None:
    """The axis along which arrays vary, 1 where they do not and have it; None if there are several."""
    axes = {axis for part in parts for axis, extent in enumerate(part.shape) if extent > 1}
    return None if len(axes) > 1 else next(iter(axes), min(1, parts[0].ndim - 1))


def depthwise(nodes: Sequence[Node], affine: Affine, plan: Plan) -> Form | None:
    """A convolution with one group per channel, between two Reshapes where the tensor has not its channels on axis 1.

    Args:
        nodes: the operators it replaces, in order; one `exists` for the last.
        affine: what they compute.
        plan: the units around them.

    Returns:
        The form; None if operators and units vary along several axes.
    """
    x, y = ends_of_run(nodes)
    parts = in_units(affine, plan.unit(x.name), plan.unit(y.name))
    assert y.shape is not None
    axis = channel_axis(*parts)
    channels = None if axis is None else y.extent(axis)
    if axis is None or channels is None:
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
