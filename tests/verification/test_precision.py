"""Units in the last place, in every stored type."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnfold.verification.precision import rounded_like, ulp, widen


@given(st.floats(-(2.0**100), 2.0**100, width=32))
def test_ulp_is_numpys_spacing(value):
    v = np.float32(value)
    assert ulp(np.array([v]), np.dtype(np.float32))[0] == float(np.spacing(abs(v)))


@given(st.floats(-(2.0**15), 2.0**15, width=16))
def test_ulp_of_half(value):
    v = np.float16(value)
    assert ulp(np.array([v]), np.dtype(np.float16))[0] == float(np.spacing(abs(v)))


def test_ulp_of_a_scalar_and_of_what_is_not_finite():
    assert ulp(np.array(3.0), np.dtype(np.float32)).shape == ()
    assert ulp(np.array(-3.0), np.dtype(np.float32)) == 2.0**-22
    assert np.isfinite(ulp(np.array([np.inf, -np.inf, np.nan]), np.dtype(np.float32))).all()


def test_ulp_of_bfloat16():
    assert ulp(np.array([1.0, 3.0, 0.0]), np.dtype(ml_dtypes.bfloat16)).tolist() == [2**-7, 2**-6, 2.0**-133]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_numbers_that_are_exact_by_design(dtype):
    exact = np.array([0, 1, -2, 0.5, 1.25, 20], dtype)
    assert not rounded_like(exact, np.dtype(dtype)).any()
    assert rounded_like(np.array([0.1, 1 / 3, np.pi], dtype), np.dtype(dtype)).all()
    assert not rounded_like(np.array([np.nan, np.inf], dtype), np.dtype(dtype)).any()


def test_widen_touches_narrow_floats_only():
    assert widen(np.float16(1)).dtype == np.float64
    assert widen(np.ones(2, ml_dtypes.bfloat16)).dtype == np.float64
    for value in (np.ones(2, np.int32), None, [1], np.ones(2)):
        assert widen(value) is value
