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


def dense(weight: NDArray[np.generic], bias: Array, ends: Ends) -> tuple[Array, Array]:
    """Y = x W + c with W [..., Cin, Cout] and c broadcasting against [..., Cout]; the units may be stacked alike."""
    w = np.asarray(weight, np.float64)
    carried = (ends.shift[..., None, :] @ w)[..., 0, :]
    new_bias = ends.gain * (bias + carried) + ends.offset
    return ends.scale[..., :, None] * w * ends.gain[..., None, :], new_bias


def conv(weight: NDArray[np.generic], bias: Array, ends: Ends, groups: int) -> tuple[Array, Array]:
    """Convolution: W [Cout, Cin/groups, *kernel], c [Cout]."""
    w = np.asarray(weight, np.float64)
    outputs, inputs = w.shape[0] // groups, w.shape[1]
    grouped = w.reshape(groups, outputs, inputs, -1)
    carried = np.einsum("goik,gi->go", grouped, ends.shift.reshape(groups, inputs))
    new_bias = ends.gain * (bias + carried.reshape(-1)) + ends.offset
    scaled = grouped * ends.scale.reshape(groups, 1, inputs, 1) * ends.gain.reshape(groups, outputs, 1, 1)
    return scaled.reshape(w.shape), new_bias


def conv_transpose(weight: NDArray[np.generic], bias: Array, ends: Ends, groups: int) -> tuple[Array, Array]:
    """Transposed convolution: W [Cin, Cout/groups, *kernel], c [Cout]."""
    w = np.asarray(weight, np.float64)
    inputs, outputs = w.shape[0] // groups, w.shape[1]
    grouped = w.reshape(groups, inputs, outputs, -1)
    carried = np.einsum("giok,gi->go", grouped, ends.shift.reshape(groups, inputs))
    new_bias = ends.gain * (bias + carried.reshape(-1)) + ends.offset
    scaled = grouped * ends.scale.reshape(groups, inputs, 1, 1) * ends.gain.reshape(groups, 1, outputs, 1)
    return scaled.reshape(w.shape), new_bias
