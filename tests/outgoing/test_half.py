"""float16 after folding: rounded once from exact values, and float32 wherever float16 cannot hold what comes."""

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest

import bnfold
from bnfold.errors import UsageError
from bnfold.graph.tensors import exact_of
from bnfold.outgoing import half_verdict
from bnfold.outgoing.half import to_half
from bnfold.report.data import FoldDiffersError
from tests.networks import Net, fold


def small() -> Net:
    net = Net(dynamic=True)
    net.input(2, 3, 9, 9)
    return net


def types(model: ir.Model) -> dict[str, str]:
    return {name: value.const_value.dtype.name for name, value in model.graph.initializers.items()}


def valid(model: ir.Model) -> onnx.ModelProto:
    proto = ir.to_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def test_weights_are_their_exact_value_rounded_once() -> None:
    net = small()
    folded = fold(net.model(net.relu(net.bn(net.conv("x", 40)))))
    half, stays = to_half(folded.rounded, {})
    assert stays == ()
    valid(half)
    twice = 0
    for name, value in folded.rounded.graph.initializers.items():
        exact = exact_of(value)
        assert exact is not None
        stored = half.graph.initializers[f"{name}.half"].const_value.numpy()
        np.testing.assert_array_equal(stored, exact.numpy().astype(np.float16))
        twice += int((stored != value.const_value.numpy().astype(np.float16)).sum())
    assert types(half).keys() == {f"{name}.half" for name in types(folded.rounded)}
    assert [(v.name, v.dtype) for v in (*half.graph.inputs, *half.graph.outputs)] == [
        (v.name, v.dtype) for v in (*folded.rounded.graph.inputs, *folded.rounded.graph.outputs)
    ]


def test_a_weight_that_does_not_fit_keeps_its_node_in_float32() -> None:
    net = small()
    x = net.node("Conv", "x", 1e6 * net.normal(4, 3, 3, 3), name="large")
    y = net.node("Relu", net.conv(net.node("Sigmoid", x), 5))
    model = ir.from_proto(net.model(y))
    half, stays = to_half(model, {})
    valid(half)
    assert [(s.node, s.reason.partition(" reaches ")[0]) for s in stays] == [("large", "k0")]
    assert sorted(types(half).values()) == ["FLOAT", "FLOAT16", "FLOAT16"]


@pytest.mark.parametrize(
    ("seen", "stays"), [(1e6, ["conv0", "sigmoid1"]), (40000.0, ["conv0", "sigmoid1"]), (30000.0, [])]
)
def test_activations_out_of_range_stay_in_float32(seen: float, stays: list[str]) -> None:
    """With room for what the samples did not show; writer and reader of the tensor both stay."""
    net = small()
    model = ir.from_proto(net.model(net.conv(net.node("Sigmoid", net.conv("x", 4)), 5)))
    half, found = to_half(model, {"conv0.y": seen})
    valid(half)
    assert [s.node for s in found] == stays
    casts = [node.name for node in half.graph if node.op_type == "Cast"]
    assert len(casts) == 2


def test_operands_that_must_be_float32_stay_so() -> None:
    net = small()
    scales = np.array([1, 1, 2, 2], np.float32)
    model = ir.from_proto(net.model(net.node("Resize", net.conv("x", 4), None, scales)))
    half, stays = to_half(model, {})
    valid(half)
    assert stays == ()
    assert types(half)[model.graph[1].inputs[2].name or ""] == "FLOAT"


def test_a_subgraph_reads_what_it_read() -> None:
    net = small()
    x = net.conv("x", 4)
    body = onnx.parser.parse_graph('body () => (float[2, 4, 9, 9] z) { z = Neg("conv0.y") }')
    flag = net.constant(np.array(True))
    net.nodes.append(onnx.helper.make_node("If", [flag], ["y"], "if", then_branch=body, else_branch=body))
    net.types["y"] = net.types[x]
    model = net.model("y")
    half, stays = to_half(ir.from_proto(model), {})
    assert [s.node for s in stays] == ["if"]
    feeds = net.feeds()
    runs = [
        onnxruntime.InferenceSession(proto.SerializeToString()).run(None, feeds)[0] for proto in (model, valid(half))
    ]
    assert np.abs(runs[0] - runs[1]).max() < 1e-2


def test_the_verdict(tmp_path: Path) -> None:
    net = small()
    x = net.relu(net.bn(net.conv("x", 8)))
    onnx.save(net.model(net.conv(x, 5)), tmp_path / "in.onnx")
    report = bnfold.fold(tmp_path / "in.onnx", output=tmp_path / "out.onnx", precision="fp16").report
    assert report.half is not None
    assert report.half.holds
    (output,) = report.half.outputs
    assert 1e-5 < output.error < output.allowed
    assert report.half.largest[1] > 1
    stored = onnx.load(tmp_path / "out.onnx")
    assert {tensor.data_type for tensor in stored.graph.initializer} == {onnx.TensorProto.FLOAT16}


@pytest.mark.parametrize("external", [False, True])
def test_the_model_that_is_returned_is_the_one_in_float16(tmp_path: Path, external: bool) -> None:
    net = small()
    onnx.save(net.model(net.bn(net.conv("x", 80))), tmp_path / "in.onnx")
    target = tmp_path / "out.onnx"
    result = bnfold.fold(tmp_path / "in.onnx", output=target, precision="fp16", verify=False, external_data=external)
    stored = onnx.load(target)
    for path in tmp_path.glob("out.onnx*"):
        path.unlink()
    made = ir.to_proto(result.model)
    assert [node.op_type for node in made.graph.node] == [node.op_type for node in stored.graph.node]
    weights, written = (
        {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        for model in (made, stored)
    )
    assert {array.dtype.name for array in weights.values()} == {"float16"}
    assert weights.keys() == written.keys()
    assert all(np.array_equal(weights[name], written[name]) for name in written)


def test_another_precision_is_refused(tmp_path: Path) -> None:
    net = small()
    onnx.save(net.model(net.bn(net.conv("x", 8))), tmp_path / "in.onnx")
    with pytest.raises(UsageError, match="precision='bf16' is unknown; it is 'fp16', or None"):
        bnfold.fold(tmp_path / "in.onnx", output=tmp_path / "out.onnx", precision="bf16")
    assert not (tmp_path / "out.onnx").exists()


def test_a_bad_conversion_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = small()
    onnx.save(net.model(net.bn(net.conv("x", 8))), tmp_path / "in.onnx")
    honest = to_half

    def sabotage(model, largest):  # type: ignore[no-untyped-def]
        half, stays = honest(model, largest)
        if not any(node.op_type == "BatchNormalization" for node in half.graph):
            value = next(v for v in half.graph.initializers.values() if v.const_value.size > 100)
            value.const_value = ir.tensor(value.const_value.numpy() * np.float16(1.1), name=value.name)
        return half, stays

    monkeypatch.setattr(half_verdict, "to_half", sabotage)
    with pytest.raises(FoldDiffersError) as failure:
        bnfold.fold(tmp_path / "in.onnx", output=tmp_path / "out.onnx", precision="fp16", verify=False)
    assert failure.value.report.differs
    assert not (tmp_path / "out.onnx").exists()
