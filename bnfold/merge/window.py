"""The shape of a linear map: one channel axis, groups of channels, and a window along every spatial axis.

y[o, p] = bias[o] + sum over channels c of o's group and taps i of weight[o, c, i] * x[c, stride p + start + dilation i]

Without spatial axes it is a matrix along its channel axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bnfold.merge.plan import Apart, MisfitError
from bnfold.merge.span import Span

Extents = Sequence[int | None]


@dataclass(frozen=True)
class Window:
    """A linear map without its numbers.

    Attributes:
        axis: the channel axis.
        inputs, outputs: how many channels it reads and writes.
        groups: contiguous groups of channels that do not mix.
        spans: one per spatial axis, which are those behind axis 1; empty if the map works along `axis` alone.
    """

    axis: int
    inputs: int
    outputs: int
    groups: int
    spans: tuple[Span, ...] = ()

    @staticmethod
    def per_channel(axis: int, channels: int, rank: int) -> Window:
        """A map that multiplies every channel of a tensor of this rank with a number."""
        return Window(axis, channels, channels, channels, (Span(),) * (rank - 2 if axis == 1 else 0))

    def identity(self) -> Window:
        """The per-channel map that could stand beside this one."""
        if self.inputs != self.outputs:
            raise MisfitError(Apart.EXTENTS)
        return Window(self.axis, self.inputs, self.inputs, self.inputs, (Span(),) * len(self.spans))

    def plus(self, other: Window, extents: Extents) -> Window:
        """The shape of the sum of two maps of the same tensor.

        Args:
            other: the other map.
            extents: of the tensor, from axis 2 on, where known.

        Raises:
            MisfitError: the sum is no such map.
        """
        if self.axis != other.axis or len(self.spans) != len(other.spans):
            raise MisfitError(Apart.AXES)
        if self.inputs != other.inputs or self.outputs != other.outputs:
            raise MisfitError(Apart.EXTENTS)
        spans = tuple(a.plus(b, n) for a, b, n in zip(self.spans, other.spans, extents, strict=False))
        return Window(self.axis, self.inputs, self.outputs, math.gcd(self.groups, other.groups), spans)

    def then(self, other: Window, extents: Extents, *, biased: bool) -> Window:
        """The shape of `other` applied to the result of this map.

        Args:
            other: a map of the result.
            extents: of this map's input, from axis 2 on, where known.
            biased: whether this map adds a bias.

        Raises:
            MisfitError: the chain is no such map.
        """
        if self.axis != other.axis or len(self.spans) != len(other.spans):
            raise MisfitError(Apart.AXES)
        if self.outputs != other.inputs:
            raise MisfitError(Apart.EXTENTS)
        spans = tuple(a.then(b, n) for a, b, n in zip(self.spans, other.spans, extents, strict=False))
        if biased and other.pads:
            raise MisfitError(Apart.BIAS)
        return Window(self.axis, self.inputs, other.outputs, math.gcd(self.groups, other.groups), spans)

    @property
    def pads(self) -> bool:
        """Whether it reads zeros outside its input."""
        return any(span.front > 0 or span.back > 0 for span in self.spans)

    @property
    def kernel(self) -> tuple[int, ...]:
        """Kernel extents."""
        return tuple(span.kernel for span in self.spans)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """[outputs, inputs / groups, *kernel]."""
        return (self.outputs, self.inputs // self.groups, *self.kernel)
