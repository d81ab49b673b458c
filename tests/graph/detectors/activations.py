"""Activations pass a positive scale and no shift."""

from collections.abc import Callable

import numpy as np

from tests.graph.detectors.parts import DETECTORS, negative, plain
from tests.networks import Net


def activations() -> dict[str, Callable[[Net, str], str]]:
    return {
        "relu": lambda net, x: net.relu(x),
        "leaky": lambda net, x: net.node("LeakyRelu", x, alpha=0.1),
        "prelu": lambda net, x: net.node("PRelu", x, np.full((4, 1, 1), 0.3)),
        "clip": lambda net, x: net.node("Clip", x, 0.0),
        "relu6": lambda net, x: net.node("Clip", x, 0.0, 0.7),
        "sigmoid": lambda net, x: net.node("Sigmoid", x),
        "abs": lambda net, x: net.node("Abs", x),
    }


for title, activation in activations().items():
    for kind in ("negative", "positive", "shifted"):

        def around(net: Net, activation=activation, kind=kind) -> str:
            y = activation(net, plain(net))
            if kind == "shifted":
                return net.node("Add", y, net.random.normal(size=(4, 1, 1)))
            return negative(net, y) if kind == "negative" else net.node("Mul", y, np.full((4, 1, 1), 3.0))

        DETECTORS[f"{title} {kind}"] = around
