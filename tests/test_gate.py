"""The regression gate says what changed, in either direction."""

from benchmarks.gate.__main__ import differences, too_slow
from benchmarks.gate.speeds import BOUNDS


def test_every_count_that_changes_is_named() -> None:
    before = {"net": {"nodes left": 5, "affine operators left": 0}, "gone": {"nodes left": 1}}
    now = {"net": {"nodes left": 4, "affine operators left": 1}, "new": {"nodes left": 2}}
    assert differences(before, now) == [
        "gone: nodes left is None, recorded is 1.",
        "net: affine operators left is 1, recorded is 0.",
        "net: nodes left is 4, recorded is 5.",
        "new: nodes left is 2, recorded is None.",
    ]
    assert differences(before, before) == []


def test_a_speed_below_its_bound_is_named() -> None:
    name, bound = next(iter(BOUNDS.items()))
    assert too_slow({name: bound}) == []
    assert too_slow({name: bound - 0.01}) == [f"{name}: {bound - 0.01:.2f}x, at least {bound:g}x is wanted."]
