"""Units of tensors, and when two numbers count as equal.

A claim says X = S * X' + T for every input: X is a tensor of the original, X' the one of the folded model that stores
it. S and T broadcast against the tensor. S = 0 says that X is the constant T, whatever is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

WIDE: Any = np.longdouble if np.finfo(np.longdouble).nmant >= 63 else np.float64
"""Arithmetic of the checker: 80-bit extended precision where the machine has it, else float64."""

BITS = int(np.finfo(WIDE).nmant) + 1
"""Bits of a significand in that arithmetic."""

EPS = 64 * float(np.finfo(np.float64).eps)
"""Units are solved and written in float64: an equation holds if its residual is below EPS of the summed magnitudes."""


class UnprovedError(Exception):
    """A claim that does not follow; the message continues a sentence that names the node."""


@dataclass(frozen=True)
class Units:
    """S and T of one claim, in the checker's arithmetic, of one shape that broadcasts against the tensor."""

    scale: Array
    shift: Array

    @staticmethod
    def of(scale: Any, shift: Any) -> Units:
        """Units from any two arrays."""
        a, b = np.broadcast_arrays(np.asarray(scale, WIDE), np.asarray(shift, WIDE))
        return Units(a, b)

    @property
    def identical(self) -> bool:
        """Whether the tensor is stored as it is."""
        return bool((self.scale == 1).all() and (self.shift == 0).all())

    @property
    def uniform(self) -> bool:
        """Whether all elements share their units."""
        return self.scale.size == 1

    def map(self, move: Any) -> Units:
        """The units after a rearrangement of their elements."""
        return Units(move(self.scale), move(self.shift))

    def along(self, axes: Sequence[int]) -> Units:
        """The units with extent 1 along all axes but these; elements that differ only there must share their units."""
        return self.map(lambda array: along(array, axes))

    def ranked(self, rank: int) -> Units:
        """The same with exactly `rank` axes."""
        return self.map(lambda array: array.reshape((1,) * (rank - array.ndim) + array.shape))


ORIGINAL = Units.of(1.0, 0.0)


def close(a: Array, b: Array) -> bool:
    """Whether a = b, up to EPS of their magnitudes."""
    with np.errstate(all="ignore"):
        gap = np.abs(a - b) - EPS * (np.abs(a) + np.abs(b))
    return bool((gap <= 0).all())


def demand(holds: bool | np.bool_, why: str) -> None:
    """Raise `UnprovedError` unless a condition holds."""
    if not holds:
        raise UnprovedError(why)


def same(a: Units, b: Units) -> None:
    """Demand equal units."""
    demand(close(a.scale, b.scale), "the scales do not agree")
    demand(close(a.shift, b.shift), "the shifts do not agree")


def no_shift(units: Units) -> None:
    """Demand T = 0."""
    demand((units.shift == 0).all(), "a shift cannot pass")


def positive(units: Units) -> None:
    """Demand S > 0."""
    demand((units.scale > 0).all(), "only a positive scale can pass")


def along(array: Array, axes: Sequence[int]) -> Array:
    """The array with extent 1 along all axes but these, along which it must not vary."""
    kept = {axis % array.ndim for axis in axes} if array.ndim else set()
    for axis, extent in enumerate(array.shape):
        if extent > 1 and axis not in kept:
            first = array[(slice(None),) * axis + (slice(1),)]
            demand(close(array, first), "it mixes elements whose units differ")
            array = first
    return array


def half_ulp(stored: Array) -> Array:
    """How far rounding to the stored type may have moved each number; 0 for what no rounding touched."""
    with np.errstate(all="ignore"):
        return np.spacing(np.abs(stored)).astype(np.float64) / 2
