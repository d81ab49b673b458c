"""Where elements go when only a shape changes: held against NumPy's own reshape."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnfold.gauge.rules.reshape import reshaped
from bnfold.network import OpaqueError

EXTENTS = st.lists(st.sampled_from([1, 2, 3, 4]), min_size=1, max_size=4)


def regrouped(extents: list[int], joins: list[bool], splits: list[bool]) -> list[int]:
    """The same elements with some neighbouring axes joined, and some axes of an even extent split in two."""
    joined = extents[:1]
    for extent, join in zip(extents[1:], joins, strict=False):
        joined[-1:] = [joined[-1] * extent] if join else [joined[-1], extent]
    parts = [[2, n // 2] if split and n % 2 == 0 else [n] for n, split in zip(joined, splits, strict=False)]
    return [extent for part in parts for extent in part]


FLAGS = st.lists(st.booleans(), min_size=4, max_size=4)


@given(EXTENTS, FLAGS, FLAGS, FLAGS)
def test_every_element_keeps_its_unit(extents: list[int], joins: list[bool], splits: list[bool], varies: list[bool]):
    target = regrouped(extents, joins, splits)
    own = [n if v else 1 for n, v in zip(extents, varies, strict=False)]
    gauge = np.arange(1, 1 + int(np.prod(own))).reshape(own)
    found = reshaped(gauge, extents, target)
    expected = np.broadcast_to(gauge, extents).reshape(target)
    np.testing.assert_array_equal(np.broadcast_to(found, target), expected)
    assert all(n > 1 or own == 1 for n, own in zip(target, found.shape, strict=True))


@given(EXTENTS, FLAGS, FLAGS, FLAGS, st.sampled_from([("n", "n"), ("n", None), (None, "m"), (None, None)]))
def test_an_extent_that_is_not_known_in_front(extents, joins, splits, varies, names):
    """It stays in front, so what lies behind it is reshaped alone."""
    target = regrouped(extents, joins, splits)
    own = [n if v else 1 for n, v in zip(extents, varies, strict=False)]
    gauge = np.arange(1, 1 + int(np.prod(own))).reshape(1, *own)
    found = reshaped(gauge, [names[0], *extents], [names[1], *target])
    expected = np.broadcast_to(gauge[0], extents).reshape(target)
    np.testing.assert_array_equal(np.broadcast_to(found, [1, *target])[0], expected)


@pytest.mark.parametrize(("source", "target"), [((None, 3, 2), (None, 6)), ((2, None), (None,))])
def test_units_along_an_extent_that_is_not_known_are_refused(source, target):
    gauge = np.arange(1, 7).reshape(2, 3, 1) if source[0] is None else np.arange(1, 3).reshape(2, 1)
    with pytest.raises(OpaqueError):
        reshaped(gauge, source, target)
