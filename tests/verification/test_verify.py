"""The verdict on right and wrong folds."""

import json

import numpy as np
import onnx_ir as ir
import pytest
from bn_nets import Net, as_ir, mapped, saved
from onnx import helper, numpy_helper
from verdicts import (
    BATCHES,
    EXACT,
    FOLDED,
    NET,
    ORIGINAL,
    file_verdict,
    fold_verdict,
    in_process,  # noqa: F401
    scaled_weight,
)

from bnfold.errors import SourceError, UsageError
from bnfold.verification import Data, Settings, make_batches, specs_of, verify_files, verify_fold


def test_a_right_fold_is_equivalent(tmp_path):
    steps = []
    found = fold_verdict(tmp_path, settings=Settings(progress=lambda step, share=None: steps.append((step, share))))
    assert found.verdict == "equivalent", found.sentences
    assert [sentence.split()[:4] for sentence in found.sentences] == [
        ["The", "rewrite", "is", "exact:"], ["In", "float32", "on", "ONNX"],
    ]  # fmt: skip
    assert list(dict(steps)) == ["weights", "algebra", "file", "rounding"]
    shares = [share for _, share in steps]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    plain = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert plain["algebra"]["max_rel"] < 1e-13
    assert plain["algebra"]["bound"] == 1e-10
    assert plain["algebra"]["weights"]["max_ulp"] <= 0.5
    assert plain["algebra"]["weights"]["checked"] == sum(w.size for w in NET.weights.values())
    assert 0 < plain["rounding"]["folded"] <= plain["rounding"]["allowed"] < 1e-4
    assert plain["rounding"]["ratio"] > 0
    assert plain["accuracy"] is None


def misread_epsilon(name, w):
    return w * np.sqrt(1 + 1e-5) / np.sqrt(1 + 2e-5) if name == "c1.w" else w


def swapped_channels(name, w):
    return w[[1, 0, *range(2, len(w))]] if name in ("c1.w", "c1.b") else w


def planted_nan(name, w):
    if name == "c2.b":
        w[0] = np.nan
    return w


@pytest.mark.parametrize("change", [misread_epsilon, swapped_channels, planted_nan, scaled_weight("c3.w", 5)])
def test_a_wrong_rewrite_is_different_and_says_where(tmp_path, change):
    exact = mapped(EXACT, change)
    found = fold_verdict(tmp_path, exact, mapped(exact, lambda _, w: w.astype(np.float32)))
    assert found.verdict == "different"
    assert found.sentences
    json.dumps(found.to_json(), allow_nan=False)
    assert file_verdict(tmp_path, mapped(exact, lambda _, w: w.astype(np.float32))).verdict == "different"


def shifted(model):
    copy = mapped(model, lambda _, w: w)
    for node in copy.graph.node:
        if node.name == "c1":
            next(a for a in node.attribute if a.name == "pads").ints[:] = [0, 1, 2, 1]
    return copy


def test_shifted_pads_are_different(tmp_path):
    found = fold_verdict(tmp_path, shifted(EXACT), shifted(FOLDED))
    assert found.verdict == "different"
    assert any("first tensor that differs is c1" in s for s in found.sentences), found.sentences
    assert fold_verdict(tmp_path, EXACT, shifted(FOLDED)).verdict == "different"
    assert file_verdict(tmp_path, shifted(FOLDED)).verdict == "different"


@pytest.mark.parametrize("seed", range(4))
def test_a_single_stored_weight_off_by_a_thousandth_is_seen(tmp_path, seed):
    rng = np.random.default_rng(seed)
    name = f"c{rng.integers(6)}.w"
    folded = mapped(FOLDED, scaled_weight(name, rng.integers(NET.weights[name].size), np.float32(1.001)))
    found = fold_verdict(tmp_path, folded=folded)
    assert found.verdict == "different"
    assert any(f"Initializer {name}" in s for s in found.sentences)


