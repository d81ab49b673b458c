"""Linear equations over many scalar unknowns, added in batches, checked at once, and taken back on demand.

Every unknown is either free, or affine in one other unknown (x = factor * parent + offset, a union-find forest), or a
sum of several (a row of an elimination in progress). Unknown 0 is the ground: its value is 0. All of it lives in flat
arrays, so that one call treats all channels of a tensor and thousands of tensors in the same few numpy operations.
"""

from __future__ import annotations

from collections import deque
from copy import copy
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bnfold.gauge.equations import GROUND, Contradiction, Equations, Ids, Reals, named_first
from bnfold.gauge.forest import Forest
from bnfold.gauge.sums import TOLERANCE, combined, wrapped

T = TypeVar("T", bound=np.generic)

_NEAR = 64


class LinearSystem:
    """Consistent linear equations over the reals, or over the integers modulo 2."""

    def __init__(self, size: int, free: NDArray[np.bool_], modulus: int | None = None) -> None:
        """Start without equations.

        Args:
            size: the number of unknowns, the ground included.
            free: bool [size], unknowns that little else depends on; they are solved for first.
            modulus: 2 for a system of signs, None for real numbers.
        """
        self._modulus = modulus
        self._forest = Forest(size)
        self._row_of = np.full(size, -1)
        self._rows = 0
        self._row_ids = np.zeros((0, 2), np.int64)
        self._row_coefficients = np.zeros((0, 2))
        self._row_right = np.zeros(0)
        self._row_error = np.zeros(0)
        self._free = free
        self._uses = np.zeros(size, np.int64)
        self._pivots: list[list[Ids]] = []
        self._slots = np.empty(size, np.int64)

    def copy(self) -> LinearSystem:
        """An independent system that holds the same equations; none may be open to be taken back."""
        twin = copy(self)
        twin._forest = self._forest.copy()
        for name, part in vars(self).items():
            if isinstance(part, np.ndarray) and part is not self._free and part is not self._slots:
                setattr(twin, name, part.copy())
        twin._pivots = []
        return twin

    def begin(self) -> None:
        """Everything added from here on can be taken back with `rollback`; calls nest."""
        self._forest.begin()
        self._pivots.append([])

    def commit(self) -> None:
        """Keep what was added since the last `begin`."""
        self._forest.commit()
        done = self._pivots.pop()
        if self._pivots:
            self._pivots[-1] += done

    def rollback(self) -> None:
        """Take back what was added since the last `begin`."""
        self._forest.rollback()
        for pivots in reversed(self._pivots.pop()):
            self._rows -= len(pivots)
            np.subtract.at(self._uses, self._row_ids[self._rows : self._rows + len(pivots)], 1)
            self._row_of[pivots] = self._forest.origin[pivots] = -1

    def flatten(self) -> None:
        """Shorten the way from every unknown to the one it hangs on."""
        self._forest.flatten()

    def add(self, equations: Equations) -> Contradiction | None:
        """Add a batch; return the first contradiction met, after which the caller rolls back."""
        pending = equations
        index = np.arange(len(equations.right))
        while len(index):
            reduced = self._reduce(pending)
            terms = (reduced.coefficients != 0).sum(0)
            settled = terms == 0
            wrong = settled & (np.abs(reduced.right) > TOLERANCE * reduced.magnitude)
            if wrong.any():
                first = int(np.flatnonzero(wrong)[0])
                original = int(index[first])
                return Contradiction(original, self.origins(equations.ids[:, original]))
            linkable = np.flatnonzero(~settled & (terms <= 2))
            chosen = linkable if len(linkable) else np.flatnonzero(~settled)
            if not len(chosen):
                return None
            batch = reduced.take(chosen)
            done = self._link_batch(batch) if len(linkable) else self._row_batch(batch)
            rest = ~settled
            rest[chosen[done]] = False
            left = np.flatnonzero(rest)
            pending, index = reduced.take(left), index[left]
        return None

    def contradicted(self, equations: Equations) -> Ids:
        """Which equations of a batch contradict, each taken alone, what holds already; adds nothing."""
        reduced = self._reduce(equations)
        settled = (reduced.coefficients == 0).all(0)
        return np.flatnonzero(settled & (np.abs(reduced.right) > TOLERANCE * reduced.magnitude))

    def open(self, equations: Equations) -> tuple[Ids, Ids]:
        """The undetermined unknowns that equations come down to: indices of equations [n] and ids [n]."""
        reduced = self._reduce(equations)
        term, column = np.nonzero(reduced.coefficients)
        return column, reduced.ids[term, column]

    def settle(self, ids: Ids) -> None:
        """Give every unknown of `ids` that is still undetermined the value 0; earlier ones come first.

        `ids` must name every unknown, so that what is left at the end hangs on nothing.
        """
        roots = self._forest.find(ids)[0]
        open_ = np.flatnonzero(roots != GROUND)  # of those that hang on one root, the first settles it
        pending = ids[open_[named_first(roots[open_], self._slots)]]
        while len(pending):
            reduced = self._reduce(_single(pending))
            terms = (reduced.coefficients != 0).sum(0)
            pending = pending[terms > 0]
            single = terms == 1
            if single.any():
                self._link_batch(reduced.take(np.flatnonzero(single)))

    def values(self, ids: Ids) -> Reals:
        """The values [n] of settled unknowns [n]; what differs from 0 by rounding alone is 0."""
        roots, _, offset, magnitude = self._forest.find(ids)
        values, error = np.zeros(len(ids)) + offset, np.zeros(len(ids)) + magnitude
        sums = np.flatnonzero(roots != GROUND)
        reduced = self._reduce(_single(ids[sums]))
        values[sums], error[sums] = -reduced.right, reduced.magnitude
        return np.where(np.abs(values) <= TOLERANCE * error, 0.0, self._wrap(values))

    def _reduce(self, equations: Equations) -> Equations:
        """Write equations in free unknowns only; columns of one equation then name different unknowns."""
        ids, coefficients = equations.ids, equations.coefficients
        right, magnitude = equations.right, equations.magnitude
        while True:
            roots, factor, offset, error = self._forest.find(ids)
            if roots is not ids:
                right = self._wrap(right - (coefficients * offset).sum(0))
                magnitude = magnitude + (np.abs(coefficients) * error).sum(0)
                coefficients = coefficients * factor
            ids, coefficients = combined(roots, coefficients, self._modulus)
            if not self._rows:
                return Equations(ids, coefficients, right, magnitude, equations.origin)
            rows = np.where(coefficients != 0, self._row_of[ids], -1)
            if (rows < 0).all():
                return Equations(ids, coefficients, right, magnitude, equations.origin)
            ids, coefficients, right, magnitude = self._substitute(ids, coefficients, right, magnitude, rows)

    def _substitute(
        self, ids: Ids, coefficients: Reals, right: Reals, magnitude: Reals, rows: Ids
    ) -> tuple[Ids, Reals, Reals, Reals]:
        """Replace the unknowns that have a row by the contents of that row."""
        has_row = rows >= 0
        replaced = np.where(has_row, coefficients, 0)
        right = self._wrap(right - (replaced * self._row_right[rows]).sum(0))
        magnitude = magnitude + (np.abs(replaced) * self._row_error[rows]).sum(0)
        n, width = ids.shape[1], self._row_ids.shape[1]
        members = np.moveaxis(self._row_ids[rows], 2, 1).reshape(-1, n)
        weights = np.moveaxis(self._row_coefficients[rows] * replaced[:, :, None], 2, 1).reshape(-1, n)
        members = np.where(np.repeat(has_row, width, axis=0), members, GROUND)
        kept = np.where(has_row, 0, coefficients)
        return np.concatenate([ids, members]), np.concatenate([kept, weights]), right, magnitude

    def _wrap(self, values: Reals) -> Reals:
        return wrapped(values, self._modulus)

    def _link_batch(self, batch: Equations) -> NDArray[np.bool_]:
        """Make the newer unknown of every one- or two-term equation affine in the other.

        Returns which equations were used; two that would link the same unknown wait for each other. A link points to
        a smaller id, so no cycle can arise within a batch.
        """
        ids, coefficients = batch.ids, batch.coefficients
        if len(ids) == 1:
            child, parent, pivot, other = ids[0], np.zeros_like(ids[0]), coefficients[0], np.zeros(ids.shape[1])
        else:
            newer = ids[0] > ids[1]
            child, parent = np.maximum(ids[0], ids[1]), np.minimum(ids[0], ids[1])
            pivot = np.where(newer, coefficients[0], coefficients[1])
            other = np.where(newer, coefficients[1], coefficients[0])
        used = named_first(child, self._slots)
        if not used.all():
            child, parent, pivot, other = child[used], parent[used], pivot[used], other[used]
            batch = batch.take(np.flatnonzero(used))
        factor = np.where(parent == GROUND, 1, self._wrap(-other / pivot))
        offset, error = self._wrap(batch.right / pivot), batch.magnitude / np.abs(pivot)
        self._forest.hang(child, parent, factor, offset, error, batch.origin)
        return used

    def _row_batch(self, batch: Equations) -> NDArray[np.bool_]:
        """Solve equations of three or more terms for the unknown that least depends on; returns which were used."""
        columns = np.arange(len(batch.right))
        present = batch.coefficients != 0
        rank = np.lexsort((batch.ids, -self._uses[batch.ids], self._free[batch.ids], present), axis=0)
        pivot_at = rank[-1]
        pivot = batch.ids[pivot_at, columns]
        _, first = np.unique(pivot, return_index=True)
        used = np.zeros(len(columns), np.bool_)
        used[first] = True
        others = np.where(np.arange(len(batch.ids))[:, None] == pivot_at, GROUND, batch.ids)
        free_of_pivots = used & ~np.isin(pivot, others[:, used])
        used = free_of_pivots if free_of_pivots.any() else columns == first.min()
        lead = batch.coefficients[pivot_at, columns][used]
        weights = np.where(others == GROUND, 0, batch.coefficients)[:, used] / -lead
        self._append_rows(pivot[used], others[:, used].T, self._wrap(weights).T, batch.take(np.flatnonzero(used)), lead)
        return used

    def _append_rows(self, pivots: Ids, ids: Ids, weights: Reals, batch: Equations, lead: Reals) -> None:
        first, last = self._rows, self._rows + len(pivots)
        width = max(ids.shape[1], self._row_ids.shape[1])
        if last > len(self._row_ids) or width > self._row_ids.shape[1]:
            grown = (max(last, 2 * len(self._row_ids)), width)
            self._row_ids = _padded(self._row_ids, grown)
            self._row_coefficients = _padded(self._row_coefficients, grown)
            self._row_right = _padded(self._row_right, grown[:1])
            self._row_error = _padded(self._row_error, grown[:1])
        self._row_ids[first:last] = _padded(ids, (len(ids), width))
        self._row_coefficients[first:last] = _padded(weights, (len(ids), width))
        self._row_right[first:last] = self._wrap(batch.right / lead)
        self._row_error[first:last] = batch.magnitude / np.abs(lead)
        self._row_of[pivots] = np.arange(first, last)
        self._forest.origin[pivots] = batch.origin
        self._rows = last
        np.add.at(self._uses, self._row_ids[first:last], 1)
        if self._pivots:
            self._pivots[-1].append(pivots)

    def origins(self, ids: Ids) -> tuple[int, ...]:
        """Who asked for the equations that tie these unknowns, the nearest; those that fix a value come first."""
        fixing: list[int] = []
        tying: list[int] = []
        queue, seen = deque(int(i) for i in ids), set[int]()
        while queue and len(seen) < _NEAR:
            unknown = queue.popleft()
            if unknown in seen or unknown == GROUND or self._forest.origin[unknown] < 0:
                continue
            seen.add(unknown)
            row = self._row_of[unknown]
            members = self._row_ids[row].tolist() if row >= 0 else [int(self._forest.link[unknown])]
            (fixing if members == [GROUND] else tying).append(int(self._forest.origin[unknown]))
            queue += members
        return tuple(dict.fromkeys(fixing + tying[::-1]))


def _padded(array: NDArray[T], shape: tuple[int, ...]) -> NDArray[T]:
    return np.pad(array, [(0, size - has) for size, has in zip(shape, array.shape, strict=True)])


def _single(ids: Ids) -> Equations:
    zeros = np.zeros(len(ids))
    return Equations(ids[None], np.ones((1, len(ids))), zeros, zeros, np.full(len(ids), -1))
