"""Pooling and reductions: averages keep any units, maxima need a positive scale, sums multiply the shift."""

from __future__ import annotations

import math

from bnfold.gauge.equations import Ids
from bnfold.gauge.rules.linear import pads_with_zeros
from bnfold.gauge.units import Units
from bnfold.network import Node, OpaqueError, Tensor


def _ends(node: Node) -> tuple[Tensor, Tensor]:
    x, y = node.inputs[0], node.outputs[0]
    if x is None or y is None:
        raise OpaqueError
    return x, y


def _spatial(node: Node, units: Units) -> Ids:
    """The gauge of the input, which may not vary inside a window."""
    x, _ = _ends(node)
    windows = units.demand(node, "mixes neighbouring positions, which must share their units")
    return units.along(windows, units.of(x), 0, 1)


def max_pool(node: Node, units: Units) -> None:
    """MaxPool, GlobalMaxPool. Padding is minus infinity, which every positive scale keeps."""
    gauge = _spatial(node, units)
    units.positive(units.demand(node, "takes a maximum, which only a positive scale keeps"), gauge)
    units.gauges[_ends(node)[1].name] = gauge


def average_pool(node: Node, units: Units) -> None:
    """AveragePool, GlobalAveragePool. Zeros counted in at the border forbid a shift; ceil_mode does not."""
    gauge = _spatial(node, units)
    kernel = node.attributes.get("kernel_shape", ())
    if node.attributes.get("count_include_pad", 0) and pads_with_zeros(node, kernel):
        units.no_shift(units.demand(node, "counts zero padding in, which a shift would change"), gauge)
    units.gauges[_ends(node)[1].name] = gauge


def _reduced(node: Node, units: Units) -> tuple[Ids, list[int]]:
    """The gauge after a reduction, and the axes reduced."""
    x, y = _ends(node)
    if x.shape is None or y.shape is None:
        raise OpaqueError
    rank = len(x.shape)
    given = node.parameter(1, "axes")
    axes = [] if given is None else [int(axis) % rank for axis in given.reshape(-1)]
    if not axes:
        axes = [] if node.attributes.get("noop_with_empty_axes", 0) else list(range(rank))
    mixes = units.demand(node, "reduces over an axis, along which all must share their units")
    gauge = units.along(mixes, units.of(x), *(axis for axis in range(rank) if axis not in axes))
    if not node.attributes.get("keepdims", 1):
        gauge = gauge.reshape([gauge.shape[axis] for axis in range(rank) if axis not in axes])
    return gauge, axes


def reduce_mean(node: Node, units: Units) -> None:
    """ReduceMean over any axes."""
    gauge, _ = _reduced(node, units)
    units.gauges[_ends(node)[1].name] = gauge


def reduce_max(node: Node, units: Units) -> None:
    """ReduceMax, ReduceMin over any axes."""
    gauge, _ = _reduced(node, units)
    units.positive(units.demand(node, "takes a maximum, which only a positive scale keeps"), gauge)
    units.gauges[_ends(node)[1].name] = gauge


def reduce_sum(node: Node, units: Units) -> None:
    """ReduceSum over n elements: T_y = n * T_x."""
    x, y = _ends(node)
    gauge, axes = _reduced(node, units)
    extents = [x.extent(axis) for axis in axes]
    known = [extent for extent in extents if extent is not None]
    if len(known) < len(extents):
        units.no_shift(units.demand(node, "sums a number of elements that is not known"), gauge)
        units.gauges[y.name] = gauge
        return
    total = units.fresh(gauge.shape)
    units.same_scale(units.demand(node, "sums, which keeps the scale"), total, gauge)
    units.structure.shift(
        units.demand(node, "sums, which multiplies the shift"), total, [(float(math.prod(known)), gauge)]
    )
    units.gauges[y.name] = total
