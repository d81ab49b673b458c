"""Batches of linear equations over scalar unknowns, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Reals = NDArray[np.float64]

GROUND = 0
"""The unknown whose value is 0."""


def named_first(ids: Ids, slots: Ids) -> NDArray[np.bool_]:
    """Where unknowns [n] are named for the first time; `slots` is room for any number at the place of each."""
    order = np.arange(len(ids))
    slots[ids[::-1]] = order[::-1]  # of repeated places numpy keeps what is written last
    first: NDArray[np.bool_] = slots[ids] == order
    return first


@dataclass(frozen=True)
class Equations:
    """A batch of n equations: sum over k of coefficients[k, i] * unknown(ids[k, i]) = right[i].

    Attributes:
        ids: int64 [k, n].
        coefficients: float64 [k, n].
        right: float64 [n].
        magnitude: float64 [n], the summed absolute values behind `right`; its error is some eps of this.
        origin: int64 [n], who asks for the equation; returned in conflicts.
    """

    ids: Ids
    coefficients: Reals
    right: Reals
    magnitude: Reals
    origin: Ids

    def take(self, index: Ids) -> Equations:
        """The equations at `index`, which ascends and repeats nothing."""
        if len(index) == len(self.right):
            return self
        return Equations(
            self.ids[:, index],
            self.coefficients[:, index],
            self.right[index],
            self.magnitude[index],
            self.origin[index],
        )


@dataclass(frozen=True)
class Contradiction:
    """Equation `index` of a batch cannot hold; `origins` asked for what it contradicts, the likeliest first."""

    index: int
    origins: tuple[int, ...]
