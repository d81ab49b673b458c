"""Operators that move elements without changing them: every element keeps its units, so the ids move the same way."""

from __future__ import annotations

import numpy as np

from bnfold.gauge.equations import GROUND, Ids
from bnfold.gauge.rules.reshape import reshaped
from bnfold.gauge.units import MAX_GAUGE, Units
from bnfold.network import Node, OpaqueError, Tensor


def _ends(node: Node) -> tuple[Tensor, Tensor, int]:
    """Input, output and the rank of the input."""
    x, y = node.inputs[0], node.outputs[0]
    if x is None or y is None or x.shape is None or x.constant is not None:
        raise OpaqueError
    return x, y, len(x.shape)


def identity(node: Node, units: Units) -> None:
    """Identity."""
    x, y, _ = _ends(node)
    units.gauges[y.name] = units.of(x)


def dropout(node: Node, units: Units) -> None:
    """Dropout at inference; the mask must not be used."""
    training = node.parameter(2, "training_mode")
    trains = node.version < 7 and not node.attributes.get("is_test", 0)
    masked = any(output is not None and output.name in units.readers for output in node.outputs[1:])
    if trains or masked or (training is not None and bool(np.any(training))):
        raise OpaqueError
    identity(node, units)


def transpose(node: Node, units: Units) -> None:
    """Transpose."""
    x, y, rank = _ends(node)
    order = node.attributes.get("perm") or tuple(range(rank))[::-1]
    units.gauges[y.name] = units.of(x).transpose(order)


def reshape(node: Node, units: Units) -> None:
    """Reshape, Flatten, Squeeze, Unsqueeze: the shapes that shape inference found say all."""
    x, y, _ = _ends(node)
    if y.shape is None:
        raise OpaqueError
    assert x.shape is not None
    units.gauges[y.name] = reshaped(units.of(x), x.shape, y.shape)


def expand(node: Node, units: Units) -> None:
    """Expand: new axes come in front, and copies share the units of what they copy."""
    x, y, rank = _ends(node)
    if y.shape is None:
        raise OpaqueError
    gauge = units.of(x)
    units.gauges[y.name] = gauge.reshape((1,) * (len(y.shape) - rank) + gauge.shape)


def concat(node: Node, units: Units) -> None:
    """Concat along any axis; where an extent along it is not known, all operands must share their units."""
    xs = [tensor for tensor in node.inputs if tensor is not None]
    y = node.outputs[0]
    if y is None or y.shape is None:
        raise OpaqueError
    axis = int(node.attributes["axis"]) % len(y.shape)
    gauges = [units.of(x) for x in xs]
    if any(gauge.ndim != len(y.shape) for gauge in gauges):
        raise OpaqueError
    if all(gauge.size == 1 and gauge.reshape(-1)[0] == GROUND for gauge in gauges):
        units.gauges[y.name] = gauges[0]
        return
    shape = list(np.broadcast_shapes(*(_off_axis(gauge, axis) for gauge in gauges)))
    for index, x in enumerate(xs):
        if x.constant is not None and x.floating and x.quantization is None:
            extents = enumerate(x.constant.shape)
            room = [extent if i == axis or shape[i] > 1 else 1 for i, extent in extents]
            gauges[index] = units.operand(node, index, room)
    if any(x.extent(axis) is None for x in xs):
        units.gauges[y.name] = _shared(node, units, gauges, axis)
        return
    parts = []
    for x, gauge in zip(xs, gauges, strict=True):
        shape[axis] = x.extent(axis) or 0
        parts.append(np.broadcast_to(gauge, shape))
    if sum(part.size for part in parts) > MAX_GAUGE:
        raise OpaqueError
    units.gauges[y.name] = np.concatenate(parts, axis)


