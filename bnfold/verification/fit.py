"""The best units per channel: S and T with reference = S * stored + T in the sense of least squares.

A folded graph may store X' where the original computes X = S * X' + T. What such a fit leaves is the error. It is far
sharper than comparing outputs: one weight changed by 0.1 % stands out in the channel it feeds, long before the rounding
of all other weights drowns it.
"""

from collections.abc import Sequence

import numpy as np

from bnfold.verification.precision import Array


def channels(values: Array) -> Array:
    """(C, everything else): axis 1 first, or one row where there is no axis 1."""
    return np.moveaxis(values, 1, 0).reshape(values.shape[1], -1) if values.ndim > 1 else values.reshape(1, -1)


def residual(reference: Sequence[Array], stored: Sequence[Array], scales: Array) -> Array:
    """Reference - (S * stored + T) with one S and T per channel for all batches, every batch divided by its scale.

    An error has to look like a change of units on inputs of every magnitude to stay unseen.

    Args:
        reference: (N, C, ...) per batch.
        stored: the same shapes.
        scales: one positive number per batch.

    Returns:
        (C, all elements of all batches).
    """
    x, y = (
        np.concatenate([channels(v) / s for v, s in zip(side, scales, strict=True)], axis=1)
        for side in (stored, reference)
    )
    weight = np.concatenate([np.full(channels(v).shape[1], 1 / s) for v, s in zip(reference, scales, strict=True)])
    # T enters a batch as T / scale: project both sides off that direction, then fit S.
    direction = weight / np.sqrt(weight @ weight)
    x, y = (v - np.outer(v @ direction, direction) for v in (x, y))
    power = np.sum(x * x, axis=1, keepdims=True)
    slope = np.divide(np.sum(x * y, axis=1, keepdims=True), power, out=np.zeros_like(power), where=power > 0)
    return np.asarray(y - slope * x)
