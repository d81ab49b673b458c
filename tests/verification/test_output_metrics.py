"""Metrics of outputs over several batches, each against a definition written out here."""

from math import inf, nan

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnfold.verification import Batch
from bnfold.verification.output_metrics import PAIRS, ULP_EDGES, OutputMetrics, measure_outputs


def measured(reference: np.ndarray, candidate: np.ndarray) -> OutputMetrics:
    (found,) = measure_outputs([Batch("only", {})], [{"y": reference}], [{"y": candidate}])
    return found


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.integers(0, 3000), st.booleans())
def test_an_element_so_many_numbers_away_is_counted_in_its_bin(start: float, steps: int, up: bool) -> None:
    x = np.array([start], np.float32)
    y = x.copy()
    for _ in range(steps):
        y = np.nextafter(y, np.float32(inf if up else -inf))
    if not np.isfinite(y).all():
        return
    (label,) = [label for label, count in measured(x, y).ulp.items() if count]
    low, high = (int(label[1:]) + 1, inf) if label[0] == ">" else (int(label.split("-")[0]), int(label.split("-")[-1]))
    assert low <= steps <= high


@pytest.mark.parametrize("kind", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_one_unit_in_the_last_place_of_every_float_type(kind: type) -> None:
    x = np.ones(4, kind)
    y = x.copy()
    y[1] = np.nextafter(x[1], kind(2))
    found = measured(x, y).ulp
    assert (found["0"], found["1"], sum(found.values())) == (3, 1, 4)
    assert list(found) == ["0", "1", "2", "3-4", "5-8", "9-16", "17-64", "65-256", "257-1024", f">{ULP_EDGES[-1]}"]


def test_both_zeros_are_the_same_number() -> None:
    assert measured(np.zeros(1, np.float32), -np.zeros(1, np.float32)).ulp["0"] == 1


def test_numbers_that_are_not_finite_are_counted_as_places() -> None:
    x = np.array([nan, inf, -inf, 1, nan, nan, nan, 2], np.float32)
    y = np.array([nan, inf, inf, nan, 4, 5, 6, 2], np.float32)
    found = measured(x, y)
    assert found.not_finite == (6, 4, 5)
    assert sum(found.ulp.values()) == 1
    assert found.worst.max_abs == inf
    assert found.to_json()["max_abs"] is None


def test_the_worst_batch_is_named_with_its_index_and_both_values() -> None:
    batches = [Batch("calm", {}), Batch("wild", {})]
    reference = [{"y": np.ones((2, 3))}, {"y": np.full((2, 3), 2.0)}]
    candidate = [{"y": np.full((2, 3), 1.1)}, {"y": np.array([[2, 2, 2], [2, 2.5, 2]])}]
    (found,) = measure_outputs(batches, reference, candidate)
    assert (found.batch, found.worst.where) == ("wild", (1, 1))
    assert (found.worst.reference, found.worst.candidate, found.worst.max_rel) == (2, 2.5, 0.25)
    assert found.snr_db == pytest.approx(10 * np.log10(6 * 2**2 / 0.5**2))
    assert found.cosine == pytest.approx(2 * (5 * 2 + 2.5) / np.sqrt(6 * 2**2 * (5 * 2**2 + 2.5**2)))


def test_the_share_of_best_classes_that_stay_among_the_best() -> None:
    scores = np.array([[6.0, 5, 4, 3, 2, 1], [1, 2, 3, 4, 5, 6]])
    other = scores.copy()
    other[0, [0, 1]] = other[0, [1, 0]]
    other[1, [0, 1]] = [9.0, 0.0]
    # Sample 0 swaps its two best; in sample 1 class 0 takes the first place, and that of class 1 among the five.
    assert measured(scores, other).top == {1: 0.0, 5: pytest.approx((1 + 4 / 5) / 2)}
    assert measured(scores, scores).top == {1: 1.0, 5: 1.0}
    assert set(measured(scores[:, :3], scores[:, :3]).top) == {1}


def test_classes_of_an_image_lie_on_axis_1() -> None:
    scores = np.zeros((1, 3, 2, 2))
    scores[0, 1] = 1
    other = scores.copy()
    other[0, 2, 0, 0] = 2
    assert measured(scores, other).top == {1: 0.75}


def test_classes_of_a_sequence_lie_on_the_last_axis() -> None:
    scores = np.zeros((1, 2, 3))
    scores[0, :, 1] = 1
    other = scores.copy()
    other[0, 0, 2] = 2
    assert measured(scores, other).top == {1: 0.5}


def test_the_data_of_an_output() -> None:
    scores, other = np.array([[1.0, 4.0], [2.0, 3.0]]), np.array([[1.0, 5.0], [inf, 3.0]])
    data = measured(scores, other).to_json()
    assert {key: data[key] for key in ("output", "batch", "where", "note", "snr_db", "cosine", "top1")} == {
        "output": "y",
        "batch": "only",
        "where": [1, 0],
        "note": "inf instead of 2.0",
        "snr_db": None,
        "cosine": None,
        "top1": 0.5,
    }
    assert data["not_finite"] == {"reference": 0, "candidate": 1, "differing": 1}
    assert data["pairs"] == [[0.25, 0.25], [1.0, 1.25], [0.75, 0.75]]
    errors = {"max_abs", "max_rel", "where", "reference", "candidate", "note"}
    assert set(data) == {"output", "batch", "ulp", "not_finite", "snr_db", "cosine", "top1", "pairs"} | errors


def test_integers_have_no_units_in_the_last_place_and_no_best_classes() -> None:
    found = measured(np.arange(6).reshape(2, 3), np.arange(6).reshape(2, 3))
    assert (found.ulp, found.top, found.worst.max_abs) == ({}, {}, 0)


def test_another_shape_is_no_number() -> None:
    found = measured(np.zeros((2, 3), np.float32), np.zeros((3, 2), np.float32))
    assert (found.worst.max_rel, found.snr_db, found.ulp) == (inf, -inf, {})
    assert "instead of" in found.worst.note


def test_an_output_that_only_one_model_has_is_left_out() -> None:
    assert measure_outputs([Batch("only", {})], [{"y": np.ones(1)}], [{"z": np.ones(1)}]) == ()


def test_the_two_ends_of_float64_are_far_apart() -> None:
    largest = np.array([np.finfo(np.float64).max])
    assert measured(largest, -largest).ulp[f">{ULP_EDGES[-1]}"] == 1


def test_pairs_are_values_at_the_same_places_as_shares_of_the_largest() -> None:
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(2, 500)), 100 * rng.normal(size=(2, 5))]
    y = [a * 1.5 for a in x]
    x[0][0, 0] = nan
    batches = [Batch("many", {}), Batch("large", {})]
    (found,) = measure_outputs(batches, [{"y": a} for a in x], [{"y": b} for b in y])
    assert 100 < len(found.pairs) <= PAIRS
    assert all(b == pytest.approx(1.5 * a, rel=1e-9) for a, b in found.pairs)
    assert {a for a, _ in found.pairs[-10:]} == {float(f"{v:.12g}") for v in (x[1] / np.abs(x[1]).max()).ravel()}


def test_a_batch_of_zeros_has_no_pairs_and_does_not_end_them() -> None:
    zeros, ones = {"y": np.zeros(2)}, {"y": np.ones(2)}
    (found,) = measure_outputs([Batch("zeros", {}), Batch("ones", {})], [zeros, ones], [zeros, ones])
    assert found.pairs == ((1.0, 1.0), (1.0, 1.0))


def test_pairs_beyond_the_range_of_floats_are_left_out() -> None:
    assert measured(np.array([1e-300, 0.0]), np.array([1e300, 0.0])).pairs == ((0.0, 0.0),)
