"""Tensors with the same name, in any units, and who is to blame where they part."""

import numpy as np
import pytest
from bn_nets import Net, as_ir, mapped

from bnfold.plan import Unit
from bnfold.verification import make_batches, specs_of
from bnfold.verification.blame import blame
from bnfold.verification.sensitivity import every_weight
from bnfold.verification.trace import common_tensors, trace

NET = Net(seed=3)
ORIGINAL, FOLDED = NET.original(), NET.folded()
BATCHES = make_batches(specs_of(as_ir(ORIGINAL)))
DRAWS = [every_weight(0), every_weight(1)]


def sites(candidate, **more):
    return trace(as_ir(ORIGINAL), as_ir(candidate), BATCHES, DRAWS, [every_weight(2)], **more)


def look(candidate, trusted=False, **more):
    return blame(as_ir(ORIGINAL), as_ir(candidate), sites(candidate, **more), trusted=trusted)


def scaled(factors):
    return mapped(NET.exact(), lambda n, w: (w * factors.get(n, 1)).astype(np.float32))


def test_common_tensors_leave_out_what_was_removed():
    names = common_tensors(as_ir(ORIGINAL), as_ir(FOLDED))
    assert names["c0.y"] == "c0.y"
    assert "c0.z" not in names


def test_a_tensor_in_other_units_is_known_by_its_name():
    renamed = mapped(FOLDED, lambda _, w: w)
    for node in renamed.graph.node:
        node.output[:] = [name + ".folded'" if name == "c1.y" else name for name in node.output]
    assert common_tensors(as_ir(ORIGINAL), as_ir(renamed))["c1.y"] == "c1.y.folded'"


def test_a_right_fold_and_other_units_pass():
    assert look(FOLDED, trusted=True) is None
    other = scaled({"c1.w": 1.7, "c1.b": 1.7, "c2.w": 1 / 1.7})
    assert look(other, trusted=True) is None
    changed = {site.tensor for site in sites(other) if not site.unchanged}
    assert changed == {"c1.y", "c1.y.r"}


def test_known_units_leave_nothing_to_fit():
    other = scaled({"c1.w": 1.7, "c1.b": 1.7, "c2.w": 1 / 1.7})
    unit = Unit(np.full((1, 1, 1, 1), 1.7), np.zeros((1, 1, 1, 1)))
    assert look(other, trusted=True, units={"c1.y": unit, "c1.y.r": unit}) is None
    assert look(other, trusted=True, units={}).site.tensor == "c1.y"


@pytest.mark.parametrize("layer", range(5))
def test_the_first_wrong_tensor_and_its_channel_are_named(layer):
    def change(name, w):
        if name == f"c{layer}.w":
            w[3, 1, 0, 0] += 1e-3 * np.abs(w).max()
        return w

    found = look(mapped(FOLDED, change))
    assert (found.site.tensor, found.site.channel) == (f"c{layer}.y", 3)
    assert found.site.error > found.site.bound
    assert found.candidate == (f"c{layer}",)
    assert found.reference == (f"c{layer}", f"c{layer}.bn")
    assert f"c{layer}.y" in found.sentence


def test_a_wrong_bias_is_traced_back_to_where_it_starts():
    def change(name, w):
        if name == "c1.b":
            w[2] += 0.05
        return w

    found = look(mapped(FOLDED, change), trusted=True)
    assert found.site.tensor == "c1.y.r"
    assert (found.start.tensor, found.start.direct_channel) == ("c1.y", 2)
    assert found.candidate == ("c1", "c1.y.relu")
    assert "begins at c1" in found.sentence


def test_another_tensor_under_the_same_name_is_passed_over():
    wrong = mapped(FOLDED, lambda n, w: w[::-1].copy() if n == "c1.w" else w)
    assert look(wrong, trusted=True).site.tensor == "c1.y"
    only = look(wrong)
    assert only is None or only.site.tensor != "c1.y"


def test_a_planted_nan_is_found_where_it_is():
    def change(name, w):
        if name == "c2.b":
            w[0] = np.nan
        return w

    found = look(mapped(FOLDED, change), trusted=True)
    assert found.site.tensor == "c2.y"
    assert "not finite" in found.sentence
