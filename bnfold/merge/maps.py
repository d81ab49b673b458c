"""Linear maps with their numbers, in float64: sums and chains of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import EllipsisType

import numpy as np

from bnfold.affine import Array
from bnfold.merge.span import Span
from bnfold.merge.window import Extents, Window

Places = tuple[EllipsisType | slice, ...]


@dataclass(frozen=True)
class LinearMap:
    """y = weight * x + bias along a window.

    Attributes:
        window: its shape; None if it multiplies every element of any tensor with the same number.
        weight: float64 of the window's `weight_shape`; [] without a window.
        bias: float64 [outputs]; [] without a window.
    """

    window: Window | None
    weight: Array
    bias: Array

    @staticmethod
    def scalar(scale: float, shift: float = 0.0) -> LinearMap:
        """Y = scale * x + shift."""
        return LinearMap(None, np.asarray(scale, np.float64), np.asarray(shift, np.float64))

    def __neg__(self) -> LinearMap:
        return LinearMap(self.window, -self.weight, -self.bias)

    def like(self, window: Window) -> LinearMap:
        """The same map in a window of the same rank that is at least as large and has no more groups."""
        return LinearMap(window, _spread(self.weight, self._window, window), self.bias)

    def plus(self, other: LinearMap, extents: Extents) -> LinearMap:
        """The sum of two maps of one tensor; raises MisfitError as `Window.plus`."""
        if self.window is None and other.window is None:
            return LinearMap(None, self.weight + other.weight, self.bias + other.bias)
        first, second = (_per_channel(a, b) for a, b in ((self, other), (other, self)))
        window = first._window.plus(second._window, extents)
        a, b = first.like(window), second.like(window)
        return LinearMap(window, a.weight + b.weight, a.bias + b.bias)

    def then(self, other: LinearMap, extents: Extents) -> LinearMap:
        """`other` applied to the result; raises MisfitError as `Window.then`."""
        if self.window is None and other.window is None:
            return LinearMap(None, other.weight * self.weight, other.weight * self.bias + other.bias)
        first, second = _per_channel(self, other, before=True), _per_channel(other, self)
        window = first._window.then(second._window, extents, biased=bool(first.bias.any()))
        weight, bias = _chained(first, second, window)
        return LinearMap(window, weight, bias)

    @property
    def _window(self) -> Window:
        assert self.window is not None
        return self.window


def _per_channel(one: LinearMap, other: LinearMap, *, before: bool = False) -> LinearMap:
    """A map without a window, with that of a per-channel map that reads what `other` reads or writes."""
    if one.window is not None:
        return one
    assert other.window is not None
    channels = other.window.inputs if before else other.window.outputs
    window = Window(other.window.axis, channels, channels, channels, (Span(),) * len(other.window.spans))
    weight, bias = np.broadcast_to(one.weight, window.weight_shape), np.broadcast_to(one.bias, (channels,))
    return LinearMap(window, weight, bias)


def _spread(weight: Array, window: Window, target: Window) -> Array:
    """The weight of `window` as one of `target`: more channels a group, and its taps where they lie there."""
    ratio = window.groups // target.groups
    inputs, outputs = window.inputs // window.groups, window.outputs // window.groups
    grouped = weight.reshape(target.groups, ratio, outputs, inputs, *window.kernel)
    spread = np.zeros((target.groups, ratio, outputs, ratio, inputs, *target.kernel))
    places: Places = (..., *(_taps(span, within) for span, within in zip(window.spans, target.spans, strict=True)))
    for i in range(ratio):
        spread[:, i, :, i][places] = grouped[:, i]
    return spread.reshape(target.weight_shape)


def _taps(span: Span, within: Span) -> slice:
    """Where the taps of a window lie among those of a larger one."""
    first = (span.start - within.start) // within.dilation
    step = span.dilation // within.dilation if span.kernel > 1 else 1
    return slice(first, first + (span.kernel - 1) * step + 1, step)


def _chained(first: LinearMap, second: LinearMap, target: Window) -> tuple[Array, Array]:
    """Every tap of `second` adds the whole of `first`, moved by that tap."""
    groups = target.groups
    inner, outer = (_in_groups(part, groups) for part in (first, second))
    result = np.zeros((groups, target.outputs // groups, target.inputs // groups, *target.kernel))
    flat = inner.reshape(*inner.shape[:2], -1)
    for tap in np.ndindex(second._window.kernel):
        term = np.moveaxis(outer, (0, 1, 2), (-3, -2, -1))[tap] @ flat
        places = _moved(first._window.spans, second._window.spans, target.spans, tap)
        result[places] += term.reshape(groups, target.outputs // groups, *inner.shape[2:])
    carried = outer.sum(axis=tuple(range(3, outer.ndim))) @ first.bias.reshape(groups, -1, 1)
    return result.reshape(target.weight_shape), second.bias + carried.reshape(-1)


def _in_groups(part: LinearMap, groups: int) -> Array:
    """The weight with this many groups in front: [groups, outputs, inputs, *kernel]."""
    window = part._window
    coarse = Window(window.axis, window.inputs, window.outputs, groups, window.spans)
    spread = _spread(part.weight, window, coarse)
    return spread.reshape(groups, window.outputs // groups, window.inputs // groups, *window.kernel)


def _moved(first: Sequence[Span], second: Sequence[Span], target: Sequence[Span], tap: Sequence[int]) -> Places:
    """Where the taps of `first` lie in the chain's window when it is read at one tap of `second`."""
    places = []
    for a, b, whole, i in zip(first, second, target, tap, strict=True):
        start = a.start + a.stride * (b.start + b.dilation * i)
        places.append(_taps(Span(a.kernel, 1, a.dilation, start), whole))
    return (..., *places)