def _shared(node: Node, units: Units, gauges: list[Ids], axis: int) -> Ids:
    """One gauge for all operands, which then does not vary along the axis."""
    joins = units.demand(node, "joins tensors, which must share their units")
    ends = [units.along(joins, gauge, *(i for i in range(gauge.ndim) if i != axis)) for gauge in gauges]
    shape = np.broadcast_shapes(*(gauge.shape for gauge in ends))
    first, *others = (np.broadcast_to(gauge, shape) for gauge in ends)
    for gauge in others:
        units.same(joins, first, gauge)
    return first


def _off_axis(gauge: Ids, axis: int) -> tuple[int, ...]:
    return (*gauge.shape[:axis], 1, *gauge.shape[axis + 1 :])


def split(node: Node, units: Units) -> None:
    """Split along any axis, in sizes that are known."""
    x, _, rank = _ends(node)
    axis = int(node.attributes.get("axis", 0)) % rank
    gauge = units.of(x)
    outputs = [tensor for tensor in node.outputs if tensor is not None]
    if gauge.shape[axis] == 1:
        for tensor in outputs:
            units.gauges[tensor.name] = gauge
        return
    sizes = [tensor.extent(axis) for tensor in outputs]
    known = [size for size in sizes if size is not None]
    if len(known) < len(node.outputs) or sum(known) != gauge.shape[axis]:
        raise OpaqueError
    parts = np.split(gauge, np.cumsum(known)[:-1], axis)
    for tensor, part in zip(outputs, parts, strict=True):
        units.gauges[tensor.name] = part


def slice_(node: Node, units: Units) -> None:
    """Slice; where it cuts along the gauge, the cuts must be known."""
    x, y, rank = _ends(node)
    gauge = units.of(x)
    if gauge.size > 1:
        axes = node.parameter(3, "axes")
        if axes is not None and all(gauge.shape[int(axis)] == 1 for axis in axes):
            units.gauges[y.name] = gauge
            return
        starts, ends, steps = node.parameter(1, "starts"), node.parameter(2, "ends"), node.parameter(4, "steps")
        assert starts is not None
        assert ends is not None
        index = [slice(None)] * rank
        for i in range(starts.size):
            axis = i if axes is None else int(axes[i]) % rank
            if gauge.shape[axis] > 1:
                index[axis] = slice(int(starts[i]), int(ends[i]), 1 if steps is None else int(steps[i]))
        gauge = gauge[tuple(index)]
        if not gauge.size:
            raise OpaqueError
    units.gauges[y.name] = gauge


def gather(node: Node, units: Units) -> None:
    """Gather with constant indices."""
    x, y, rank = _ends(node)
    axis = int(node.attributes.get("axis", 0)) % rank
    gauge, indices = units.of(x), node.input(1)
    if indices is None or indices.shape is None:
        raise OpaqueError
    if gauge.shape[axis] == 1:
        shape = gauge.shape[:axis] + (1,) * len(indices.shape) + gauge.shape[axis + 1 :]
        units.gauges[y.name] = gauge.reshape(shape)
        return
    chosen = indices.value()
    if chosen is None:
        raise OpaqueError
    units.gauges[y.name] = np.take(gauge, chosen.astype(np.int64), axis)


def depth_to_space(node: Node, units: Units) -> None:
    """DepthToSpace: the channels that land in one output channel must share their units."""
    _x, y, _ = _ends(node)
    gauge = _channels(node, units)
    if gauge.size > 1:
        block = int(node.attributes["blocksize"]) ** 2
        column_major = node.attributes.get("mode") == "CRD"
        grouped = gauge.reshape((-1, block) if column_major else (block, -1))
        grouped = grouped.T if column_major else grouped
        interleaves = units.demand(node, "interleaves channels, which must share their units")
        units.same(interleaves, grouped, grouped[:1])
        gauge = grouped[0].reshape(1, -1, 1, 1)
    units.gauges[y.name] = gauge


def space_to_depth(node: Node, units: Units) -> None:
    """SpaceToDepth: every output block repeats the input channels."""
    _x, y, _ = _ends(node)
    gauge = _channels(node, units)
    if gauge.size > 1:
        block = int(node.attributes["blocksize"]) ** 2
        gauge = np.tile(gauge.reshape(-1), block).reshape(1, -1, 1, 1)
    units.gauges[y.name] = gauge


