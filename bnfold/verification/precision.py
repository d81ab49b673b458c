"""Float types of the stored model: widening to float64, and the size of one unit in the last place."""

from typing import Any

import ml_dtypes
import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Dtype = np.dtype[Any]

BFLOAT16: Dtype = np.dtype(ml_dtypes.bfloat16)
NARROW: frozenset[Dtype] = frozenset({np.dtype(np.float16), BFLOAT16, np.dtype(np.float32)})
# ml_dtypes knows bfloat16 too, but has no annotations.
_FINFO: Any = ml_dtypes.finfo
FLOATS: frozenset[Dtype] = NARROW | {np.dtype(np.float64)}


_EXPONENT = np.int64(0x7FF0_0000_0000_0000)
"""The bits of a float64 number that, alone, are 2^floor(log2 |v|)."""
_LARGEST = float(np.finfo(np.float64).max)


def widen(value: Any) -> Any:
    """`value` in float64 if it is an array of float16, bfloat16 or float32, else `value` itself."""
    if isinstance(value, np.ndarray | np.generic) and value.dtype in NARROW:
        return np.asarray(value, np.float64)
    return value


def epsilon(dtype: Dtype) -> float:
    """Distance from 1 to the next larger number of a float type."""
    return float(_FINFO(dtype).eps)


def ulp(values: Array, dtype: Dtype) -> Array:
    """Distance between neighbouring numbers of `dtype` at each of `values`, subnormal numbers included.

    ulp(v) = eps * 2^floor(log2 |v|), at least the smallest subnormal, and finite where v is not.
    Float64, shape of `values`.
    """
    info = _FINFO(dtype)
    powers = (np.atleast_1d(values).astype(np.float64).view(np.int64) & _EXPONENT).view(np.float64)
    powers *= epsilon(dtype)
    steps: Array = np.clip(powers, float(info.smallest_subnormal), _LARGEST, out=powers)
    return steps.reshape(values.shape)


def rounded_like(values: Array, dtype: Dtype) -> Array:
    """Which of `values` look rounded to `dtype`: more than half of their significand is in use.

    2, 0.5, 80 or 1.25 are exact by design; perturbing them would test exponents, sizes and scales that no
    tool ever rounds. A rounded float32 number passes for exact with probability 2^-12. Boolean, shape of
    `values`.
    """
    bits = 1 - int(np.log2(epsilon(dtype)))
    fraction, _ = np.frexp(values.astype(np.float64))
    scaled = np.ldexp(fraction, bits // 2)
    result: Array = np.isfinite(scaled) & (scaled != np.round(scaled))
    return result
