"""The verdict on models in float16 and bfloat16, and on outputs that are integers."""

import numpy as np
import pytest
from bn_nets import Net, as_ir, mapped, saved, single
from onnx import TensorProto, helper, numpy_helper
from verdicts import (
    BATCHES,
    FOLDED,
    ORIGINAL,
    fold_verdict,
    in_process,  # noqa: F401
    scaled_weight,
)

from bnfold.verification import Float64Error, make_batches, specs_of, verify_files


def test_half_precision(tmp_path):
    net = Net(seed=2, dtype=np.float16)
    batches = make_batches(specs_of(as_ir(net.original())))
    found = fold_verdict(tmp_path, net.exact(), net.folded(), net.original(), batches)
    assert found.verdict == "equivalent", found.sentences
    assert found.rounding.folded > 1e-5
    overflow = mapped(net.exact(), lambda n, w: w * np.float64(1e6) if n == "c1.w" else w)
    with np.errstate(over="ignore"):
        stored = mapped(overflow, lambda _, w: w.astype(np.float16))
    assert fold_verdict(tmp_path, overflow, stored, net.original(), batches).verdict == "different"


def test_float16_that_cannot_be_emulated_is_said(tmp_path, monkeypatch):
    def refuse(*_):
        raise Float64Error("Operator Odd has no float64 implementation.")

    net = Net(seed=2, dtype=np.float16)
    batches = make_batches(specs_of(as_ir(net.original())))
    monkeypatch.setattr("bnfold.verification.own_type.Emulation", refuse)
    found = fold_verdict(tmp_path, net.exact(), net.folded(), net.original(), batches)
    assert any("to emulate float16 failed: Operator Odd" in sentence for sentence in found.sentences)


def in_half(model):
    """Weights and arithmetic in float16 between two casts; the interface stays float32."""
    copy = mapped(model, lambda _, w: w.astype(np.float16))
    for node in copy.graph.node:
        node.input[:] = ["x.half" if name == "x" else name for name in node.input]
        node.output[:] = ["y.half" if name == "y" else name for name in node.output]
    copy.graph.node.insert(0, helper.make_node("Cast", ["x"], ["x.half"], "narrow", to=TensorProto.FLOAT16))
    copy.graph.node.append(helper.make_node("Cast", ["y.half"], ["y"], "widen", to=TensorProto.FLOAT))
    del copy.graph.value_info[:]
    return copy


def test_a_float16_candidate_is_held_against_the_original_in_float16(tmp_path):
    moderate = [batch for batch in BATCHES if batch.name != "large"]
    paths = saved(ORIGINAL, tmp_path / "wide.onnx"), saved(in_half(FOLDED), tmp_path / "half.onnx")
    found = verify_files(*paths, moderate)
    assert found.verdict == "equivalent", found.sentences
    assert found.rounding.dtype == "float16"
    assert 1e-5 < found.rounding.folded <= found.rounding.allowed < 0.1
    assert any("held against the original converted to float16" in s for s in found.sentences)
    wrong = saved(in_half(mapped(FOLDED, scaled_weight("c2.w", 7, 1.2))), tmp_path / "wrong.onnx")
    found = verify_files(paths[0], wrong, moderate)
    assert found.verdict == "different"
    assert "c2" in found.blame.candidate


def test_bfloat16_is_emulated(tmp_path):
    import ml_dtypes

    net = Net(seed=2, dtype=ml_dtypes.bfloat16)
    batches = make_batches(specs_of(as_ir(net.original())))
    found = fold_verdict(tmp_path, net.exact(), net.folded(), net.original(), batches)
    assert found.verdict == "equivalent", found.sentences
    assert (found.rounding.by, found.rounding.dtype) == ("emulation", "bfloat16")
    assert 1e-3 < found.rounding.original < 0.02
    assert "no bfloat16 convolution" in found.sentences[-1]
    noisy = mapped(net.folded(), lambda n, w: (w * 1.04).astype(w.dtype) if n == "fc.w" else w)
    exact = mapped(net.exact(), lambda n, w: w * 1.0 if n == "fc.w" else w)
    assert fold_verdict(tmp_path, exact, noisy, net.original(), batches).verdict == "different"


def test_integer_outputs_are_judged_by_the_share_that_differs(tmp_path):
    x = np.zeros((1, 5), np.float32)
    model = single("ArgMax", {"x": x}, axis=1)
    batches = make_batches(specs_of(as_ir(model)))
    assert fold_verdict(tmp_path, model, model, model, batches).verdict == "equivalent"
    other = single("ArgMin", {"x": x}, axis=1)
    assert fold_verdict(tmp_path, other, other, model, batches).verdict == "different"


@pytest.mark.parametrize(("power", "verdict"), [(14, "different"), (2, "equivalent")])
def test_an_overflow_inside_a_row_of_float16_operators_is_found(tmp_path, power, verdict):
    """Times 2^14 and back is exact in float64, and in float32, which ONNX Runtime keeps in a row."""

    def detour(model):
        copy = mapped(model, lambda _, w: w)
        for name, value in (("up", 2.0**power), ("down", 2.0**-power)):
            copy.graph.initializer.append(numpy_helper.from_array(np.array([value], np.float16), name))
        copy.graph.node[-1].output[0] = "y0"
        copy.graph.node.append(helper.make_node("Mul", ["y0", "up"], ["y1"], name="up"))
        copy.graph.node.append(helper.make_node("Mul", ["y1", "down"], ["y"], name="down"))
        return copy

    net = Net(seed=2, dtype=np.float16)
    reference, candidate = net.original(), detour(net.original())
    paths = saved(reference, tmp_path / "r.onnx"), saved(candidate, tmp_path / "c.onnx")
    found = verify_files(*paths, make_batches(specs_of(as_ir(reference))))
    assert found.verdict == verdict, found.sentences
    assert found.algebra.holds
    assert any("emulated with every tensor rounded to float16" in sentence for sentence in found.sentences)
    assert found.rounding.by == ("emulation" if verdict == "different" else "ONNX Runtime")
