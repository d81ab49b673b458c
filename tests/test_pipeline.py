"""The main job as a function: every kind of source, really trained models, and a proof that cannot be waved through."""

import importlib.util
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch

import bnfold
from bnfold import folding
from bnfold.errors import SourceError, UsageError
from bnfold.graph.apply import apply_plan
from bnfold.graph.facts import read_facts
from bnfold.graph.tensors import exact_of, set_exact
from bnfold.measure import profile
from bnfold.network import Computed
from bnfold.plan import Code
from bnfold.report.data import FoldDiffersError
from bnfold.withdraw import ROUNDS
from bnfold.zoo import resnet20, resnet20v2
from tests.cli.conftest import MODELS, small_net

OCR = Path(importlib.util.find_spec("rapidocr_onnxruntime").origin).parent / "models"  # type: ignore[union-attr, arg-type]


@pytest.mark.parametrize("path", sorted(OCR.glob("*.onnx")), ids=lambda path: path.stem)
def test_trained_ocr_models(path: Path, tmp_path: Path) -> None:
    report = bnfold.fold(path, output=tmp_path / "out.onnx").report
    assert report.verification.verdict == "equivalent"
    assert report.verification.algebra is not None
    assert report.verification.algebra.max_rel < 1e-10
    assert report.affine.after == report.affine.before - report.affine.removed
    assert report.scalar.after == report.scalar.before - report.scalar.removed
    model = ir.load(tmp_path / "out.onnx")
    behind_conv = [
        node.name
        for node in model.graph
        if node.op_type == "BatchNormalization" and node.inputs[0].producer().op_type.startswith("Conv")  # type: ignore[union-attr]
    ]
    assert behind_conv == []
    interface = [
        [(v.name, v.dtype, v.shape) for v in (*g.inputs, *g.outputs)] for g in (ir.load(path).graph, model.graph)
    ]
    assert interface[0] == interface[1]


@pytest.mark.parametrize("wrap", [lambda m: m, ir.from_proto], ids=["ModelProto", "onnx_ir"])
def test_models_in_memory(wrap) -> None:  # type: ignore[no-untyped-def]
    model = wrap(small_net())
    before = (ir.to_proto(model) if isinstance(model, ir.Model) else model).SerializeToString()
    result = bnfold.fold(model)
    assert result.report.affine.removed == 1
    assert [node.op_type for node in result.model.graph] == ["Conv", "Relu", "Conv"]
    after = (ir.to_proto(model) if isinstance(model, ir.Model) else model).SerializeToString()
    assert before == after


def test_a_module_is_folded_and_left_as_it_was() -> None:
    module = resnet20v2(num_classes=10, in_channels=1).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    result = bnfold.fold(module, shapes={"image": (1, 1, 8, 8)})
    assert result.report.affine.after == 0
    assert [value.name for value in result.model.graph.inputs] == ["image"]
    assert module.training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_a_pickled_module_of_the_zoo(tmp_path: Path) -> None:
    torch.save(resnet20(num_classes=10, in_channels=1), tmp_path / "module.pt")
    report = bnfold.inspect(tmp_path / "module.pt", shapes={"x": (1, 1, 8, 8)})
    assert report.affine.removed == report.affine.before == 21


def test_a_bare_state_dict_is_recognized(tmp_path: Path) -> None:
    torch.save(resnet20(num_classes=10).state_dict(), tmp_path / "state.pt")
    report = bnfold.inspect(tmp_path / "state.pt")
    assert report.affine.removed == 21
    assert "input 3x32x32 (assumed" in report.description


def test_other_objects_are_refused() -> None:
    with pytest.raises(SourceError, match="int is no model"):
        bnfold.fold(3)


def test_a_module_needs_a_shape() -> None:
    with pytest.raises(UsageError, match="--input"):
        bnfold.fold(resnet20())


def test_output_is_checked_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    with pytest.raises(UsageError, match="does not exist"):
        bnfold.fold(tmp_path / "bad.onnx", output=tmp_path / "nowhere" / "out.onnx")


