"""Sums of unknowns times coefficients, those of many equations side by side: column n is equation n."""

from __future__ import annotations

import numpy as np

from bnfold.gauge.equations import GROUND, Ids, Reals

_FEW = 3  # terms that are sooner compared with each other than sorted

TOLERANCE = 64 * float(np.finfo(np.float64).eps)
"""What a sum may differ from 0 by rounding, as a share of the summed magnitudes."""


def wrapped(values: Reals, modulus: int | None) -> Reals:
    """The values modulo the modulus, if there is one; `%` itself is many times slower."""
    return values if modulus is None else values - modulus * np.floor(values / modulus)


def combined(ids: Ids, coefficients: Reals, modulus: int | None) -> tuple[Ids, Reals]:
    """Add up the coefficients of equal unknowns, drop what cancels and the ground, left-align the rest."""
    coefficients = np.where(ids == GROUND, 0, coefficients)
    if len(ids) > _FEW:
        order = np.argsort(ids, axis=0, kind="stable")
        ids, coefficients = np.take_along_axis(ids, order, 0), np.take_along_axis(coefficients, order, 0)
    size = None
    for k in range(1, len(ids)):
        for j in range(k) if len(ids) <= _FEW else (k - 1,):
            same = np.flatnonzero((ids[k] == ids[j]) & (ids[k] != GROUND))
            if len(same):
                size = np.abs(coefficients) if size is None else size
                coefficients[k, same] += coefficients[j, same]
                size[k, same] += size[j, same]
                coefficients[j, same] = 0
    if size is not None:
        coefficients = wrapped(np.where(np.abs(coefficients) <= TOLERANCE * size, 0, coefficients), modulus)
    ids = np.where(coefficients == 0, GROUND, ids)
    return _left_aligned(ids, coefficients) if len(ids) > 1 else (ids, coefficients)


def _left_aligned(ids: Ids, coefficients: Reals) -> tuple[Ids, Reals]:
    """Terms with coefficient 0 moved behind the others, as few of them as the longest equation allows."""
    zero = coefficients == 0
    if not zero.any():
        return ids, coefficients
    if len(ids) > _FEW:
        order = np.argsort(zero, axis=0, kind="stable")
        ids, coefficients = np.take_along_axis(ids, order, 0), np.take_along_axis(coefficients, order, 0)
    else:
        for row in [0, 1, 0][: 2 * len(ids) - 3]:
            gaps = np.flatnonzero(zero[row] & ~zero[row + 1])
            for array in (ids, coefficients, zero):
                array[row, gaps], array[row + 1, gaps] = array[row + 1, gaps], array[row, gaps]
    width = max(len(ids) - int(zero.sum(0).min(initial=len(ids))), 1)
    return ids[:width], coefficients[:width]
