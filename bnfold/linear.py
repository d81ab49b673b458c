"""New weights of a linear layer under new units: W' = gain_y W S_x and c' = gain_y (c + sum(W T_x)) + offset_y.

Formulas on numpy arrays only; everything is computed in float64 and returned unrounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnfold.affine import Array


@dataclass(frozen=True)
class Ends:
    """Units at both ends of a linear layer, one value per feature.

    Attributes:
        scale, shift: float64 [Cin], X = scale * X' + shift for the input.
        gain, offset: float64 [Cout], Y' = gain * Y + offset for the output.
        For a stack of matrices all four may have the same axes in front.
    """

    scale: Array
    shift: Array
    gain: Array
    offset: Array


def dense_weight(weight: NDArray[np.generic], ends: Ends) -> Array:
    """Y = x W with W [..., Cin, Cout]; the units may be stacked alike."""
    return ends.scale[..., :, None] * np.asarray(weight, np.float64) * ends.gain[..., None, :]


def dense_bias(weight: NDArray[np.generic], bias: Array, ends: Ends) -> Array:
    """The bias that goes with `dense_weight`; c broadcasts against [..., Cout]."""
    if not ends.shift.any():
        return ends.gain * bias + ends.offset
    carried = (ends.shift[..., None, :] @ np.asarray(weight, np.float64))[..., 0, :]
    return ends.gain * (bias + carried) + ends.offset


def conv_weight(weight: NDArray[np.generic], ends: Ends, groups: int) -> Array:
    """Convolution: W [Cout, Cin/groups, *kernel]."""
    w = np.asarray(weight, np.float64)
    grouped = w.reshape(groups, w.shape[0] // groups, w.shape[1], -1)
    scaled: Array = grouped * ends.scale.reshape(groups, 1, -1, 1)
    scaled *= ends.gain.reshape(groups, -1, 1, 1)
    return scaled.reshape(w.shape)


def conv_bias(weight: NDArray[np.generic], bias: Array, ends: Ends, groups: int) -> Array:
    """The bias that goes with `conv_weight`: [Cout]."""
    if not ends.shift.any():
        return ends.gain * bias + ends.offset
    taps = np.asarray(weight, np.float64).reshape(groups, weight.shape[0] // groups, weight.shape[1], -1).sum(-1)
    carried: Array = taps @ ends.shift.reshape(groups, -1, 1)
    return ends.gain * (bias + carried.reshape(-1)) + ends.offset


def conv_transpose_weight(weight: NDArray[np.generic], ends: Ends, groups: int) -> Array:
    """Transposed convolution: W [Cin, Cout/groups, *kernel]."""
    w = np.asarray(weight, np.float64)
    grouped = w.reshape(groups, w.shape[0] // groups, w.shape[1], -1)
    scaled: Array = grouped * ends.scale.reshape(groups, -1, 1, 1)
    scaled *= ends.gain.reshape(groups, 1, -1, 1)
    return scaled.reshape(w.shape)


def conv_transpose_bias(weight: NDArray[np.generic], bias: Array, ends: Ends, groups: int) -> Array:
    """The bias that goes with `conv_transpose_weight`: [Cout]."""
    if not ends.shift.any():
        return ends.gain * bias + ends.offset
    taps = np.asarray(weight, np.float64).reshape(groups, weight.shape[0] // groups, weight.shape[1], -1).sum(-1)
    carried: Array = ends.shift.reshape(groups, 1, -1) @ taps
    return ends.gain * (bias + carried.reshape(-1)) + ends.offset
