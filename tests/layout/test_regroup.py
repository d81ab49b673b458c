"""Reshapes of permuted tensors: what both sides say about them holds for numbers."""

import numpy as np
import pytest

from bnfold.layout.regroup import regrouped
from bnfold.layout.view import inverse
from bnfold.proof.core.units import UnprovedError
from bnfold.proof.reading.layout import _regrouped


def cases(count: int = 3000):
    """Shapes that one Reshape joins, splits and mixes, and a permutation in front of it."""
    random = np.random.default_rng(0)
    for _ in range(count):
        factors = [int(f) for f in random.choice([1, 2, 2, 3, 3], random.integers(2, 6))]
        x, y = (joined(factors, random) for _ in range(2))
        yield x, y, tuple(int(axis) for axis in random.permutation(len(x)))


def joined(factors: list[int], random: np.random.Generator) -> tuple[int, ...]:
    shape = [1]
    for factor in factors:
        if random.random() < 0.4:
            shape[-1] *= factor
        else:
            shape.append(factor)
    return tuple(shape)


def test_axes_come_out_where_they_are_said_to():
    found = 0
    for x, y, perm in cases():
        stored = np.arange(np.prod(x)).reshape([x[axis] for axis in inverse(perm)])
        expected = stored.transpose(perm).reshape(y)
        for axes in both(x, y, perm):
            made = stored.reshape([y[axis] for axis in axes])
            assert np.array_equal(made.transpose(inverse(axes)), expected), (x, y, perm, axes)
            found += 1
    assert found > 500


def both(x, y, perm):
    """What the layout pass and the checker say, as far as they say anything."""
    axes = regrouped(x, y, perm)
    if axes is not None:
        yield axes
    try:
        yield tuple(axis for block in _regrouped(x, y, perm) for axis in block)
    except UnprovedError:
        return


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (("n", "h", 6), ("n", "w", 2, 3)),  # one unknown extent may have another's name,
        (("n", "h", 4, 6), ("n", None, 4, 2, 3)),  # for all others are the same
    ],
)
def test_one_unknown_extent_is_its_counterpart(x, y):
    perm = (0, len(x) - 1, *range(1, len(x) - 1))
    assert regrouped(x, y, inverse(perm)) is not None
    assert _regrouped(x, y, inverse(perm))


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (("n", "h", "w", 6), ("n", "a", "b", 2, 3)),
        (("n", None, None, 6), ("n", None, None, 2, 3)),
        (("n", 4, 6), ("n", 2, "h", 3)),
        (("n", 2, "h", 6), ("n", 4, "h", 3)),
        ((0, 4), (0, 2)),
    ],
)
def test_what_is_not_known_is_refused(x, y):
    perm = tuple(range(len(x)))
    assert regrouped(x, y, perm) is None
    with pytest.raises(UnprovedError):
        _regrouped(x, y, perm)
