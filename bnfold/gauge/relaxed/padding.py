"""Padding with zeros under a shift: zero is another number in other units, X = S x' + T = 0 means x' = -T / S.

Where that number is the same in all channels, a Pad writes it at the border, and the convolution needs no padding of
its own. Where it is not, the padding stays, and a channel of ones carries the shift: it is 1 inside and 0 at the
border, as the shift is T inside and absent at the border, and its kernel is sum over the channels of W T.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bnfold.affine import Array
from bnfold.gauge import cost
from bnfold.gauge.rules import linear, movement
from bnfold.gauge.units import Units
from bnfold.network import Computed, Node, OpaqueError
from bnfold.plan import Form, Plan, Step, Unit
from bnfold.rewrite import along, new_constants

SINCE = 11
"""The operator set in which Pad takes its widths and its value as inputs."""


def conv_applies(node: Node) -> bool:
    """Whether a Conv with constant weights pads with zeros, in widths that are written down."""
    x, weight = node.inputs[0], node.input(1)
    if x is None or weight is None or weight.constant is None or node.version < SINCE:
        return False
    if weight.quantization is not None:  # a new kernel would have to be quantized anew
        return False
    explicit = node.attributes.get("auto_pad", "NOTSET") == "NOTSET"
    pads = node.attributes.get("pads", ())
    return explicit and min(pads, default=0) >= 0 and linear.pads_with_zeros(node, weight.constant.shape[2:])


def conv_rule(node: Node, units: Units) -> None:
    """Any units of the input. The wish: no shift."""
    linear.convolve(node, units)
    with units.wish(node):
        linear.meet_zeros(node, units)


def conv_form(node: Node, plan: Plan) -> tuple[Form, int] | None:
    """A Pad and a Conv: with the number that is zero, or with a channel of ones; the latter only in one group."""
    x, y = node.inputs[0], node.outputs[0]
    assert x is not None
    assert y is not None
    constants = new_constants(node, plan)
    kernel = list(constants[1].shape[2:])
    attributes = {**node.attributes, "kernel_shape": kernel}
    zero = zero_in(plan.unit(x.name))
    if zero is not None:
        pads = [int(pad) for pad in node.attributes["pads"]]
        widths = [0, 0, *pads[: len(kernel)], 0, 0, *pads[len(kernel) :]]
        unpadded = {**attributes, "pads": [0] * len(pads)}
        return (_pad(widths, zero), Step("Conv", constants, attributes=unpadded)), cost.elementwise(x)
    if int(node.attributes.get("group", 1)) != 1:
        return None
    ones = _kernel_of_ones(node, plan)
    bias = -ones.sum(axis=tuple(range(1, ones.ndim)))
    if 2 in constants:
        bias = bias + constants[2].numpy()
    outputs, inputs, *_ = constants[1].shape
    weight = Computed((outputs, inputs + 1, *kernel), lambda: np.concatenate([constants[1].numpy(), ones], axis=1))
    widths = [0] * len(kernel)
    conv = Step("Conv", {1: weight, 2: Computed.of(bias)}, attributes=attributes)
    more = cost.elements(y) * math.prod(kernel)
    return (_pad([0, 0, *widths, 0, 1, *widths], 1.0), conv), cost.elementwise(x) + more


def zero_in(unit: Unit, value: float = 0.0) -> float | None:
    """The number that stands for `value` in these units; None if it differs between channels."""
    if unit.blank is not None and unit.blank.any():
        return None
    stored = unit.gain * value + unit.offset
    return float(stored.flat[0]) if np.ptp(stored) == 0 else None


def _kernel_of_ones(node: Node, plan: Plan) -> Array:
    """The kernel of the channel of ones, [Cout, 1, *kernel]."""
    x, y, weight = node.inputs[0], node.outputs[0], node.input(1)
    assert x is not None
    assert y is not None
    assert weight is not None
    value = np.asarray(weight.value(), np.float64)
    taps = (1,) * (value.ndim - 2)
    shift = along(plan.unit(x.name).shift, 1, value.shape[1]).reshape(1, -1, *taps)
    gain = along(plan.unit(y.name).gain, 1, value.shape[0]).reshape(-1, 1, *taps)
    kernel: Array = gain * (value * shift).sum(axis=1, keepdims=True)
    return kernel


def _pad(widths: Sequence[int], value: float) -> Step:
    return Step("Pad", {2: Computed.of(np.asarray(value, np.float64))}, {1: tuple(widths)})


def pad_applies(node: Node) -> bool:
    """Whether a Pad writes one known number."""
    x = node.inputs[0]
    try:
        widths = _widths(node)
    except OpaqueError:
        return False
    constant = node.attributes.get("mode", "constant") == "constant" and node.input(3) is None
    return constant and max(widths, default=0) > 0 and x is not None and x.floating and node.version >= SINCE


def pad_rule(node: Node, units: Units) -> None:
    """Equal units that do not vary along what is padded. The wish: no shift around zeros, else the original units."""
    x, y = node.inputs[0], node.outputs[0]
    assert x is not None
    assert y is not None
    gauge, widths = units.of(x), _widths(node)
    if any(extent > 1 and (widths[i] or widths[i + gauge.ndim]) for i, extent in enumerate(gauge.shape)):
        movement.pad(node, units)
        return
    units.gauges[y.name] = gauge
    with units.wish(node):
        if _value(node) == 0:
            units.no_shift(units.demand(node, "pads with zeros, which a shift would change"), gauge)
        else:
            units.original(units.demand(node, "pads with a number"), gauge)


def pad_form(node: Node, plan: Plan) -> tuple[Form, int] | None:
    """A Pad with the number in the new units; it costs nothing."""
    y = node.outputs[0]
    assert y is not None
    number = zero_in(plan.unit(y.name), _value(node))
    return None if number is None else ((_pad(_widths(node), number),), 0)


def _widths(node: Node) -> list[int]:
    pads = node.parameter(1, "pads")
    if pads is None:
        raise OpaqueError
    _value(node)
    return [int(width) for width in pads]


def _value(node: Node) -> float:
    value = node.parameter(2, "value")
    return 0.0 if value is None else float(value.item())
