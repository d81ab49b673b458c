"""Distances between tensors, with every value a float can have."""

from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bnfold.verification.metrics import compare, cosine, magnitude, snr_db

finite = hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=4), elements=st.floats(-1e6, 1e6))


@given(finite, st.data())
def test_the_largest_difference_is_found(reference, data):
    where = tuple(data.draw(st.integers(0, n - 1)) for n in reference.shape)
    candidate = reference.copy()
    candidate[where] += 1
    found = compare(reference, candidate)
    assert found.where == where
    assert found.max_abs == candidate[where] - reference[where]
    assert (found.reference, found.candidate) == (reference[where], candidate[where])
    scale = float(np.abs(reference).max())
    assert found.max_rel == (found.max_abs / scale if scale else inf)


@given(hnp.arrays(np.float32, 5))
def test_a_tensor_equals_itself_whatever_it_holds(values):
    assert compare(values, values.copy()).max_rel == 0


@pytest.mark.parametrize(("a", "b"), [(nan, 1), (1, nan), (inf, 1), (1, -inf), (inf, -inf), (nan, inf)])
def test_a_value_that_is_not_finite_in_one_place_only(a, b):
    found = compare(np.array([1, a, 2.0]), np.array([1, b, 2.0]))
    assert found.max_abs == found.max_rel == inf
    assert found.where == (1,)
    assert "instead of" in found.note


def test_shapes_and_empty_tensors():
    found = compare(np.zeros((2, 3)), np.zeros((3, 2)))
    assert (found.max_rel, found.note) == (inf, "shape (3, 2) instead of (2, 3)")
    assert compare(np.zeros((0, 3)), np.zeros((0, 3))).max_rel == 0
    assert compare(np.zeros(2), np.array([0, 1e-30])).max_rel == inf
    assert compare(np.array([True, False]), np.array([True, True])).max_abs == 1
    assert compare(np.zeros(()), np.zeros(())).to_json()["where"] == []


def test_the_data_of_an_error():
    found = compare(np.array([[2.0, 4.0]]), np.array([[2.0, 5.0]]))
    expected = {"max_abs": 1.0, "max_rel": 0.25, "where": [0, 1], "reference": 4.0, "candidate": 5.0, "note": ""}
    assert found.to_json() == expected
    assert compare(np.zeros(2), np.zeros(3)).to_json()["where"] is None


def test_magnitude_ignores_what_is_not_finite():
    assert magnitude(np.array([1, -3, nan, inf])) == 3
    assert magnitude(np.array([nan])) == 0


def test_signal_to_noise_and_cosine():
    a = np.array([3.0, 4.0])
    assert snr_db(a, a) == inf
    assert snr_db(a, a + np.array([0.05, 0])) == pytest.approx(40)
    assert snr_db(a * 1e200, a * 1.01e200) == pytest.approx(40)
    assert snr_db(a * 1e-200, a * 1.01e-200) == pytest.approx(40)
    assert snr_db(a * 0, a) == -inf
    assert snr_db(a, np.array([3, nan])) == -inf
    assert cosine(a, 2 * a) == pytest.approx(1)
    assert cosine(a, np.array([-4.0, 3.0])) == pytest.approx(0)
    assert cosine(a * 1e200, -a * 1e-200) == pytest.approx(-1)
    assert (cosine(a * 0, a * 0), cosine(a, a * 0)) == (1, 0)
