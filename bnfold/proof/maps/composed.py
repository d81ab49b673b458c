"""Composed linear maps, tap by tap: sums and chains of whatever is linear.

y[p] = bias + sum over d of taps[d] @ x[stride * p + d]        (x is 0 outside its extents)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bnfold.proof.core.units import EPS, WIDE, Array, along, demand
from bnfold.proof.maps.affine import Affine
from bnfold.proof.maps.layers import Linear
from bnfold.proof.reading import movement
from bnfold.proof.reading.network import Network

Offset = tuple[int, ...]
_EXTENDED = 1 << 24  # products of a matrix product up to which it is computed in extended precision


@dataclass(frozen=True)
class Layout:
    """A tensor x of the folded model as the layer that reads it sees it.

    Attributes:
        rank: its number of axes.
        axis: its channel axis.
        channels: extent along it.
        extents: along the spatial axes, where known; a matrix along one axis knows none.
        rounded: whether stored numbers may be half a unit in the last place from exact.
    """

    rank: int
    axis: int
    channels: int
    extents: tuple[int | None, ...]
    rounded: bool

    @staticmethod
    def of(network: Network, read: Linear, rounded: bool) -> Layout:
        """What a layer reads; raises `UnprovedError` if regions are not composed for such a layer."""
        shape = movement.shape_of(network, read.source)
        matrix = read.kind == ("matrix on the right",)
        demand(matrix or read.kind[0] == "Conv", "the layer's settings are not the same")
        axis = len(shape) - 1 if matrix else 1
        channels, spatial = shape[axis], () if matrix else shape[2:]
        demand(isinstance(channels, int), "how many channels it reads is not known")
        assert isinstance(channels, int)
        known = tuple(extent if isinstance(extent, int) else None for extent in spatial)
        return Layout(len(shape), axis, channels, known, rounded)

    def numbers(self, value: Array, error: Array | float = 0.0) -> Array:
        """[2, ...] or [3, ...]: a number, its absolute value, and that plus what it may be off if it was rounded."""
        wide = np.asarray(value, WIDE)
        size = np.abs(wide)
        return np.stack([wide, size, size + error] if self.rounded else [wide, size])

    def vector(self, array: Array, channels: int) -> Array:
        """[channels] of what varies along the channel axis alone."""
        ranked = array.reshape((1,) * (self.rank - array.ndim) + array.shape)
        flat = along(ranked, (self.axis,)).reshape(-1)
        demand(flat.size in (1, channels), "a constant changes the shape")
        return np.broadcast_to(flat, (channels,))


@dataclass(frozen=True)
class Composed:
    """A map from a tensor x with n elements along a spatial axis to one with (n - 1 + tail) // stride + 1.

    Attributes:
        taps: by offset in x, `Layout.numbers` of shape [groups, outputs / groups, inputs / groups]. Sums of products of
            such numbers are again of that kind, for the absolute values do not cancel.
        bias: the same of shape [outputs].
        strides, tails: one for each spatial axis.
    """

    taps: Mapping[Offset, Array]
    bias: Array
    strides: tuple[int, ...]
    tails: tuple[int, ...]

    @property
    def outputs(self) -> int:
        """Channels of the result."""
        return int(self.bias.shape[1])

    def extents(self, x: Sequence[int | None]) -> list[int | None]:
        """Extents of the result; None where those of x are not known."""
        found = zip(x, self.strides, self.tails, strict=True)
        return [None if n is None else (n - 1 + tail) // stride + 1 for n, stride, tail in found]


def scaled(x: Composed, affine: Affine, layout: Layout) -> Composed:
    """An affine map behind another map."""
    rank = layout.rank
    extents = (1,) * (rank - len(affine.shape)) + affine.shape
    grows = len(extents) > rank or any(n > 1 for axis, n in enumerate(extents) if axis != layout.axis)
    demand(not grows, "a constant changes the shape")
    scale, shift, size, scale_error, shift_error = (
        layout.vector(array, x.outputs)
        for array in (affine.scale, affine.shift, affine.magnitude, affine.scale_error, affine.shift_error)
    )
    factor = layout.numbers(scale, scale_error)
    added = np.stack([shift, size, size + shift_error] if layout.rounded else [shift, size])
    taps = {d: product(factor[..., None, None], tap) for d, tap in x.taps.items()}
    return replace(x, taps=taps, bias=factor * x.bias + added)


def negated(x: Composed) -> Composed:
    """The map with all its numbers negated; their absolute values stay."""
    sign = np.ones(len(x.bias), WIDE)
    sign[0] = -1
    taps = {d: tap * sign.reshape(-1, 1, 1, 1) for d, tap in x.taps.items()}
    return replace(x, taps=taps, bias=x.bias * sign.reshape(-1, 1))


def summed(parts: Sequence[Composed], layout: Layout) -> Composed:
    """The sum of maps of one tensor."""
    first, *others = parts
    for other in others:
        same_places(first, other, layout)
    offsets = {offset for part in parts for offset in part.taps}
    taps = {offset: added([part.taps[offset] for part in parts if offset in part.taps]) for offset in offsets}
    return replace(first, taps=taps, bias=np.add.reduce([part.bias for part in parts]))


def same_places(a: Composed, b: Composed, layout: Layout) -> None:
    """Demand that two maps of a tensor write equal extents, and move alike."""
    demand(a.outputs == b.outputs, "the branches have other numbers of channels")
    demand(a.strides == b.strides, "the branches move with other strides")
    ends = zip(a.tails, b.tails, a.extents(layout.extents), b.extents(layout.extents), strict=True)
    equal = all(tail == other or m == n is not None for tail, other, m, n in ends)
    demand(equal, "the branches are not known to have the same extents")


def paired(a: Composed, b: Composed) -> Iterator[tuple[Array, Array]]:
    """The taps of two maps, place by place and with as many groups; where one has none it has zeros."""
    groups = math.gcd(*(tap.shape[1] for part in (a, b) for tap in part.taps.values()))
    for offset in a.taps.keys() | b.taps.keys():
        first, second = (
            None if tap is None else grouped(tap, groups) for tap in (a.taps.get(offset), b.taps.get(offset))
        )
        some = first if first is not None else second
        assert some is not None
        nothing = np.zeros((3, *some.shape[1:]), some.dtype)
        yield (nothing if first is None else first), (nothing if second is None else second)


def padded(x: Composed, layout: Layout, pads: Sequence[tuple[int, int]]) -> Composed:
    """The map with zeros in front of its result and behind it, which it must find outside x as well."""
    demand(all(pad >= 0 for both in pads for pad in both), "it crops")
    nothing = bool((np.abs(x.bias[0]) <= EPS * x.bias[1]).all())
    demand(not any(map(any, pads)) or nothing, "it pads what has a bias with zeros")
    for axis, ((front, back), size, n) in enumerate(zip(pads, x.extents(layout.extents), layout.extents, strict=True)):
        reads = [offset[axis] for offset in x.taps]
        demand(not front or max(reads) < x.strides[axis], "in front of the border it would read what is not 0")
        behind = x.tails[axis] if size is None or n is None else x.strides[axis] * size - n
        demand(not back or behind + min(reads) >= 0, "behind the border it would read what is not 0")
    moved = [stride * front for stride, (front, _) in zip(x.strides, pads, strict=True)]
    taps = {tuple(o - m for o, m in zip(offset, moved, strict=True)): tap for offset, tap in x.taps.items()}
    tails = tuple(t + s * sum(both) for t, s, both in zip(x.tails, x.strides, pads, strict=True))
    return replace(x, taps=taps, tails=tails)


def product(outer: Array, inner: Array) -> Array:
    """One tap applied to another; a factor for each channel has as many groups as there are channels."""
    count = len(outer)
    if inner.shape[2:] == (1, 1):
        return outer * inner.reshape(count, outer.shape[1], 1, -1)
    if outer.shape[2:] == (1, 1):
        return inner * outer.reshape(count, inner.shape[1], -1, 1)
    groups = math.gcd(outer.shape[1], inner.shape[1])
    a, b = grouped(outer, groups), grouped(inner, groups)
    exact = a.size * b.shape[-1] <= _EXTENDED
    return a @ b if exact else (a.astype(np.float64) @ b.astype(np.float64)).astype(WIDE)


def applied(tap: Array, vector: Array) -> Array:
    """A tap of a vector, both as `Layout.numbers`."""
    count, groups, outputs, inputs = tap.shape
    result: Array = tap @ vector.reshape(count, groups, inputs, 1)
    return result.reshape(count, groups * outputs)


def added(taps: Sequence[Array]) -> Array:
    """The sum of taps, with as many groups as all of them allow."""
    groups = math.gcd(*(tap.shape[1] for tap in taps))
    total: Array = np.add.reduce([grouped(tap, groups) for tap in taps])
    return total


def grouped(tap: Array, groups: int) -> Array:
    """The same tap with fewer groups: blocks on the diagonal."""
    count, old, outputs, inputs = tap.shape
    ratio = old // groups
    if ratio == 1:
        return tap
    wide = np.zeros((count, groups, ratio, outputs, ratio, inputs), tap.dtype)
    for i in range(ratio):
        wide[:, :, i, :, i] = tap.reshape(count, groups, ratio, outputs, inputs)[:, :, i]
    return wide.reshape(count, groups, ratio * outputs, ratio * inputs)
