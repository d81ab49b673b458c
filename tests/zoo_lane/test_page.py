"""The zoo lane's own arithmetic and its page; the networks themselves need timm and run in `benchmarks/zoo`."""

import numpy as np
import pytest

from benchmarks.zoo.agreement import relative
from benchmarks.zoo.table import failures, reasons, table

RECORD = {
    "model": "timm:net",
    "input": [2, 3, 64, 64],
    "nodes": 9,
    "affine": [3, 1],
    "scalar": [1, 0],
    "kept": {"shift_conflict": {"count": 1, "first": ["BatchNormalization bn: its shift has nowhere to go"]}},
    "float64": {"outputs": 2e-15},
    "onnxruntime": {"failed": "no kernel"},
    "solve_s": 0.25,
}


@pytest.mark.parametrize(
    ("expected", "got", "difference"),
    [
        ([2.0, -4.0], [2.0, -3.0], 0.25),
        ([0.0], [0.5], 0.5),
        ([1.0, np.nan], [1.0, np.nan], 0.0),
        ([1.0, np.inf], [1.0, 2.0], np.inf),
        ([1.0], [1.0, 1.0], np.inf),
    ],
)
def test_relative_difference(expected: list[float], got: list[float], difference: float) -> None:
    assert relative(np.array(expected), np.array(got)) == difference


def test_whole_numbers_must_be_the_same() -> None:
    assert relative(np.array([1, 2]), np.array([1, 2])) == 0
    assert relative(np.array([1, 2]), np.array([1, 3])) == np.inf


def test_sequences_are_compared_part_by_part() -> None:
    parts = [np.array([1.0]), np.array([2.0])]
    assert relative(parts, [parts[0], np.array([1.0])]) == 0.5


def test_page() -> None:
    row = table([RECORD]).splitlines()[-1]
    assert row == "| timm:net | 3x64x64 | 9 | 3 → 1 | 1 → 0 | 2.0e-15 | not run | 0.25 s | shift_conflict 1 |"
    assert reasons([RECORD]) == "- **timm:net**\n    - BatchNormalization bn: its shift has nowhere to go"
    assert failures([{"model": "a", "status": "timeout", "why": "slow"}]) == "- a (timeout): slow"
