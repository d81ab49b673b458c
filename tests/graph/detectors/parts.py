"""What detectors are made of, and the table of all of them."""

from collections.abc import Callable

import numpy as np

from tests.networks import Net

DETECTORS: dict[str, Callable[[Net], str]] = {}
VALID = [0, 0, 0, 0]


def detector(build: Callable[[Net], str]) -> Callable[[Net], str]:
    DETECTORS[build.__name__] = build
    return build


def plain(net: Net) -> str:
    return net.conv(net.input(2, 3, 4, 4), 4)


def plain_wide(net: Net) -> str:
    return net.conv(net.input(1, 3, 3, 3), 8)


def two(net: Net) -> tuple[str, str]:
    x = net.input(2, 3, 4, 4)
    return net.conv(x, 4), net.conv(x, 4)


def per_channel(net: Net) -> np.ndarray:
    return net.random.uniform(1.5, 3, (4, 1, 1))


def negative(net: Net, x: str) -> str:
    """A batch normalization with negative scales and without shift."""
    c = net.channels(x)
    return net.bn(x, gamma=-net.random.uniform(0.5, 2, c), beta=np.zeros(c), mean=np.zeros(c))
