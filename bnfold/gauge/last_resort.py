"""What can stand in the place of a BatchNormalization that no neighbour takes up: a depthwise convolution of one tap.

For targets that have no batch normalization. Any per-channel operator on axis 1 is one, with its scale as weights and
its shift as bias. Along another axis a product with a diagonal matrix would do, at the price of a fully connected
layer; that is left alone, and so is a single constant, which every target can multiply or add.
"""

from __future__ import annotations

from collections.abc import Sequence

from bnfold.affine import Affine, Array
from bnfold.gauge.rules.affine import affine_of, elements
from bnfold.network import Computed, Node, OpaqueError
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
    if y is None or y.shape is None or y.extent(1) is None or elements(node) == 1:
        return False
    return 2 <= len(y.shape) <= 5 and _along_axis_1(affine.scale) and _along_axis_1(affine.shift)


def depthwise(nodes: Sequence[Node], affine: Affine, plan: Plan) -> Form | None:
    """A convolution with one group per channel; a matrix is seen as an image of one column meanwhile.

    Args:
        nodes: the operators it replaces, in order.
        affine: what they compute.
        plan: the units around them.

    Returns:
        The form; None if the units vary along another axis than 1.
    """
    x, y = ends_of_run(nodes)
    parts = in_units(affine, plan.unit(x.name), plan.unit(y.name))
    channels = y.extent(1)
    assert channels is not None
    assert y.shape is not None
    if not all(map(_along_axis_1, parts)):
        return None
    scale, shift = (along(part, 1, channels) for part in parts)
    spatial = max(len(y.shape) - 2, 1)
    weight = scale.reshape(channels, 1, *(1,) * spatial)
    constants = {1: Computed.of(weight), 2: Computed.of(shift)}
    conv = Step("Conv", constants, attributes={"group": channels, "kernel_shape": [1] * spatial})
    if len(y.shape) > 2:
        return (conv,)
    return Step("Reshape", integers={1: (-1, channels, 1)}), conv, Step("Reshape", integers={1: (-1, channels)})


def _along_axis_1(array: Array) -> bool:
    return all(axis == 1 for axis, extent in enumerate(array.shape) if extent > 1)