def test_one_file_with_renamed_weights_is_tied_by_its_outputs(tmp_path):
    def rename(model):
        copy = mapped(model, lambda _, w: w)
        for tensor in copy.graph.initializer:
            tensor.name += "~"
        for node in copy.graph.node:
            node.input[:] = [n + "~" if n in NET.weights else n for n in node.input]
        return copy

    assert fold_verdict(tmp_path, folded=rename(FOLDED)).verdict == "equivalent"
    wrong = mapped(FOLDED, lambda n, w: w * np.float32(1.00001) if n == "c3.w" else w)
    found = fold_verdict(tmp_path, folded=rename(wrong))
    assert found.verdict == "different"
    assert found.algebra.weights.checked == 0
    assert not found.algebra.file.holds


def test_two_files(tmp_path):
    found = file_verdict(tmp_path, FOLDED)
    assert found.verdict == "equivalent", found.sentences
    assert 0 < found.algebra.max_rel < found.algebra.bound < 1e-5
    assert file_verdict(tmp_path, ORIGINAL, FOLDED).verdict == "equivalent"
    assert file_verdict(tmp_path, ORIGINAL).algebra.max_rel == 0


def test_two_files_in_other_units(tmp_path):
    """Scales that a Relu passes on are no error, though the tensors between differ."""

    def change(name, w):
        factor = {"c1.w": 3.0, "c1.b": 3.0, "c2.w": 1 / 3}.get(name, 1.0)
        return (w * factor).astype(np.float32)

    assert file_verdict(tmp_path, mapped(EXACT, change)).verdict == "equivalent"


@pytest.mark.parametrize("change", [{"output": "z"}, {"input": "z"}])
def test_interfaces_must_match(tmp_path, change):
    copy = mapped(FOLDED, lambda _, w: w)
    if "output" in change:
        copy.graph.output[0].name = copy.graph.node[-1].output[0] = "z"
    else:
        copy.graph.input[0].name = copy.graph.node[0].input[0] = "z"
    with pytest.raises(UsageError, match="different names"):
        file_verdict(tmp_path, copy)


def test_types_and_shapes_must_match(tmp_path):
    half = Net(seed=1, dtype=np.float16).folded()
    with pytest.raises(UsageError, match="has type"):
        file_verdict(tmp_path, half)
    copy = mapped(FOLDED, lambda _, w: w)
    copy.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 4
    with pytest.raises(UsageError, match="has shape"):
        file_verdict(tmp_path, copy)


def with_grid_sample(model):
    """The same network behind a GridSample, which has no float64 implementation."""
    copy = mapped(model, lambda _, w: w)
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 16), np.linspace(-1, 1, 16)), -1)[None].astype(np.float32)
    copy.graph.initializer.append(numpy_helper.from_array(grid, "grid"))
    copy.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    copy.graph.node[0].input[0] = "sampled"
    copy.graph.node.insert(0, helper.make_node("GridSample", ["x", "grid"], ["sampled"], align_corners=1))
    return copy


def test_one_operator_without_float64_leaves_the_rest_in_float64(tmp_path):
    original = with_grid_sample(ORIGINAL)
    batches = make_batches(specs_of(as_ir(original)))[:2]
    found = fold_verdict(tmp_path, with_grid_sample(EXACT), with_grid_sample(FOLDED), original, batches)
    assert found.verdict == "equivalent", found.sentences
    assert found.algebra.precision == "float64"
    assert found.algebra.max_rel < 1e-12
    assert any("GridSample has no float64 implementation: it alone" in sentence for sentence in found.sentences)
    wrong = mapped(with_grid_sample(EXACT), lambda n, w: w * (1 + 1e-7) if n == "fc.w" else w)
    found = fold_verdict(tmp_path, wrong, with_grid_sample(FOLDED), original, batches)
    assert found.verdict == "different"
    assert 1e-8 < found.algebra.max_rel < 1e-6


