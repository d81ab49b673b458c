"""Random joins: sums, products and concatenations of what was computed before."""

import numpy as np

from tests.gauge.steps import MAX_ELEMENTS, Draw, step
from tests.networks import Net


def _partner(net: Net, x: str, draw: Draw) -> str | None:
    """Another activation that broadcasts with x."""
    activations = [*net.inputs, *(output for node in net.nodes for output in node.output)]
    fits = [name for name in activations if name in net.types and _broadcast(net, x, name)]
    return draw.one(*fits)


def _broadcast(net: Net, x: str, y: str) -> bool:
    try:
        shape = np.broadcast_shapes(net.shape(x), net.shape(y))
    except ValueError:
        return False
    return int(np.prod(shape)) <= MAX_ELEMENTS


@step
def residual(net: Net, x: str, draw: Draw) -> str | None:
    partner = _partner(net, x, draw)
    pair = [x, partner] if draw.flag() else [partner, x]
    op = draw.one("Add", "Add", "Sub", "Sum")
    return net.node(op, *pair, x) if op == "Sum" and draw.flag() else net.node(op, *pair)


@step
def product(net: Net, x: str, draw: Draw) -> str | None:
    return net.node("Mul", x, _partner(net, x, draw))


@step
def quotient(net: Net, x: str, draw: Draw) -> str | None:
    divisor = _partner(net, x, draw)
    return net.node("Div", x, net.bn(divisor)) if len(net.shape(divisor)) > 1 else None


@step
def extremum(net: Net, x: str, draw: Draw) -> str | None:
    other = draw.one(_partner(net, x, draw), 0.0, net.random.normal(size=net.shape(x)[1:]))
    return net.node(draw.one("Max", "Min"), *([x, other] if draw.flag() else [other, x]))


@step
def branches(net: Net, x: str, draw: Draw) -> str | None:
    """A sum of convolutions and the identity, each with its own batch normalization."""
    if not 3 <= len(net.shape(x)) <= 5:
        return None
    c = net.channels(x)
    parts = [net.bn(net.conv(x, c, 3)), net.bn(net.conv(x, c, 1, bias=False))]
    if draw.flag():
        parts.append(net.bn(x))
    total = parts[0]
    for part in parts[1:]:
        total = net.node("Add", total, part)
    return total


@step
def preactivation(net: Net, x: str, draw: Draw) -> str | None:
    if not 3 <= len(net.shape(x)) <= 5:
        return None
    inner = net.conv(net.relu(net.bn(x)), net.channels(x), 3, bias=draw.flag())
    return net.node("Add", x, inner)


@step
def gate(net: Net, x: str, draw: Draw) -> str | None:
    """Squeeze and excitation."""
    if not 3 <= len(net.shape(x)) <= 5:
        return None
    squeezed = net.node("GlobalAveragePool", x)
    inner = net.relu(net.bn(net.conv(squeezed, 2, 1)))
    excited = net.node("Sigmoid", net.bn(net.conv(inner, net.channels(x), 1)))
    return net.node("Mul", x, excited)


@step
def concat(net: Net, x: str, draw: Draw) -> str | None:
    shape = net.shape(x)
    axis = draw.one(1, 1, draw.integer(0, len(shape) - 1)) % len(shape)
    names = [*net.inputs, *(output for node in net.nodes for output in node.output)]
    fits = [
        name
        for name in names
        if name in net.types
        and len(net.shape(name)) == len(shape)
        and all(a == b or i == axis for i, (a, b) in enumerate(zip(net.shape(name), shape, strict=True)))
    ]
    parts = [x, draw.one(*fits)]
    if sum(int(np.prod(net.shape(part))) for part in parts) > MAX_ELEMENTS:
        return None
    return net.node("Concat", *(parts if draw.flag() else parts[::-1]), axis=axis)