def test_a_source_is_looked_for_before_its_output_is_judged(tmp_path: Path) -> None:
    for output in ("out", "nowhere/out.onnx", "out.pt2"):
        with pytest.raises(SourceError, match="missing does not exist"):
            bnfold.fold(tmp_path / "missing", output=tmp_path / output)


@pytest.mark.parametrize("dry_run", [False, True])
def test_an_output_is_called_as_its_source_can_be_written(tmp_path: Path, dry_run: bool) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    (tmp_path / "bad.pt").write_bytes(b"nothing")
    with pytest.raises(UsageError, match=r"out\.txt must end in \.onnx\.$"):
        bnfold.fold(tmp_path / "bad.onnx", output=tmp_path / "out.txt", dry_run=dry_run)
    for source in (tmp_path / "bad.pt", resnet20()):
        with pytest.raises(UsageError, match=r"out\.txt must end in \.onnx, \.pt2 or \.safetensors\.$"):
            bnfold.fold(source, output=tmp_path / "out.txt", dry_run=dry_run)


def test_an_impossible_opset_is_refused_before_the_model_is_read(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    with pytest.raises(UsageError, match="--opset 99 is not between 7 and"):
        bnfold.fold(tmp_path / "bad.onnx", opset=99)


def test_the_report_names_the_file_that_was_written_and_no_other(tmp_path: Path) -> None:
    onnx.save(small_net(), tmp_path / "net.onnx")
    target = tmp_path / "out.onnx"
    how: dict[str, Any] = {"output": target, "verify": False}
    assert bnfold.fold(tmp_path / "net.onnx", dry_run=True, **how).report.output is None
    assert bnfold.fold(tmp_path / "net.onnx", **how).report.output == str(target)


@pytest.mark.parametrize("measure", [bnfold.bench, profile])
def test_one_model_is_no_list_of_models(measure: Any, tmp_path: Path) -> None:
    for given in ("m.onnx", tmp_path / "m.onnx"):
        with pytest.raises(UsageError, match=r"`bench` takes a list of models, not one: write \['.*m.onnx'\]\."):
            measure(given)


@pytest.mark.parametrize("name", ["resnet20_digits", "resnet20v2_digits"])
@pytest.mark.parametrize("factor", [1.001, 0.999])
def test_one_wrong_weight_flips_the_verdict(
    name: str, factor: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The smallest sabotage: one weight of the rounded model, in the middle of the network, off by a thousandth."""

    def sabotage(model, facts, plan):  # type: ignore[no-untyped-def]
        stored = apply_plan(model, facts, plan)
        value = model.graph.initializers["layer2.1.conv1.weight"]
        weights = value.const_value.numpy().copy()
        weights[3, 5, 1, 1] *= factor
        value.const_value = ir.tensor(weights)
        return stored

    monkeypatch.setattr(folding, "apply_plan", sabotage)
    with pytest.raises(FoldDiffersError) as failure:
        bnfold.fold(MODELS / f"{name}.pt", output=tmp_path / "out.onnx")
    assert failure.value.exit_code == 1
    assert failure.value.report.verification.verdict == "different"
    assert any("layer2.1.conv1.weight" in sentence for sentence in failure.value.report.verification.sentences)
    assert list(tmp_path.iterdir()) == []


def wrong_rewrite(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Computed initializers whose names end like this are off by 1e-4, in the exact model and in the rounded one."""

    def sabotage(model, facts, plan):  # type: ignore[no-untyped-def]
        stored = apply_plan(model, facts, plan)
        for name, value in model.graph.initializers.items():
            honest = exact_of(value)
            if honest is not None and name.endswith(names):
                wrong = Computed(honest.shape, lambda honest=honest: honest.numpy() * 1.0001)
                set_exact(value, wrong, ir.DataType.FLOAT, name)
        return stored

    monkeypatch.setattr(folding, "apply_plan", sabotage)


def test_a_wrong_rewrite_is_withdrawn_and_the_rest_proven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both models wrong in the same way: only the comparison with the original can tell."""
    wrong_rewrite(monkeypatch, "layer1.0.conv1.bias")
    result = bnfold.fold(MODELS / "resnet20_digits.pt", output=tmp_path / "out.onnx")
    kept = [d for d in result.plan.decisions if not d.removed]
    assert [(d.node, d.reason.code) for d in kept if d.reason] == [("layer1.0.bn1", Code.WITHDRAWN)]
    verification = result.report.verification
    assert verification.verdict == "equivalent"
    assert verification.sentences[0].startswith(f"Round 1 of at most {ROUNDS}")
    assert "layer1.0.bn1" in verification.sentences[0]
    assert (tmp_path / "out.onnx").exists()


def test_rounds_come_to_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong_rewrite(monkeypatch, "conv1.bias", "conv2.bias")
    with pytest.raises(FoldDiffersError) as failure:
        bnfold.fold(MODELS / "resnet20_digits.pt", output=tmp_path / "out.onnx")
    told = failure.value.report.verification.sentences
    assert sum(sentence.startswith("Round") for sentence in told) == ROUNDS
    assert list(tmp_path.iterdir()) == []


def test_weights_of_the_trained_network_in_fifty_digits(tmp_path: Path) -> None:
    """W' = gamma W / sqrt(var + eps), from the checkpoint itself, for a sample of weights of every convolution."""
    path = tmp_path / "out.onnx"
    bnfold.fold(MODELS / "resnet20_digits.pt", output=path, verify=False)
    folded = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    state = {k: v.numpy() for k, v in torch.load(MODELS / "resnet20_digits.pt")["state_dict"].items()}
    rng = np.random.default_rng(0)
    worst = 0.0
    norms = [name.removesuffix(".running_var") for name in state if name.endswith("running_var")]
    for norm in norms:
        conv = norm.replace("bn", "conv").replace("downsample.1", "downsample.0")
        weight, eps = state[f"{conv}.weight"], mpmath.mpf(float(np.float32(1e-5)))
        with mpmath.workdps(50):
            for _ in range(20):
                index = tuple(int(rng.integers(extent)) for extent in weight.shape)
                gamma, var, original = (
                    mpmath.mpf(float(x))
                    for x in (state[f"{norm}.weight"][index[0]], state[f"{norm}.running_var"][index[0]], weight[index])
                )
                exact = gamma * original / mpmath.sqrt(var + eps)
                stored = folded[f"{conv}.weight"][index]
                worst = max(worst, float(abs(mpmath.mpf(float(stored)) - exact) / float(np.spacing(abs(stored)))))
    assert len(norms) == 21
    assert 0.3 < worst <= 0.51


def test_counts_are_those_of_the_written_graph(tmp_path: Path) -> None:
    report = bnfold.fold(MODELS / "resnet20v2_digits.pt", output=tmp_path / "out.onnx", verify=False).report
    assert read_facts(ir.load(tmp_path / "out.onnx")).affine_counts() == (report.affine.after, report.scalar.after)


def test_3d_convolutions_of_a_module(tmp_path: Path) -> None:
    """The exporter invents a bias of an invalid shape for them, and ONNX Runtime would refuse it."""
    net = torch.nn.Sequential(torch.nn.Conv3d(3, 4, 3, bias=False), torch.nn.BatchNorm3d(4), torch.nn.ReLU())
    report = bnfold.fold(net, torch.zeros(2, 3, 6, 6, 6), output=tmp_path / "out.onnx").report
    assert report.affine.after == 0
    assert report.verification.verdict == "equivalent"


def test_a_model_that_no_runtime_kernel_takes_is_emulated(tmp_path: Path) -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).double()
    proof = bnfold.fold(net, torch.zeros(2, 3, 6, 6).double(), output=tmp_path / "out.onnx").report.verification
    assert proof.verdict == "equivalent"
    assert proof.rounding is not None
    assert proof.rounding.by == "emulation"
