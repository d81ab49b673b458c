"""Stored weights against exact ones, and the type of a model."""

from math import inf

import numpy as np
import onnx_ir as ir
import pytest
from bn_nets import Net, as_ir, mapped
from hypothesis import given
from hypothesis import strategies as st

from bnfold.verification.stored import compare_weights, model_type, stored_types
from bnfold.verification.verdict import Weights

NET = Net(blocks=1, width=2)
EXACT = NET.exact()


def test_rounding_once_is_at_most_half_a_unit():
    found = compare_weights(as_ir(EXACT), as_ir(NET.folded()))
    assert found.holds
    assert 0.4 < found.max_ulp <= 0.5


@given(st.integers(0, 53), st.sampled_from([-1, 1]))
def test_every_number_one_step_off_is_found(index, direction):
    def step(name, w):
        if name == "c0.w":
            w.flat[index] = np.nextafter(w.flat[index], np.float32(direction * np.inf))
        return w

    found = compare_weights(as_ir(EXACT), as_ir(mapped(NET.folded(), step)))
    assert not found.holds
    assert found.worst == "c0.w"


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_what_is_not_finite_is_infinitely_far(value):
    wrong = mapped(NET.folded(), lambda n, w: np.full_like(w, value) if n == "c1.b" else w)
    assert compare_weights(as_ir(EXACT), as_ir(wrong)).max_ulp == inf
    assert compare_weights(as_ir(wrong), as_ir(wrong)).max_ulp == 0


def test_types():
    assert model_type(as_ir(Net(dtype=np.float16).original())) == np.float16
    assert model_type(as_ir(NET.folded())) == np.float32
    assert set(stored_types(as_ir(EXACT)).values()) == {np.dtype(np.float64), np.dtype(np.float32)}


def test_a_scalar_is_compared():
    model = ir.from_onnx_text(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[2] x) => (float[2] y) <float s = {3}> { y = Mul(x, s) }'
    )
    assert compare_weights(model, model) == Weights(1, 0.0)
