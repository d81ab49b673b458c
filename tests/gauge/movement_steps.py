"""Random operators that move elements: they differ in where channels go."""

import numpy as np

from tests.gauge.steps import MAX_ELEMENTS, Draw, divisors, step
from tests.networks import Net


@step
def transpose(net: Net, x: str, draw: Draw) -> str | None:
    return net.node("Transpose", x, perm=draw.order(len(net.shape(x))))


@step
def reshape(net: Net, x: str, draw: Draw) -> str | None:
    """Split an axis in two, merge two axes, or both."""
    shape = list(net.shape(x))
    if draw.flag():
        axis = draw.integer(0, len(shape) - 1)
        factor = draw.one(*divisors(shape[axis]))
        shape[axis : axis + 1] = [factor, shape[axis] // factor]
    if len(shape) > 2 and draw.flag():
        axis = draw.integer(0, len(shape) - 2)
        shape[axis : axis + 2] = [shape[axis] * shape[axis + 1]]
    if len(shape) > 5:
        return None
    free = draw.one(None, *range(len(shape)))
    if free is not None:
        shape[free] = -1
    return net.node("Reshape", x, shape)


@step
def flatten(net: Net, x: str, draw: Draw) -> str | None:
    return net.node("Flatten", x, axis=draw.one(1, 1, draw.integer(0, len(net.shape(x)))))


@step
def squeeze(net: Net, x: str, draw: Draw) -> str | None:
    shape = net.shape(x)
    axes = [axis for axis in range(len(shape)) if shape[axis] == 1]
    if not axes or len(shape) < 3:
        return None
    return net.node("Squeeze", x, [draw.one(*axes)])


@step
def unsqueeze(net: Net, x: str, draw: Draw) -> str | None:
    rank = len(net.shape(x))
    return net.node("Unsqueeze", x, [draw.integer(0, rank)]) if rank < 5 else None


@step
def expand(net: Net, x: str, draw: Draw) -> str | None:
    shape = [draw.one(1, 2, 3) if extent == 1 else draw.one(1, extent) for extent in net.shape(x)]
    if np.prod(np.maximum(shape, net.shape(x))) > MAX_ELEMENTS:
        return None
    return net.node("Expand", x, shape)


@step
def split(net: Net, x: str, draw: Draw) -> str | None:
    shape = net.shape(x)
    axis = draw.one(1, 1, draw.integer(0, len(shape) - 1)) % len(shape)
    if shape[axis] < 2:
        return None
    first = draw.integer(1, shape[axis] - 1)
    parts = net.node("Split", x, [first, shape[axis] - first], outputs=2, axis=axis)
    use = draw.one("first", "second", "swapped")
    if use == "swapped":
        return net.node("Concat", *parts[::-1], axis=axis)
    return parts[use == "second"]


@step
def slice_(net: Net, x: str, draw: Draw) -> str | None:
    shape = net.shape(x)
    axis = draw.one(1, draw.integer(0, len(shape) - 1)) % len(shape)
    n = shape[axis]
    start, end, stride = draw.one((0, n, 2), (1, 99, 1), (-1, -99, -1), (0, max(1, n - 1), 1), (-2, 99, 1), (n, 0, -1))
    length = len(range(n)[slice(start, end, stride)])
    if not length:
        return None
    return net.node("Slice", x, [start], [end], [axis], [stride])


@step
def gather(net: Net, x: str, draw: Draw) -> str | None:
    shape = net.shape(x)
    axis = draw.one(1, draw.integer(0, len(shape) - 1)) % len(shape)
    n = shape[axis]
    indices = draw.one(
        np.asarray(draw.order(n)),
        np.asarray(0),
        np.asarray([-1, 0]),
        np.asarray([[0, n - 1]]),
    )
    if (indices.ndim == 0 and len(shape) < 3) or (indices.ndim == 2 and len(shape) > 4):
        return None
    return net.node("Gather", x, indices, axis=axis)


@step
def pad(net: Net, x: str, draw: Draw) -> str | None:
    shape = net.shape(x)
    rank = len(shape)
    mode = draw.one("constant", "constant", "reflect", "edge", *(["wrap"] if net.opset >= 19 else []))
    first = draw.one(2, 1, 0)
    pads = [0] * (2 * rank)
    for axis in range(min(first, rank - 1), rank):
        for side in (0, rank):
            low = -1 if shape[axis] > 3 else 0
            pads[side + axis] = draw.integer(low, 1 if shape[axis] > 1 or mode != "reflect" else 0)
    operands = [x, pads, draw.one(0.0, 0.0, 1.0)] if mode == "constant" and draw.flag() else [x, pads]
    return net.node("Pad", *operands, mode=mode)


@step
def depth_to_space(net: Net, x: str, draw: Draw) -> str | None:
    if len(net.shape(x)) != 4:
        return None
    if net.channels(x) % 4:
        x = net.bn(net.conv(x, draw.one(4, 8), 1))
    return net.node("DepthToSpace", x, blocksize=2, mode=draw.one("DCR", "CRD"))


@step
def space_to_depth(net: Net, x: str, draw: Draw) -> str | None:
    shape = net.shape(x)
    if len(shape) != 4 or min(shape[2:]) < 2:
        return None
    if shape[2] % 2 or shape[3] % 2:
        x = net.node("Slice", x, [0, 0], [shape[2] // 2 * 2, shape[3] // 2 * 2], [2, 3])
    return net.node("SpaceToDepth", x, blocksize=2)


@step
def resize(net: Net, x: str, draw: Draw) -> str | None:
    rank = len(net.shape(x))
    if rank != 4:
        return None
    mode = draw.one("nearest", "linear", "cubic")
    coordinates = draw.one("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
    channels = 1 + draw.one(0.0, 0.0, 0.5) / net.channels(x)  # as many channels, but mixed
    scales = np.asarray([1.0, channels, *draw.one([2.0, 2.0], [1.5, 1.0], [1.0, 0.5])], np.float32)
    name = f"scales{len(net.nodes)}"
    net.constants[name] = scales
    net.types[name] = _float32(scales)
    return net.node("Resize", x, None, name, mode=mode, coordinate_transformation_mode=coordinates)


def _float32(array: np.ndarray):
    from onnx import TensorProto, helper

    return helper.make_tensor_type_proto(TensorProto.FLOAT, array.shape)
