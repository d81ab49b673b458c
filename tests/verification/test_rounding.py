"""The allowance of the folded model on ONNX Runtime."""

import numpy as np
from bn_nets import Net, as_ir

from bnfold.verification import make_batches, specs_of
from bnfold.verification.rounding import FACTOR, FLOOR_ULP, LOST, judge

FLOAT32 = np.dtype(np.float32)
BATCHES = make_batches(specs_of(as_ir(Net().original())))[:1]
TRUTH = np.array([1.0, -2.0])


def verdict(own, error, moved=0.0):
    shift = np.array([0.0, -2.0])
    outputs = [[{"y": TRUTH + e * shift}] for e in (own, error)]
    return judge(FLOAT32, BATCHES, [{"y": TRUTH}], [{"y": moved}], *outputs)


def test_the_originals_own_error_is_the_tolerance():
    floor = FLOOR_ULP * 2.0**-23
    assert verdict(1e-5, 4e-5).worst.holds
    assert not verdict(1e-5, 4.2e-5).worst.holds
    assert verdict(0, 0.9 * floor).worst.holds
    assert not verdict(0, 1.1 * floor).worst.holds
    assert verdict(0, 3e-5, moved=1e-5).worst.holds


def test_weights_that_alone_spoil_the_output_are_no_excuse():
    allowed = FACTOR * LOST * 1e-6
    assert verdict(1e-6, 0.9 * allowed, moved=1e-2).worst.holds
    assert not verdict(1e-6, 1.1 * allowed, moved=1e-2).worst.holds
    assert verdict(0, 0.9 * FACTOR * LOST * 2.0**-23, moved=1e-2).worst.holds


def test_a_nan_is_never_allowed():
    assert not verdict(0, np.nan).worst.holds


def test_an_original_far_from_the_truth_is_said():
    found = verdict(0.1, 0.1)
    assert found.worst.holds
    assert found.blind == ("y on batch normal",)
    assert verdict(1e-6, 1e-6).blind == ()