def test_without_float64_the_weaker_check_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("bnfold.verification.evaluator.lends", lambda _: False)
    original = with_grid_sample(ORIGINAL)
    batches = make_batches(specs_of(as_ir(original)))
    found = fold_verdict(tmp_path, with_grid_sample(EXACT), with_grid_sample(FOLDED), original, batches)
    assert found.verdict == "equivalent"
    assert found.algebra.precision == "float32"
    assert "weaker check" in found.sentences[1]
    assert "GridSample" in found.sentences[1]
    wrong = mapped(with_grid_sample(FOLDED), swapped_channels)
    assert fold_verdict(tmp_path, with_grid_sample(EXACT), wrong, original, batches).verdict == "different"


def test_what_onnx_runtime_refuses(tmp_path):
    broken = mapped(FOLDED, lambda _, w: w)
    broken.graph.node[0].op_type = "NoSuchOperator"
    with pytest.raises(SourceError, match="ONNX Runtime cannot run"):
        fold_verdict(tmp_path, original=broken, exact=broken)
    found = verify_fold(
        as_ir(ORIGINAL), as_ir(EXACT),
        saved(ORIGINAL, tmp_path / "o.onnx"), saved(broken, tmp_path / "b.onnx"), BATCHES,
    )  # fmt: skip
    assert found.verdict == "different"
    assert any("cannot run" in s for s in found.sentences)


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "x.onnx").write_text("no model")
    saved(FOLDED, tmp_path / "f.onnx")
    with pytest.raises(SourceError, match="No such file"):
        verify_files(tmp_path / "none.onnx", tmp_path / "f.onnx", BATCHES)
    with pytest.raises(SourceError, match="cannot be read"):
        verify_files(tmp_path / "f.onnx", tmp_path / "x.onnx", BATCHES)


def test_accuracy_counts_changed_predictions(tmp_path):
    x = np.random.default_rng(0).normal(size=(40, 3, 16, 16)).astype(np.float32)
    labels = np.arange(40) % 10
    found = fold_verdict(tmp_path, data=Data({"x": x}, labels))
    assert found.verdict == "equivalent"
    assert found.accuracy.samples == 40
    assert found.accuracy.changed == 0
    assert found.accuracy.before == found.accuracy.after
    turned = mapped(FOLDED, lambda n, w: w[:, ::-1].copy() if n == "fc.w" else w)
    found = fold_verdict(tmp_path, folded=turned, data=Data({"x": x}, labels))
    assert found.accuracy.changed > 30
    assert fold_verdict(tmp_path, data=Data({"x": x}, None)).accuracy is None
    with pytest.raises(UsageError, match="labels have shape"):
        fold_verdict(tmp_path, data=Data({"x": x}, labels[:, None]))


def test_rounding_alone_can_fail(tmp_path):
    """An exact rewrite that cancels large numbers is right in float64 and wrong in float32."""

    def detour(model, kind):
        copy = mapped(model, lambda _, w: w)
        big = np.array([1e6], kind)
        copy.graph.initializer.append(numpy_helper.from_array(big, "big"))
        copy.graph.node[-1].output[0] = "y0"
        copy.graph.node.append(helper.make_node("Add", ["y0", "big"], ["y1"]))
        copy.graph.node.append(helper.make_node("Sub", ["y1", "big"], ["y"]))
        return copy

    found = fold_verdict(tmp_path, detour(EXACT, np.float64), detour(FOLDED, np.float32))
    assert found.verdict == "different"
    assert found.algebra.holds
    assert not found.rounding.holds
    assert any("less exact than the original" in sentence for sentence in found.sentences)
    assert found.sentences[-1].startswith("The first tensor whose rounding grew is y")


def test_importing_the_package_is_light():
    import subprocess
    import sys

    code = "import sys, bnfold.verification; sys.exit('torch' in sys.modules or 'onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_ir_models_are_left_as_they_were(tmp_path):
    before = ir.to_proto(as_ir(EXACT)).SerializeToString()
    model = as_ir(EXACT)
    verify_fold(as_ir(ORIGINAL), model, saved(ORIGINAL, tmp_path / "o"), saved(FOLDED, tmp_path / "f"), BATCHES[:1])
    assert ir.to_proto(model).SerializeToString() == before
