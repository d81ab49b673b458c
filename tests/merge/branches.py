"""Random networks of linear operators that branch and meet: what merging must see through."""

from __future__ import annotations

import numpy as np

from tests.gauge.steps import Draw, divisors
from tests.networks import Net


def grow(net: Net, draw: Draw, x: str, steps: int) -> list[str]:
    """Append up to `steps` operators that start from `x` or from one another; returns the tensors they write."""
    live = [x]
    for _ in range(steps):
        source = draw.one(x, live[-1], *live)
        kind = draw.one("conv", "conv", "conv", "affine", "pool", "pad", "meet", "meet", "meet")
        made = _STEPS[kind](net, draw, source, live)
        if made is not None and np.prod(net.shape(made)) > 0:
            live.append(made)
    return live[1:]


def _conv(net: Net, draw: Draw, x: str, _: list[str]) -> str | None:
    channels, rank = net.channels(x), len(net.shape(x)) - 2
    kernel, dilations = draw.integers(rank, 1, 3), draw.integers(rank, 1, 2)
    outputs = draw.one(channels, channels, 2 * channels, 4)
    group = draw.one(*[d for d in divisors(channels) if outputs % d == 0])
    attributes = {"strides": draw.integers(rank, 1, draw.one(1, 1, 2)), "dilations": dilations, "group": group}
    reach = [(k - 1) * d for k, d in zip(kernel, dilations, strict=True)]
    mode = draw.one("centred", "shifted", "free", "free", "SAME_UPPER", "SAME_LOWER", "VALID")
    if mode == "centred":
        attributes["pads"] = [r // 2 for r in reach] + [r - r // 2 for r in reach]
    elif mode == "shifted":
        front = [draw.integer(0, r) for r in reach]
        attributes["pads"] = front + [r - f for r, f in zip(reach, front, strict=True)]
    elif mode == "free":
        attributes["pads"] = draw.integers(2 * rank, 0, 2)
    else:
        attributes["auto_pad"] = mode
        attributes["dilations"] = dilations = [1] * rank
    room = [draw_pad(attributes, i, rank) + n for i, n in enumerate(net.shape(x)[2:])]
    if any(n < (k - 1) * d + 1 for n, k, d in zip(room, kernel, dilations, strict=True)):
        return None
    weight = net.normal(outputs, channels // group, *kernel)
    operands = [weight, net.random.normal(size=outputs)] if draw.flag() else [weight]
    return net.node("Conv", x, *operands, **attributes)


def draw_pad(attributes: dict, axis: int, rank: int) -> int:
    pads = attributes.get("pads", [0] * (2 * rank))
    return pads[axis] + pads[rank + axis]


def _affine(net: Net, draw: Draw, x: str, _: list[str]) -> str | None:
    channels, rank = net.channels(x), len(net.shape(x))
    op = draw.one("bn", "Mul", "Add", "Sub", "Div", "Neg", "Identity", "mirrored")
    if op == "bn":
        return net.bn(x, positive=draw.flag())
    if op in ("Neg", "Identity"):
        return net.node(op, x)
    constant = net.random.uniform(0.5, 2, draw.one((), (channels, *[1] * (rank - 2))))
    return net.node("Sub", constant, x) if op == "mirrored" else net.node(op, x, constant)


def _pool(net: Net, draw: Draw, x: str, _: list[str]) -> str | None:
    rank = len(net.shape(x)) - 2
    if any(n < 3 for n in net.shape(x)[2:]):
        return None
    pads = draw.one([0] * (2 * rank), [1] * (2 * rank))
    strides = [draw.one(1, 1, 2)] * rank
    include = draw.integer(0, 1)
    return net.node("AveragePool", x, kernel_shape=[3] * rank, strides=strides, pads=pads, count_include_pad=include)


def _pad(net: Net, draw: Draw, x: str, _: list[str]) -> str | None:
    rank = len(net.shape(x)) - 2
    pads = [0, 0, *draw.integers(rank, 0, 1), 0, 0, *draw.integers(rank, 0, 1)]
    return net.node("Pad", x, np.array(pads, np.int64))


def _meet(net: Net, draw: Draw, x: str, live: list[str]) -> str | None:
    others = [tensor for tensor in live if net.shape(tensor) == net.shape(x)]
    operands = [x, draw.one(*others), *([draw.one(*others)] if draw.flag() else [])]
    op = draw.one("Add", "Sub", "Sum") if len(operands) == 2 else "Sum"
    return net.node(op, *operands)


_STEPS = {"conv": _conv, "affine": _affine, "pool": _pool, "pad": _pad, "meet": _meet}
