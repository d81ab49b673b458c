"""Tensors with the same name, in any units."""

import numpy as np
import pytest
from bn_nets import Net, as_ir, mapped

from bnfold.verification import make_batches, specs_of
from bnfold.verification.landmarks import common_names, first_unexplained
from bnfold.verification.sensitivity import every_weight

NET = Net(seed=3)
ORIGINAL, FOLDED = NET.original(), NET.folded()
BATCHES = make_batches(specs_of(as_ir(ORIGINAL)))
DRAWS = [every_weight(0), every_weight(1)]


def look(candidate, **more):
    return first_unexplained(as_ir(ORIGINAL), as_ir(candidate), BATCHES, DRAWS, [every_weight(2)], **more)


def test_common_names_leave_out_what_was_removed():
    names = common_names(as_ir(ORIGINAL), as_ir(FOLDED))
    assert "c0.y" in names
    assert "c0.z" not in names


def test_a_right_fold_and_other_units_pass():
    assert look(FOLDED) is None
    scale = {"c1.w": 1.7, "c1.b": 1.7, "c2.w": 1 / 1.7}
    other = mapped(NET.exact(), lambda n, w: (w * scale.get(n, 1)).astype(np.float32))
    assert look(other, same_names=True) is None


@pytest.mark.parametrize("layer", range(5))
def test_the_first_wrong_tensor_and_its_channel_are_named(layer):
    def change(name, w):
        if name == f"c{layer}.w":
            w[3, 1, 0, 0] += 1e-3 * np.abs(w).max()
        return w

    found = look(mapped(FOLDED, change))
    assert (found.tensor, found.channel) == (f"c{layer}.y", 3)
    assert found.error > found.bound


def test_another_tensor_under_the_same_name_is_passed_over():
    wrong = mapped(FOLDED, lambda n, w: w[::-1].copy() if n == "c1.w" else w)
    found = look(wrong, same_names=True)
    assert found.tensor == "c1.y"
    only = look(wrong)
    assert only is None or only.tensor != "c1.y"
