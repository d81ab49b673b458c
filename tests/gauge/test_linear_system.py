"""LinearSystem against elimination in exact fractions, and against all assignments where there are only signs."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnfold.gauge.equations import Equations
from bnfold.gauge.linear_system import LinearSystem

SIZE = 7
Equation = tuple[dict[int, int], int]

COEFFICIENTS = st.integers(-3, 3)
IDS = st.integers(0, SIZE - 1)


@st.composite
def equations(draw, modulus: int | None = None):
    """One equation as terms (repeated and zero ones included) and its right-hand side."""
    terms = draw(st.lists(st.tuples(IDS, COEFFICIENTS), min_size=1, max_size=4))
    return terms, draw(st.integers(0, 1) if modulus else st.integers(-4, 4))


def batches(modulus: int | None = None):
    batch = st.lists(equations(modulus), min_size=1, max_size=4)
    return st.lists(st.tuples(batch, st.booleans()), min_size=1, max_size=6)


def packed(batch, modulus: int | None = None) -> Equations:
    width, n = max(len(terms) for terms, _ in batch), len(batch)
    ids, coefficients = np.zeros((width, n), np.int64), np.zeros((width, n))
    for column, (terms, _) in enumerate(batch):
        for row, (unknown, coefficient) in enumerate(terms):
            ids[row, column] = unknown
            coefficients[row, column] = coefficient % modulus if modulus else coefficient
    right = np.asarray([right for _, right in batch], np.float64)
    magnitude = np.full(n, 0.0 if modulus else 8.0)
    return Equations(ids, coefficients, right, magnitude, np.arange(n))


def dense(batch) -> list[tuple[list[Fraction], Fraction]]:
    """The same equations as rows without the ground."""
    rows = []
    for terms, right in batch:
        row = [Fraction(0)] * SIZE
        for unknown, coefficient in terms:
            row[unknown] += coefficient
        rows.append((row[1:], Fraction(right)))
    return rows


def consistent(rows: list[tuple[list[Fraction], Fraction]]) -> bool:
    """Whether exact elimination ends without 0 = something."""
    rows = [([*row], right) for row, right in rows]
    for column in range(SIZE - 1):
        pivot = next((i for i, (row, _) in enumerate(rows) if row[column]), None)
        if pivot is None:
            continue
        lead, value = rows.pop(pivot)
        rows = [
            (
                [a - b * row[column] / lead[column] for a, b in zip(row, lead, strict=True)],
                right - value * row[column] / lead[column],
            )
            for row, right in rows
        ]
    return all(right == 0 for row, right in rows if not any(row))


def satisfiable(batch) -> bool:
    """The same modulo 2, by trying everything."""
    return any(
        all(sum(c * bits[i] for i, c in terms) % 2 == right % 2 for terms, right in batch)
        for bits in itertools.product([0], *[[0, 1]] * (SIZE - 1))
    )


def system(modulus: int | None, free: tuple[int, ...] = ()) -> LinearSystem:
    mask = np.zeros(SIZE, np.bool_)
    mask[list(free)] = True
    return LinearSystem(SIZE, mask, modulus)


def settled(solved: LinearSystem) -> np.ndarray:
    solved.settle(np.arange(1, SIZE))
    return np.concatenate([[0.0], solved.values(np.arange(1, SIZE))])


def residual(batch, values: np.ndarray) -> list[float]:
    return [sum(c * values[i] for i, c in terms) - right for terms, right in batch]


def replayed(history, solved, modulus, possible):
    """What a system takes of a history of batches, which must be what is possible; some of it is taken back."""
    accepted = []
    for batch, kept in history:
        solved.begin()
        contradiction = solved.add(packed(batch, modulus))
        assert (contradiction is None) == possible(accepted + batch)
        if contradiction is None and kept:
            solved.commit()
            accepted += batch
        else:
            solved.rollback()
    return accepted


@given(batches(), st.sets(IDS))
@settings(max_examples=200)
def test_real_equations(history, free):
    solved = system(None, tuple(free))
    accepted = replayed(history, solved, None, lambda equations: consistent(dense(equations)))
    values = settled(solved)
    assert np.allclose(residual(accepted, values), 0, atol=1e-9)


@given(batches(2), st.sets(IDS))
@settings(max_examples=200)
def test_signs(history, free):
    solved = system(2, tuple(free))
    accepted = replayed(history, solved, 2, satisfiable)
    values = settled(solved)
    assert set(values) <= {0, 1}
    assert all(error % 2 == 0 for error in residual(accepted, values))


@given(batches(), batches(), st.integers(0, 1))
@settings(max_examples=100)
def test_rollback_leaves_no_trace(before, tried, which):
    """What was tried and taken back must not change any later answer or value."""
    modulus = [None, 2][which]
    plain, probed = system(modulus), system(modulus)
    for batch, _ in before:
        equation = packed([(terms, right % 2) for terms, right in batch] if modulus else batch, modulus)
        for one in (plain, probed):
            one.begin()
            if one.add(equation) is None:
                one.commit()
            else:
                one.rollback()
        probed.begin()
        for other, _ in tried:
            if probed.add(packed([(t, r % 2) for t, r in other] if modulus else other, modulus)) is not None:
                break
        probed.rollback()
    assert np.allclose(settled(plain), settled(probed), atol=1e-9)


@given(batches(), st.permutations(range(1, SIZE)))
@settings(max_examples=100)
def test_settle_prefers_zero_in_order(history, order):
    """Of unknowns that are tied in pairs, the first one gets the value 0."""
    solved, accepted = system(None), []
    for long, _ in history:
        batch = [(terms[:2], right) for terms, right in long]
        solved.begin()
        if solved.add(packed(batch)) is None:
            solved.commit()
            accepted += batch
        else:
            solved.rollback()
    fixed = list(accepted)
    solved.settle(np.asarray(order))
    for unknown in order:
        zero = ([(unknown, 1)], 0)
        if consistent(dense([*fixed, zero])):
            fixed.append(zero)
            assert solved.values(np.asarray([unknown])) == pytest.approx(0, abs=1e-9)


def test_a_conflict_names_who_fixed_the_value():
    solved = system(None)
    first = Equations(np.asarray([[1], [2]]), np.asarray([[1.0], [-1.0]]), np.zeros(1), np.zeros(1), np.asarray([7]))
    fixing = Equations(np.asarray([[1]]), np.ones((1, 1)), np.ones(1), np.ones(1), np.asarray([8]))
    against = Equations(np.asarray([[2]]), np.ones((1, 1)), np.zeros(1), np.zeros(1), np.asarray([9]))
    assert solved.add(first) is None
    assert solved.add(fixing) is None
    contradiction = solved.add(against)
    assert contradiction is not None
    assert contradiction.index == 0
    assert contradiction.origins == (8, 7)


def test_long_chains_of_factors_stay_exact_enough():
    """x_n = 3 x_(n-1), x_0 = 1: the same value reached from both ends is no contradiction."""
    size = 40
    solved = LinearSystem(size, np.zeros(size, np.bool_))
    ids = np.stack([np.arange(2, size), np.arange(1, size - 1)])
    coefficients = np.stack([np.ones(size - 2), np.full(size - 2, -1 / 3)])
    zeros = np.zeros(size - 2)
    assert solved.add(Equations(ids, coefficients, zeros, zeros, np.zeros(size - 2, np.int64))) is None
    one = np.ones(1)
    start = Equations(np.asarray([[1]]), np.ones((1, 1)), one, one, np.zeros(1, np.int64))
    assert solved.add(start) is None
    end = (1 / 3) ** (size - 2)
    last = Equations(np.asarray([[size - 1]]), np.ones((1, 1)), one * end, one * end, np.zeros(1, np.int64))
    assert solved.add(last) is None
