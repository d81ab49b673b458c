"""Synthetic networks of any depth, as plain facts: no file, no weights that anybody reads.

Four families, because what costs time differs: textbook residual blocks (everything goes, nothing moves far), a
pre-activation stream (everything goes, every shift of the stream hangs on all others), opaque neighbours (every second
removal contradicts), and a stream with signs that clash (removals refused in long chains of equations).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bnfold.network import Network, Node, Tensor

CHANNELS = 64
EXTENT = 8


@dataclass(frozen=True)
class _Known:
    array: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    def numpy(self) -> NDArray[np.float32]:
        return self.array


@dataclass
class _Builder:
    """Grows a network layer by layer; every method takes a tensor and returns the one it makes."""

    clashes: float = 0.0
    nodes: list[Node] = field(default_factory=list)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def __post_init__(self) -> None:
        # One array stands for all weights: the equations depend on its shape only.
        self._weight = _Known(np.zeros((CHANNELS, CHANNELS, 1, 1), np.float32))
        self.input = self._tensor("input")

    def conv(self, x: Tensor) -> Tensor:
        """A 3x3 convolution as far as padding is concerned."""
        weight = Tensor(f"weight{len(self.nodes)}", self._weight.shape, constant=self._weight)
        return self._append("Conv", (x, weight), {"pads": (1, 1, 1, 1)})

    def norm(self, x: Tensor) -> Tensor:
        """A batch normalization; a share `clashes` of them has negative gammas."""
        values = self.rng.uniform(0.5, 1.5, (4, CHANNELS)).astype(np.float32)
        if self.clashes and self.rng.random() < self.clashes:
            values[0, :2] *= -1
        name = f"norm{len(self.nodes)}"
        parts = zip(("weight", "bias", "mean", "variance"), values, strict=True)
        parameters = [Tensor(f"{name}.{part}", (CHANNELS,), constant=_Known(value)) for part, value in parts]
        return self._append("BatchNormalization", (x, *parameters), {})

    def call(self, op: str, *xs: Tensor) -> Tensor:
        """An operator without constants."""
        return self._append(op, xs, {})

    def done(self, y: Tensor) -> Network:
        return Network(tuple(self.nodes), (self.input,), (y,))

    def _append(self, op: str, inputs: tuple[Tensor, ...], attributes: Mapping[str, object]) -> Tensor:
        y = self._tensor(f"t{len(self.nodes)}")
        self.nodes.append(Node(f"{op.lower()}{len(self.nodes)}", op, inputs, (y,), attributes))
        return y

    def _tensor(self, name: str) -> Tensor:
        return Tensor(name, ("batch", CHANNELS, EXTENT, EXTENT))


def textbook(norms: int) -> Network:
    """Residual blocks Conv, BN, Relu, Conv, BN, Add, Relu."""
    net = _Builder()
    x = net.call("Relu", net.norm(net.conv(net.input)))
    for _ in range((norms - 1) // 2):
        y = net.call("Relu", net.norm(net.conv(x)))
        x = net.call("Relu", net.call("Add", net.norm(net.conv(y)), x))
    return net.done(net.conv(x))


def _stream(norms: int, clashes: float) -> Network:
    net = _Builder(clashes)
    x = net.conv(net.input)
    for _ in range((norms - 1) // 2):
        y = net.conv(net.call("Relu", net.norm(x)))
        y = net.conv(net.call("Relu", net.norm(y)))
        x = net.call("Add", x, y)
    return net.done(net.conv(net.call("Relu", net.norm(x))))


def preactivation(norms: int) -> Network:
    """One residual stream, every block BN, Relu, Conv, BN, Relu, Conv: all of it folds."""
    return _stream(norms, 0.0)


def clashing(norms: int) -> Network:
    """The same stream; one BN in ten has negative gammas, which its ReLU does not pass."""
    return _stream(norms, 0.1)


def opaque(norms: int) -> Network:
    """Conv, BN, Sigmoid, BN, Conv ...: the BN behind the sigmoid meets zero padding and stays."""
    net = _Builder()
    x = net.input
    for _ in range(norms // 2):
        x = net.norm(net.call("Sigmoid", net.norm(net.conv(x))))
    return net.done(net.call("Sigmoid", x))


FAMILIES: Mapping[str, Callable[[int], Network]] = {
    "textbook": textbook,
    "preactivation": preactivation,
    "opaque": opaque,
    "clashing": clashing,
}
