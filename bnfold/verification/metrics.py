"""How far one tensor is from another."""

from dataclasses import dataclass
from math import inf, log10, sqrt

import numpy as np

from bnfold.verification.precision import Array, widen


@dataclass(frozen=True)
class TensorError:
    """The largest difference between two tensors.

    Attributes:
        max_abs: max|candidate - reference|, in the tensor's own unit; infinite if the shapes differ or a NaN
            or infinity stands in one tensor only.
        max_rel: max_abs / max|reference| over finite values; 0 where both are 0, infinite where only the
            reference is.
        where: index of the largest difference, None without elements or where the shapes differ.
        reference: value of the reference there.
        candidate: value of the candidate there.
        note: why the error is infinite, in words; empty otherwise.
    """

    max_abs: float
    max_rel: float
    where: tuple[int, ...] | None = None
    reference: float = 0.0
    candidate: float = 0.0
    note: str = ""

    def to_json(self) -> dict[str, object]:
        """Plain data; numbers that JSON does not have are left as Python floats."""
        return {
            "max_abs": self.max_abs,
            "max_rel": self.max_rel,
            "where": None if self.where is None else list(self.where),
            "reference": self.reference,
            "candidate": self.candidate,
            "note": self.note,
        }


def difference(reference: Array, candidate: Array) -> Array:
    """|candidate - reference| in float64.

    0 where both are NaN or the same infinity, infinite where only one is.

    Raises:
        ValueError: the shapes differ.
    """
    if reference.shape != candidate.shape:
        raise ValueError(f"shape {candidate.shape} instead of {reference.shape}")
    a, b = np.asarray(widen(reference), np.float64), np.asarray(widen(candidate), np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.array(np.abs(b - a))
    gap[np.isnan(gap)] = inf
    gap[(a == b) | (np.isnan(a) & np.isnan(b))] = 0.0
    return gap


def magnitude(values: Array) -> float:
    """max|values| over finite values; 0 if there is none."""
    wide = np.abs(np.asarray(widen(values), np.float64))
    return float(np.max(wide, initial=0.0, where=np.isfinite(wide)))


def compare(reference: Array, candidate: Array) -> TensorError:
    """The largest difference between two tensors of any float, integer or boolean type."""
    if reference.shape != candidate.shape:
        return TensorError(inf, inf, note=f"shape {candidate.shape} instead of {reference.shape}")
    if not reference.size:
        return TensorError(0.0, 0.0)
    gap = difference(reference, candidate)
    where = tuple(int(i) for i in np.unravel_index(np.argmax(gap), gap.shape))
    largest, scale = float(gap[where]), magnitude(reference)
    a, b = float(reference[where]), float(candidate[where])
    note = "" if np.isfinite(largest) else f"{b} instead of {a}"
    return TensorError(largest, _ratio(largest, scale), where, a, b, note)


def snr_db(reference: Array, candidate: Array) -> float:
    """Signal to noise in decibel, 10 log10(sum reference^2 / sum (candidate - reference)^2).

    Infinite where the tensors are equal, minus infinity where only the reference is zero or a value is not
    finite.
    """
    scale = magnitude(reference) or 1.0
    with np.errstate(over="ignore"):
        noise = float(np.sum((difference(reference, candidate) / scale) ** 2))
        signal = float(np.sum((np.asarray(widen(reference), np.float64) / scale) ** 2))
    if noise == 0:
        return inf
    return 10 * log10(signal / noise) if 0 < signal < inf and noise < inf else -inf


def cosine(reference: Array, candidate: Array) -> float:
    """Cosine of the angle between two tensors read as vectors; 1 if both are zero, 0 if only one is."""
    a, b = (np.asarray(widen(v), np.float64).ravel() for v in (reference, candidate))
    scale_a, scale_b = magnitude(a), magnitude(b)
    if scale_a == 0 or scale_b == 0:
        return 1.0 if scale_a == scale_b else 0.0
    a, b = a / scale_a, b / scale_b
    return float(a @ b) / sqrt(float(a @ a) * float(b @ b))


def _ratio(error: float, scale: float) -> float:
    if error == 0:
        return 0.0
    return error / scale if scale else inf