def _channels(node: Node, units: Units) -> Ids:
    x, _, rank = _ends(node)
    if rank != 4:
        raise OpaqueError
    positions = units.demand(node, "rearranges positions, which must share their units")
    return units.along(positions, units.of(x), 1)


def pad(node: Node, units: Units) -> None:
    """Pad: zeros forbid a shift, unless only the gauge axis grows; other modes copy elements with their units."""
    x, y, rank = _ends(node)
    pads = node.parameter(1, "pads")
    mode = node.attributes.get("mode", "constant")
    axes = node.parameter(3, "axes")
    if pads is None or mode not in ("constant", "reflect", "edge", "wrap"):
        raise OpaqueError
    where = np.arange(rank) if axes is None else axes.astype(int) % rank
    before, after = np.zeros((2, rank), int)
    before[where], after[where] = pads[: len(where)], pads[len(where) :]
    gauge = units.of(x)
    moved = [axis for axis in range(rank) if gauge.shape[axis] > 1 and (before[axis] or after[axis])]
    if mode != "constant":
        if any(min(before[axis], after[axis]) < 0 for axis in moved):
            raise OpaqueError
        widths = [(before[axis], after[axis]) if axis in moved else (0, 0) for axis in range(rank)]
        units.gauges[y.name] = np.pad(gauge, widths, mode=mode)
        return
    grows = (before > 0) | (after > 0)
    if grows.any():
        value = node.parameter(2, "value")
        if value is not None and np.any(value != 0):
            raise OpaqueError
        if any(grows[axis] for axis in range(rank) if axis not in moved):
            units.no_shift(units.demand(node, "pads with zeros, which a shift would change"), gauge)
    for axis in moved:
        gauge = _pad_gauge(gauge, axis, int(before[axis]), int(after[axis]))
    new = gauge < 0
    if new.any():
        gauge = gauge.copy()
        gauge[new] = fresh = units.fresh((int(new.sum()),))
        units.no_shift(units.demand(node, "adds channels of zeros"), fresh)
    units.gauges[y.name] = gauge


def _pad_gauge(gauge: Ids, axis: int, before: int, after: int) -> Ids:
    """Grow (new ids are -1) or crop along one axis."""
    start, stop = max(-before, 0), gauge.shape[axis] - max(-after, 0)
    gauge = np.take(gauge, np.arange(start, stop), axis)
    widths = [(0, 0)] * gauge.ndim
    widths[axis] = (max(before, 0), max(after, 0))
    return np.pad(gauge, widths, constant_values=-1)


def resize(node: Node, units: Units) -> None:
    """Resize, Upsample off the gauge axis. Nearest and linear weights sum to 1; cubic ones only nearly."""
    x, y, rank = _ends(node)
    if node.attributes.get("coordinate_transformation_mode") == "tf_crop_and_resize" or y.shape is None:
        raise OpaqueError
    gauge = units.of(x)
    if any(gauge.shape[axis] > 1 and not _left_alone(node, x, y, axis) for axis in range(rank)):
        raise OpaqueError
    if node.attributes.get("mode", "nearest") == "cubic":
        origin = units.demand(node, "interpolates with weights that sum to 1 only nearly")
        units.no_shift(origin, gauge)
    units.gauges[y.name] = gauge


def _left_alone(node: Node, x: Tensor, y: Tensor, axis: int) -> bool:
    """Whether an axis is not resized. Equal extents alone do not tell: 4 channels times 1.2 are 4 mixed ones."""
    assert x.shape is not None
    if x.extent(axis) is None or x.extent(axis) != y.extent(axis):
        return False
    if node.attributes.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        return False
    factors = node.parameter(1 if node.version < 11 else 2, "scales")
    if factors is None or not factors.size:
        return True
    axes = [int(a) % len(x.shape) for a in node.attributes.get("axes") or range(len(x.shape))]
    return axis not in axes or bool(factors.reshape(-1)[axes.index(axis)] == 1)
