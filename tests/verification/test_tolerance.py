"""Tolerances of the user: what they allow, for which output, and which are none."""

from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnfold.errors import UsageError
from bnfold.verification.compared import judged
from bnfold.verification.tolerance import EVERY, Tolerance, Tolerances

parts = st.floats(0, 1e3)


@given(parts, parts, st.floats(1e-3, 1e6), st.floats(-2, 2))
def test_an_error_passes_up_to_atol_plus_rtol_times_the_largest_value(
    atol: float, rtol: float, scale: float, share: float
) -> None:
    allowed = atol + rtol * scale
    reference = np.array([scale, 0.0])
    candidate = reference + np.array([0.0, share * allowed])
    error, bound = judged("y", reference, candidate, 0.0, Tolerances({"y": atol}, {"y": rtol}))
    actual = abs(candidate[1])
    if abs(actual - allowed) > 1e-9 * allowed:
        assert (error <= bound) == (actual <= allowed)


def test_where_the_reference_is_zero_only_atol_counts() -> None:
    zeros, off = np.zeros(3), np.array([0.0, 0.0, -0.5])
    assert judged("y", zeros, off, 0.0, Tolerances({"y": 0.6}, {"y": 9.0})) == (0.5, 0.6)
    assert judged("y", zeros, off, 0.0, Tolerances({"y": 0.4}))[0] > 0.4
    assert judged("y", zeros, np.array([0, 0, nan]), 0.0, Tolerances({"y": 1e9}))[0] == inf
    assert judged("y", zeros, np.zeros(4), 0.0, Tolerances({"y": 1e9}))[0] == inf


def test_the_measured_bound_counts_where_nothing_was_set() -> None:
    reference, candidate = np.array([2.0]), np.array([2.5])
    assert judged("y", reference, candidate, 0.125, Tolerances({"z": 1.0})) == (0.25, 0.125)


def test_an_output_has_its_own_tolerance_before_the_one_for_all() -> None:
    tolerances = Tolerances({EVERY: 1.0, "y": 2.0}, {"z": 3.0})
    assert tolerances.of("y") == Tolerance(2.0, 0.0)
    assert tolerances.of("z") == Tolerance(1.0, 3.0)
    assert tolerances.of("other") == Tolerance(1.0, 0.0)
    assert Tolerances({"y": 1.0}).of("other") is None
    assert Tolerances({"y": 0.0}).of("y") == Tolerance(0.0, 0.0)


@pytest.mark.parametrize("value", [-1e-9, inf, nan])
def test_what_is_no_tolerance_is_refused(value: float) -> None:
    with pytest.raises(UsageError, match="must be a number from 0 up"):
        Tolerances(rtol={EVERY: value}).check(["y"])


def test_an_output_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match="no output 'q'; the model's outputs are: y, z"):
        Tolerances(atol={"q": 1.0}).check(["y", "z"])
    Tolerances({EVERY: 1.0}, {"y": 1.0}).check(["y", "z"])
