"""Random pooling and reductions."""

from typing import Any

from tests.gauge.steps import Draw, step, window
from tests.networks import Net


@step
def max_pool(net: Net, x: str, draw: Draw) -> str | None:
    fits = window(net, x, draw, largest_pad=1)
    if fits is None:
        return None
    kernel, attributes = fits
    attributes |= _ceiling(kernel, attributes, draw)
    return net.node("MaxPool", x, kernel_shape=kernel, **attributes)


def _ceiling(kernel: list[int], attributes: dict[str, Any], draw: Draw) -> dict[str, int]:
    """Where the last window would start behind the tensor, shape inference and runtimes disagree."""
    overlap = all(stride <= extent for stride, extent in zip(attributes["strides"], kernel, strict=True))
    plain = overlap and "auto_pad" not in attributes and not any(attributes["pads"])
    return {"ceil_mode": int(draw.flag())} if plain else {}


@step
def average_pool(net: Net, x: str, draw: Draw) -> str | None:
    fits = window(net, x, draw, largest_pad=1)
    if fits is None:
        return None
    kernel, attributes = fits
    attributes |= _ceiling(kernel, attributes, draw)
    return net.node("AveragePool", x, kernel_shape=kernel, count_include_pad=int(draw.flag()), **attributes)


@step
def global_pool(net: Net, x: str, draw: Draw) -> str | None:
    if len(net.shape(x)) < 3:
        return None
    if len(net.shape(x)) != 4:  # `onnx.reference` takes the maximum over other axes than these
        return net.node("GlobalAveragePool", x)
    return net.node(draw.one("GlobalAveragePool", "GlobalMaxPool"), x)


@step
def reduce(net: Net, x: str, draw: Draw) -> str | None:
    op = draw.one("ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum")
    rank = len(net.shape(x))
    if rank < 2:
        return None
    axes = draw.one([-1], [rank - 1], list(range(2, rank)) or [1], [1], [0], draw.order(rank)[: rank - 1])
    keep = draw.one(1, 0)
    if net.opset >= 18 or op == "ReduceSum":
        return net.node(op, x, axes, keepdims=keep)
    return net.node(op, x, axes=axes, keepdims=keep)
