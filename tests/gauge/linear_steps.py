"""Random linear layers, with every attribute that changes what a unit does to them."""

import numpy as np
from onnx import helper

from tests.gauge.steps import Draw, divisors, step, window
from tests.networks import Net


@step
def conv(net: Net, x: str, draw: Draw) -> str | None:
    fits = window(net, x, draw)
    if fits is None:
        return None
    kernel, attributes = fits
    channels = net.channels(x)
    group = draw.one(*divisors(channels))
    outputs = group * draw.integer(1, max(1, 4 // group))
    dilations = draw.integers(len(kernel), 1, 2)
    pads = attributes.get("pads", [0] * (2 * len(kernel)))
    sizes = net.shape(x)[2:]
    rank = len(kernel)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    if "auto_pad" not in attributes and all(sizes[i] + pads[i] + pads[rank + i] >= reach[i] for i in range(rank)):
        attributes["dilations"] = dilations
    operands = [x, net.normal(outputs, channels // group, *kernel)]
    if draw.flag():
        operands.append(net.random.normal(size=outputs))
    return net.node("Conv", *operands, group=group, **attributes)


@step
def conv_with_used_weights(net: Net, x: str, draw: Draw) -> str | None:
    """A convolution whose weight and bias an earlier one reads as well."""
    twins = [node for node in net.nodes if node.op_type == "Conv" and net.shape(node.input[0]) == net.shape(x)]
    if not twins:
        return None
    twin = draw.one(*twins)
    attributes = {a.name: helper.get_attribute_value(a) for a in twin.attribute}
    return net.node("Conv", x, *twin.input[1:], **attributes)


@step
def conv_transpose(net: Net, x: str, draw: Draw) -> str | None:
    sizes = net.shape(x)[2:]
    rank, channels = len(sizes), net.channels(x) if len(net.shape(x)) > 1 else 0
    if not 1 <= rank <= 3:
        return None
    group = draw.one(*divisors(channels))
    features = draw.integer(1, 2)
    kernel, dilations = draw.integers(rank, 1, 3), draw.integers(rank, 1, 2)
    plain = draw.flag()
    strides = [1] * rank if plain else draw.integers(rank, 1, 2)
    reach = [d * (k - 1) for k, d in zip(kernel, dilations, strict=True)]
    pads = [r + draw.integer(-1, 0) if r else 0 for r in reach * 2]
    more = [draw.integer(0, s - 1) for s in strides]
    out = [s * (n - 1) + m + r + 1 for n, s, m, r in zip(sizes, strides, more, reach, strict=True)]
    if any(n - pads[i] - pads[rank + i] < 1 for i, n in enumerate(out)):
        return None
    operands = [x, net.normal(channels, features, *kernel)]
    if draw.flag():
        operands.append(net.random.normal(size=features * group))
    attributes = {"strides": strides, "dilations": dilations, "pads": pads, "group": group}
    if any(more):
        attributes["output_padding"] = more
    return net.node("ConvTranspose", *operands, **attributes)


@step
def gemm(net: Net, x: str, draw: Draw) -> str | None:
    if len(net.shape(x)) != 2:
        return None
    attributes = {"alpha": draw.one(1.0, 0.5, -2.0), "beta": draw.one(1.0, 0.0, 3.0)}
    attributes |= {"transA": int(draw.flag()), "transB": int(draw.flag())}
    rows, inputs = net.shape(x)[::-1] if attributes["transA"] else net.shape(x)
    outputs = draw.one(1, 2, 3, rows, inputs)
    weight = net.normal(inputs, outputs)
    operands = [x, weight.T if attributes["transB"] else weight]
    shape = draw.one(None, (outputs,), (1, outputs), (rows, outputs), (rows, 1), (), (1,), (1, 1))
    if shape is not None:
        operands.append(net.random.normal(size=shape))
    return net.node("Gemm", *operands, **attributes)


@step
def matmul(net: Net, x: str, draw: Draw) -> str | None:
    rank = len(net.shape(x))
    if rank < 2:
        return None
    outputs = draw.one(1, 2, 3, net.shape(x)[-2])
    stack = _stack(net, x, draw)
    product = net.node("MatMul", x, net.normal(*stack, net.shape(x)[-1], outputs))
    bias = draw.one(None, (outputs,), (1, outputs), (*stack, 1, outputs), (), (1,), (1,) * rank, (net.shape(x)[-2], 1))
    if bias is None or (net.neutral and bias != (outputs,)):
        return product
    operands = [product, np.asarray(net.random.normal(size=bias))]
    return net.node("Add", *(operands if draw.flag() else operands[::-1]))


@step
def matmul_from_the_left(net: Net, x: str, draw: Draw) -> str | None:
    if len(net.shape(x)) < 2:
        return None
    rows, stack = draw.integer(1, 3), _stack(net, x, draw)
    product = net.node("MatMul", net.normal(*stack, rows, net.shape(x)[-2]), x)
    bias = draw.one(None, (rows, 1), (*stack, rows, 1), (net.shape(x)[-1],))
    if bias is None or net.neutral:
        return product
    return net.node("Add", product, net.random.normal(size=bias))


def _stack(net: Net, x: str, draw: Draw) -> tuple[int, ...]:
    """The extents of a matrix's axes in front: none, or one matrix per index of an axis of x."""
    front = net.shape(x)[:-2]
    return draw.one((), (), (1,), front[-1:]) if front else ()
