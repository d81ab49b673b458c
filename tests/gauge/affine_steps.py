"""Random per-channel affine operators, near misses included, and activations."""

import numpy as np

from tests.gauge.steps import MAX_ELEMENTS, Draw, step
from tests.networks import Net


@step
def bn(net: Net, x: str, draw: Draw) -> str | None:
    kind = draw.one("positive", "positive", "mixed", "dead", "tiny")
    if kind in ("positive", "mixed") or len(net.shape(x)) < 2:
        return net.bn(x, positive=kind != "mixed")
    gamma = net.random.uniform(0.5, 1.5, net.channels(x))
    gamma[draw.integer(0, len(gamma) - 1)] = 0.0 if kind == "dead" else 1e-6
    return net.bn(x, gamma=gamma)


@step
def scaled(net: Net, x: str, draw: Draw) -> str | None:
    op = draw.one("Mul", "Div")
    return _with_constant(net, x, draw, op, _values(net, draw, 1.0))


@step
def shifted(net: Net, x: str, draw: Draw) -> str | None:
    op = draw.one("Add", "Sub")
    return _with_constant(net, x, draw, op, _values(net, draw, 0.0))


def _values(net: Net, draw: Draw, neutral: float):
    signs = draw.one([1.0], [1.0], [-1.0, 1.0])

    def values(shape: tuple[int, ...]) -> np.ndarray:
        drawn = net.random.uniform(0.5, 2, shape) * net.random.choice(signs, shape)
        return np.full(shape, neutral) if net.neutral else np.asarray(drawn)

    return values


def _with_constant(net: Net, x: str, draw: Draw, op: str, values) -> str | None:
    shape = net.shape(x)
    rank = len(shape)
    axis = draw.one(1, 1, 1, *range(rank)) % max(rank, 1)
    along = [1] * rank
    if rank:
        along[axis] = shape[axis]
    kind = draw.one("scalar", "one", "axis", "axis", "axis", "short", "two axes", "uniform", "higher rank")
    if kind == "scalar":
        constant = values(())
    elif kind == "one":
        constant = values((1,) * draw.integer(1, max(1, rank)))
    elif kind == "short":
        constant = values(tuple(along[axis:]))
    elif kind == "two axes":
        constant = values(shape[-2:])
    elif kind == "uniform":
        constant = np.full(shape[axis:], values(()))
    elif kind == "higher rank":
        constant = values((1, *along))
    else:
        constant = values(tuple(along))
    constant_first = draw.one(False, False, True) and not (net.neutral and op in ("Sub", "Div"))
    return net.node(op, *((constant, x) if constant_first and op != "Div" else (x, constant)))


@step
def growing(net: Net, x: str, draw: Draw) -> str | None:
    """A constant that makes the tensor larger: an affine operator that is none."""
    shape = net.shape(x)
    if 1 not in shape[-3:] or net.neutral:
        return None
    grown = tuple(draw.integer(1, 3) if extent == 1 else 1 for extent in shape)
    if np.prod(np.broadcast_shapes(shape, grown)) > MAX_ELEMENTS:
        return None
    constant = np.full(grown, 1.5) if draw.flag() else net.random.uniform(0.5, 2, grown)
    return net.node(draw.one("Add", "Mul"), x, constant)


@step
def relu(net: Net, x: str, draw: Draw) -> str | None:
    return net.relu(x)


@step
def leaky(net: Net, x: str, draw: Draw) -> str | None:
    return net.node("LeakyRelu", x, alpha=draw.one(0.1, -0.5, 2.0))


@step
def signed(net: Net, x: str, draw: Draw) -> str | None:
    return net.node(draw.one("Neg", "Abs"), x)


@step
def prelu(net: Net, x: str, draw: Draw) -> str | None:
    shape = net.shape(x)
    if len(shape) < 2:
        return None
    slope = draw.one((1,), (shape[1], *(1,) * (len(shape) - 2)), shape[1:])
    return net.node("PRelu", x, net.random.normal(size=slope))


@step
def clip(net: Net, x: str, draw: Draw) -> str | None:
    low, high = draw.one((0.0, None), (0.0, None), (0.0, 6.0), (None, 1.0), (-1.0, None))
    return net.node("Clip", x, low, high) if high is not None else net.node("Clip", x, low)


@step
def opaque(net: Net, x: str, draw: Draw) -> str | None:
    return net.node(draw.one("Sigmoid", "Tanh", "Softmax", "Abs", "HardSwish" if net.opset > 13 else "Neg"), x)


@step
def unchanged(net: Net, x: str, draw: Draw) -> str | None:
    op = draw.one("Identity", "Dropout", "Cast")
    if op == "Cast":
        return net.node("Cast", x, to=net.types[x].tensor_type.elem_type)
    return net.node(op, x)
