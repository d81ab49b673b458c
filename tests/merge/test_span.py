"""Windows along one axis against what they read, position by position."""

from itertools import product

import numpy as np
import pytest

from bnfold.merge.plan import Apart, MisfitError
from bnfold.merge.span import Span

SPANS = [
    Span.padded(kernel, stride, dilation, front, back)
    for kernel, stride, dilation, front, back in product((1, 2, 3), (1, 2, 3), (1, 2), (0, 1, 2), (0, 1))
    if kernel > 1 or dilation == 1
]
SIZES = (3, 6)


def matrix(span: Span, n: int) -> np.ndarray:
    """[outputs, n]: a number for every tap, which is different for each and each kernel size."""
    taps = np.sqrt(np.arange(2, span.kernel + 2))
    result = np.zeros((max(span.outputs(n), 0), n))
    for p, i in product(range(len(result)), range(span.kernel)):
        read = span.stride * p + span.start + span.dilation * i
        if 0 <= read < n:
            result[p, read] += taps[i]
    return result


def reads(span: Span, n: int) -> np.ndarray:
    return matrix(span, n) != 0


def chained_taps(first: Span, second: Span, whole: Span, n: int) -> np.ndarray:
    """The matrix of `whole`, its taps being the sums over the taps of both."""
    result = np.zeros((whole.outputs(n), n))
    a, b = (np.sqrt(np.arange(2, span.kernel + 2)) for span in (first, second))
    for p, i, j in product(range(len(result)), range(first.kernel), range(second.kernel)):
        offset = first.start + first.dilation * i + first.stride * (second.start + second.dilation * j)
        assert whole.start <= offset <= whole.end
        assert (offset - whole.start) % whole.dilation == 0
        read = whole.stride * p + offset
        if 0 <= read < n:
            result[p, read] += a[i] * b[j]
    return result


@pytest.mark.parametrize("n", SIZES)
def test_a_sum_reads_what_either_reads(n):
    met, refused = 0, set()
    for a, b in product(SPANS, SPANS):
        if min(a.outputs(n), b.outputs(n)) < 1:
            continue
        try:
            whole = a.plus(b, n)
        except MisfitError as misfit:
            refused.add(misfit.code)
            assert a.stride != b.stride or a.outputs(n) != b.outputs(n)
            continue
        met += 1
        assert whole.front >= 0
        assert whole.back >= 0
        assert whole.outputs(n) == a.outputs(n) == b.outputs(n)
        assert (reads(whole, n) >= reads(a, n) | reads(b, n)).all()
    assert met > 500
    assert refused == {Apart.STRIDES, Apart.EXTENTS}


@pytest.mark.parametrize("n", SIZES)
def test_a_chain_reads_what_both_read(n):
    met, refused = 0, set()
    for a, b in product(SPANS, SPANS):
        inner = a.outputs(n)
        if inner < 1 or b.outputs(inner) < 1:
            continue
        exact = matrix(b, inner) @ matrix(a, n)
        try:
            whole = a.then(b, n)
        except MisfitError as misfit:
            refused.add(misfit.code)
            continue
        met += 1
        assert whole.front >= 0
        assert whole.back >= 0
        assert whole.outputs(n) == b.outputs(inner)
        np.testing.assert_allclose(chained_taps(a, b, whole, n), exact, atol=1e-12)
    assert met > 2000
    assert refused == {Apart.BORDER}


@pytest.mark.parametrize("combine", [Span.plus, Span.then])
def test_what_holds_for_any_size_holds_for_every_size(combine):
    accepted = 0
    for a, b in product(SPANS, SPANS):
        try:
            whole = combine(a, b, None)
        except MisfitError:
            continue
        accepted += 1
        for n in range(3, 8):
            if a.outputs(n) >= 1 and (b.outputs(n) if combine is Span.plus else b.outputs(a.outputs(n))) >= 1:
                assert combine(a, b, n).outputs(n) == whole.outputs(n)
                assert combine(a, b, n) == whole
    assert accepted > 400


def test_a_sum_takes_no_more_taps_than_it_needs():
    centre, dilated = Span(), Span.padded(3, 1, 2, 2, 2)
    assert centre.plus(dilated, None) == dilated
    assert Span.padded(3, 1, 1, 1, 1).plus(Span.padded(2, 1, 2, 1, 1), None) == Span(3, 1, 1, -1, 0)
