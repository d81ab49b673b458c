"""Networks as a channels-last framework's converter writes them, beside their native form."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tests.networks import Net

TO_FIRST, TO_LAST = [0, 3, 1, 2], [0, 2, 3, 1]


@dataclass
class Builder:
    """Writes the same network in either form; tensors between blocks are channels-last if `last`."""

    last: bool
    net: Net = field(default_factory=Net)

    def input(self, channels: int) -> str:
        x = self.net.input(2, channels, 7, 8)
        return self.net.node("Transpose", x, perm=TO_LAST) if self.last else x

    def native(self, x: str) -> str:
        return self.net.node("Transpose", x, perm=TO_FIRST) if self.last else x

    def own(self, x: str) -> str:
        return self.net.node("Transpose", x, perm=TO_LAST) if self.last else x

    def along(self, values: np.ndarray) -> np.ndarray:
        """A per-channel constant."""
        return values if self.last else values.reshape(-1, 1, 1)

    def conv(self, x: str, cout: int, **more: int) -> str:
        return self.own(self.net.conv(self.native(x), cout, bias=False, **more))

    def bias(self, x: str) -> str:
        return self.net.node("Add", x, self.along(self.net.random.normal(size=self.channels(x))))

    def scale(self, x: str) -> str:
        return self.net.node("Mul", x, self.along(self.net.random.uniform(0.5, 1.5, self.channels(x))))

    def channels(self, x: str) -> int:
        return self.net.shape(x)[-1 if self.last else 1]

    def bn(self, x: str) -> str:
        return self.own(self.net.bn(self.native(x)))

    def pool(self, x: str) -> str:
        return self.own(self.net.node("MaxPool", self.native(x), kernel_shape=[2, 2], pads=[1, 1, 0, 0]))

    def pad(self, x: str) -> str:
        pads = [0, 1, 2, 0, 0, 1, 0, 0] if self.last else [0, 0, 1, 2, 0, 0, 1, 0]
        return self.net.node("Pad", x, np.asarray(pads))

    def shuffle(self, x: str, groups: int) -> str:
        """A channel shuffle: the channels of all groups in turn."""
        spatial = list(self.net.shape(x)[1:3] if self.last else self.net.shape(x)[2:])
        channels = self.channels(x)
        split, joined = [groups, channels // groups], [channels]
        places = [spatial, split] if self.last else [split, spatial]
        turned = self.net.node("Reshape", x, [-1, *places[0], *places[1]])
        turned = self.net.node("Transpose", turned, perm=[0, 1, 2, 4, 3] if self.last else [0, 2, 1, 3, 4])
        return self.net.node("Reshape", turned, [-1, *spatial, *joined] if self.last else [-1, *joined, *spatial])

    def concat(self, *xs: str) -> str:
        return self.net.node("Concat", *xs, axis=3 if self.last else 1)

    def halves(self, x: str) -> list[str]:
        half = self.channels(x) // 2
        return self.net.node("Split", x, np.asarray([half, half]), outputs=2, axis=-1 if self.last else 1)

    def cut(self, x: str, start: int, stop: int) -> str:
        """Some of the channels."""
        return self.net.node("Slice", x, [start], [stop], [-1 if self.last else 1])

    def softmax(self, x: str) -> str:
        return self.net.node("Softmax", x, axis=-1 if self.last else 1)

    def gate(self, x: str) -> str:
        """A squeeze-and-excitation gate."""
        mean = self.net.node("ReduceMean", x, axes=[1, 2] if self.last else [2, 3], keepdims=1)
        gate = self.net.node("Sigmoid", self.conv(mean, self.channels(x), kernel=1))
        return self.net.node("Mul", x, gate)

    def head(self, x: str) -> str:
        mean = self.net.node("ReduceMean", x, axes=[1, 2] if self.last else [2, 3], keepdims=0)
        return self.net.linear(mean, 3)

    def flat(self, x: str) -> str:
        """A global pool that keeps its extents, and a Reshape."""
        mean = self.net.node("ReduceMean", x, axes=[1, 2] if self.last else [2, 3], keepdims=1)
        return self.net.node("Reshape", mean, np.asarray([2, -1]))
