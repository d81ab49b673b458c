"""Equations in the three systems, written the way operators state them and turned into arrays all at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bnfold.gauge.equations import Equations, Ids
from bnfold.plan import Code

SYSTEMS = (Code.SCALE, Code.SIGN, Code.SHIFT)


class Statement(NamedTuple):
    """`size` equations sum of coefficients[k] * unknown(ids[k]) = right; every array is of that size or of size 1."""

    origin: int
    size: int
    ids: Sequence[NDArray[Any]]
    coefficients: Sequence[NDArray[Any] | float]
    right: NDArray[Any]
    magnitude: NDArray[Any]


class Requirements:
    """What one operator, or the structure of a whole network, demands of the units."""

    def __init__(self) -> None:
        self._scales: list[Statement] = []
        self._sizes: list[Statement] = []
        self._positives: list[Statement] = []
        self._shifts: list[Statement] = []

    def scale(self, origin: int, y: Ids, terms: Sequence[Ids], factor: ArrayLike = 1.0) -> None:
        """S_y = factor * product of the S of `terms`; factor is never 0."""
        size, (right, *ids) = _flat(factor, y, *terms)
        self._scales.append(Statement(origin, size, ids, (1.0, *[-1.0] * len(terms)), right, right))

    def size(self, origin: int, y: Ids, x: Ids) -> None:
        """|S_y| = |S_x|."""
        size, ids = _flat(y, x)
        one = np.ones(1)
        self._sizes.append(Statement(origin, size, ids, (1.0, -1.0), one, one))

    def positive(self, origin: int, ids: Ids) -> None:
        """S > 0."""
        size, (right, flat) = _flat(1.0, ids)
        self._positives.append(Statement(origin, size, [flat], (1.0,), right, right))

    def shift(
        self,
        origin: int,
        y: Ids,
        terms: Sequence[tuple[ArrayLike, Ids]],
        offset: ArrayLike = 0.0,
        magnitude: ArrayLike = 0.0,
    ) -> None:
        """T_y = offset + sum of coefficient * T over `terms`."""
        negated = [np.negative(part, dtype=np.float64) for part, _ in terms]
        size, (right, error, *parts) = _flat(offset, magnitude, *negated, y, *(ids for _, ids in terms))
        n = len(terms)
        self._shifts.append(Statement(origin, size, parts[n:], (1.0, *parts[:n]), right, error))

    def twin(self) -> Requirements:
        """The same, to add to."""
        other = Requirements()
        other._scales, other._sizes = [*self._scales], [*self._sizes]
        other._positives, other._shifts = [*self._positives], [*self._shifts]
        return other

    def statements(self, code: Code) -> list[Statement]:
        """What is stated in one system. Those about scales and signs give the factor on the right."""
        if code == Code.SHIFT:
            return self._shifts
        return self._scales + (self._sizes if code == Code.SCALE else self._positives)


def compiled(code: Code, statements: Sequence[Statement]) -> Equations:
    """The equations of statements about one system, in their order."""
    sizes = [statement.size for statement in statements]
    width, total = max((len(statement.ids) for statement in statements), default=1), sum(sizes)
    ids, coefficients = np.zeros((width, total), np.int64), np.zeros((width, total))
    right, magnitude = np.zeros(total), np.zeros(total)
    start = 0
    for statement in statements:
        stop = start + statement.size
        for k, (part, coefficient) in enumerate(zip(statement.ids, statement.coefficients, strict=True)):
            ids[k, start:stop] = part
            coefficients[k, start:stop] = coefficient
        right[start:stop] = statement.right
        if code == Code.SHIFT:
            magnitude[start:stop] = statement.magnitude
        start = stop
    origin = np.repeat([statement.origin for statement in statements], sizes).astype(np.int64)
    if code == Code.SCALE:
        right = np.log(np.abs(right))
        magnitude = 1 + np.abs(right)
    elif code == Code.SIGN:
        right, coefficients = (right < 0).astype(np.float64), np.abs(coefficients)
    return Equations(ids, coefficients, right, magnitude, origin)


def by_width(statements: Sequence[Statement]) -> list[list[Statement]]:
    """Statements parted by their number of unknowns, in the order in which a system takes them best.

    Pairs come first, so that what fixes the value of one unknown keeps its own name in conflicts; sums come last, when
    most of their terms are known.
    """
    widths = sorted({len(statement.ids) for statement in statements}, key=lambda width: -width if width < 3 else width)
    return [[statement for statement in statements if len(statement.ids) == width] for width in widths]


class Pool:
    """The equations of many requirements in some systems, compiled once; any of them can be taken out together."""

    def __init__(self, requirements: Sequence[Requirements], codes: Collection[Code]) -> None:
        self._equations: dict[Code, Equations] = {}
        self._ends: dict[Code, Ids] = {}
        for code in codes:
            lists = [each.statements(code) for each in requirements]
            self._equations[code] = compiled(code, [statement for each in lists for statement in each])
            self._ends[code] = np.cumsum([0, *(sum(s.size for s in each) for each in lists)])

    def take(self, code: Code, members: Sequence[int]) -> tuple[Equations, Ids]:
        """The equations of some members in one system, and where each member's end; their order is kept."""
        first, last = self._ends[code][:-1][members], self._ends[code][1:][members]
        ends = np.cumsum(last - first)
        index = np.arange(ends[-1] if len(ends) else 0) + np.repeat(last - ends, last - first)
        return self._equations[code].take(index), ends


def _flat(*parts: ArrayLike) -> tuple[int, list[NDArray[Any]]]:
    """The parts broadcast against each other, in one dimension; those of size 1 stay so."""
    arrays = [np.asarray(part) for part in parts]
    size, shape = 1, None
    for array in arrays:
        if array.size == 1 or array.shape == shape:
            continue
        if shape is not None:
            arrays = list(np.broadcast_arrays(*arrays))
            return arrays[0].size, [array.reshape(-1) for array in arrays]
        size, shape = array.size, array.shape
    return size, [array if array.ndim == 1 else array.reshape(-1) for array in arrays]
