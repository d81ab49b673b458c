"""Per-channel affine maps y = scale * x + shift in float64: only formulas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Affine:
    """y = scale * x + shift.

    Attributes:
        scale: float64, of a shape that broadcasts against the tensor.
        shift: float64, the same shape.
        magnitude: float64, the same shape: the sum of the absolute values that `shift` was computed from,
            which is what its rounding error is proportional to.
    """

    scale: Array
    shift: Array
    magnitude: Array

    @staticmethod
    def of(scale: ArrayLike, shift: ArrayLike) -> Affine:
        """The map with these coefficients, broadcast against each other."""
        a, b = np.broadcast_arrays(np.asarray(scale, np.float64), np.asarray(shift, np.float64))
        return Affine(a, b, np.abs(b))

    @staticmethod
    def batch_norm(gamma: ArrayLike, beta: ArrayLike, mean: ArrayLike, variance: ArrayLike, epsilon: float) -> Affine:
        """Inference-mode batch normalization: y = gamma * (x - mean) / sqrt(variance + epsilon) + beta.

        Args:
            gamma, beta, mean, variance: [C], any float type.
            epsilon: exactly as stored (a float32 in ONNX).
        """
        g, b, m, v = (np.asarray(p, np.float64) for p in (gamma, beta, mean, variance))
        with np.errstate(invalid="ignore", divide="ignore"):
            scale = g / np.sqrt(v + epsilon)
            return Affine(scale, b - scale * m, np.abs(b) + np.abs(scale * m))

    def then(self, other: Affine) -> Affine:
        """The map that applies `other` to the result of this one; both broadcast against the same tensor."""
        return Affine(
            other.scale * self.scale,
            other.scale * self.shift + other.shift,
            np.abs(other.scale) * self.magnitude + other.magnitude,
        )

    @property
    def finite(self) -> NDArray[np.bool_]:
        """Where both coefficients are finite."""
        return np.isfinite(self.scale) & np.isfinite(self.shift)

    def aligned(self, rank: int, axis: int) -> Affine:
        """The map of a tensor of this rank whose coefficients, of rank 1, lie along `axis`."""
        shape = [1] * rank
        shape[axis] = -1
        return Affine(self.scale.reshape(shape), self.shift.reshape(shape), self.magnitude.reshape(shape))
