"""The float64 interpreter: against torch, against ONNX Runtime, and that it refuses what it cannot do."""

import weakref
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import rapidocr_onnxruntime
import torch
from bn_nets import Net, as_ir, saved, single
from onnx import TensorProto, helper, numpy_helper

from bnfold.verification import Float64Error, Reference
from bnfold.verification.precision import widen
from bnfold.verification.runtime import run_file

OCR = Path(rapidocr_onnxruntime.__file__).parent / "models"


def graph_model(nodes, inputs, outputs, initializers=(), opset=17, functions=(), extra=()):
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(n, kind, shape) for n, kind, shape in inputs],
        [onnx.ValueInfoProto(name=n) for n in outputs],
        [numpy_helper.from_array(a, n) for n, a in initializers],
    )
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in extra)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, functions=list(functions))


def test_a_cnn_matches_torch_in_float64():
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1, groups=1),
        torch.nn.BatchNorm2d(8),
        torch.nn.ReLU(),
        torch.nn.AvgPool2d(2),
        torch.nn.Conv2d(8, 8, 3, groups=4),
        torch.nn.ConvTranspose2d(8, 6, 3, 2, 1, groups=2),
    ).double()
    net[1].running_mean.normal_()
    net[1].running_var.uniform_(0.5, 2)
    net[1].eps = float(np.float32(1e-5))
    p = {n: v.detach().numpy() for n, v in net.eval().state_dict().items()}
    bn = [f"1.{n}" for n in ("weight", "bias", "running_mean", "running_var")]
    nodes = [
        helper.make_node("Conv", ["x", "0.weight", "0.bias"], ["a"], pads=[1] * 4),
        helper.make_node("BatchNormalization", ["a", *bn], ["b"]),
        helper.make_node("Relu", ["b"], ["c"]),
        helper.make_node("AveragePool", ["c"], ["d"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["d", "4.weight", "4.bias"], ["e"], group=4),
        helper.make_node("ConvTranspose", ["e", "5.weight", "5.bias"], ["y"], group=2, strides=[2, 2], pads=[1] * 4),
    ]
    model = graph_model(nodes, [("x", TensorProto.DOUBLE, [2, 3, 10, 10])], ["y"], p.items(), 12)
    x = np.random.default_rng(0).normal(size=(2, 3, 10, 10))
    ours = Reference(as_ir(model)).run({"x": x})["y"]
    np.testing.assert_allclose(ours, net(torch.from_numpy(x)).detach().numpy(), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("ch_ppocr_mobile_v2.0_cls_infer", (2, 3, 48, 192)),
        ("ch_PP-OCRv4_det_infer", (1, 3, 64, 96)),
        ("ch_PP-OCRv4_rec_infer", (1, 3, 48, 96)),
    ],
)
def test_dynamic_models_match_onnx_runtime(name, shape):
    path = OCR / f"{name}.onnx"
    x = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    truth = Reference(ir.load(path)).run({"x": x})
    (found,) = run_file(path, [{"x": x}])
    for output, value in truth.items():
        # ONNX Runtime's Sigmoid is only accurate to about 1e-7 absolute.
        np.testing.assert_allclose(found[output], value, rtol=0, atol=1e-5 * np.abs(value).max() + 2e-7)


def test_keep_returns_intermediates_and_nothing_else():
    model = as_ir(Net().original())
    x = np.zeros((1, 3, 16, 16), np.float32)
    assert set(Reference(model).run({"x": x}, {"c0.z", "gap", "nothing"})) == {"y", "c0.z", "gap"}
    reference = Reference(model)
    (results,) = reference._evaluator.evaluate([{"x": widen(x)}], ["y"], reference._weights)
    assert set(results) == {"", "y"}


def test_a_weight_is_made_once_for_several_inputs_and_none_is_held():
    model = as_ir(Net().original())
    made, alive = [], []

    def parameters(name, stored):
        values = stored.astype(np.float64)
        made.append(name)
        alive.append(weakref.ref(values))
        return values

    reference = Reference(model, parameters)
    assert made == []
    inputs = [{"x": np.random.default_rng(seed).normal(size=(1, 3, 16, 16))} for seed in range(3)]
    found = list(reference.run_each(inputs))
    assert sorted(made) == sorted(set(made))
    assert not any(values() is not None for values in alive)
    for feeds, outputs in zip(inputs, found, strict=True):
        np.testing.assert_array_equal(Reference(model).run(feeds)["y"], outputs["y"])


def test_inputs_beyond_the_limit_go_one_after_the_other(monkeypatch):
    model, made = as_ir(Net().original()), []
    monkeypatch.setattr("bnfold.verification.reference.TOGETHER", 2 * 3 * 16 * 16)
    reference = Reference(model, lambda name, stored: made.append(name) or stored.astype(np.float64))
    assert len(list(reference.run_each([{"x": np.ones((1, 3, 16, 16))}] * 5))) == 5
    assert made.count(made[0]) == 3


def test_casts_and_constants_become_float64():
    constant = helper.make_node("Constant", [], ["k"], value_float=0.1)
    filled = helper.make_node("ConstantOfShape", ["shape"], ["f"])
    nodes = [
        constant,
        filled,
        helper.make_node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16),
        helper.make_node("CastLike", ["h", "k"], ["s"]),
        helper.make_node("Add", ["s", "k"], ["t"]),
        helper.make_node("Add", ["t", "f"], ["y"]),
        helper.make_node("Cast", ["x"], ["i"], to=TensorProto.INT64),
    ]
    model = graph_model(nodes, [("x", TensorProto.FLOAT, [2])], ["y", "i"], [("shape", np.array([2]))])
    x = np.array([1 / 3, -2.7])
    found = Reference(as_ir(model)).run({"x": x})
    np.testing.assert_array_equal(found["y"], x + np.float64(np.float32(0.1)))
    np.testing.assert_array_equal(found["i"], [0, -2])
    assert found["i"].dtype == np.int64


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_narrow_weights_and_inputs_are_widened(dtype):
    model = single("Mul", {"a": np.ones(3, dtype), "b": np.ones(3, dtype)})
    a, b = (np.random.default_rng(s).normal(size=3).astype(dtype) for s in (0, 1))
    np.testing.assert_array_equal(Reference(as_ir(model)).run({"a": a, "b": b})["y0"], a.astype(float) * b)


def test_types_may_be_mixed():
    model = graph_model(
        [helper.make_node("Add", ["x", "w"], ["t"]), helper.make_node("Mul", ["t", "v"], ["y"])],
        [("x", TensorProto.FLOAT, [2])],
        ["y"],
        [("w", np.array([0.1, 0.2])), ("v", np.array([3, 4], np.float32))],
    )
    found = Reference(as_ir(model)).run({"x": np.zeros(2, np.float32)})["y"]
    np.testing.assert_array_equal(found, np.array([0.1, 0.2]) * [3, 4])


def test_subgraphs_and_functions_use_the_exact_operators():
    names = ["s", "b", "m", "v"]
    weights = [(n, np.arange(1, 4, dtype=np.float32)) for n in names]
    bn = helper.make_node("BatchNormalization", ["x", *names], ["t"])
    then = helper.make_graph([bn], "then", [], [onnx.ValueInfoProto(name="t")])
    other = helper.make_graph([helper.make_node("Neg", ["x"], ["u"])], "else", [], [onnx.ValueInfoProto(name="u")])
    branch = helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other)
    inputs = [("x", TensorProto.FLOAT, [2, 3, 4]), ("c", TensorProto.BOOL, [])]
    model = graph_model([branch], inputs, ["y"], weights, 12)
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    w = np.arange(1, 4)[None, :, None]
    truth = w * (x - w) / np.sqrt(w + np.float64(np.float32(1e-5))) + w
    reference = Reference(as_ir(model))
    np.testing.assert_allclose(reference.run({"x": x, "c": np.array(True)})["y"], truth, rtol=1e-13)
    np.testing.assert_array_equal(reference.run({"x": x, "c": np.array(False)})["y"], -x)
    body = helper.make_node("BatchNormalization", ["x", *names], ["y"])
    function = helper.make_function("own", "F", ["x", *names], ["y"], [body], [helper.make_opsetid("", 12)])
    call = helper.make_node("F", ["x", *names], ["y"], domain="own")
    model = graph_model([call], inputs[:1], ["y"], weights, 12, [function], ["own"])
    np.testing.assert_allclose(Reference(as_ir(model)).run({"x": x})["y"], truth, rtol=1e-13)


def test_a_loop_of_exact_operators():
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Add", ["v", "step"], ["w"]), helper.make_node("Identity", ["on"], ["on2"])],
        "body",
        [
            value("i", TensorProto.INT64, []),
            value("on", TensorProto.BOOL, []),
            value("v", TensorProto.FLOAT, [2]),
        ],
        [value("on2", TensorProto.BOOL, []), value("w", TensorProto.FLOAT, [2])],
    )
    start = [("n", np.array(3)), ("on0", np.array(True)), ("step", np.array([0.1], np.float32))]
    nodes = [helper.make_node("Loop", ["n", "on0", "x"], ["y"], body=body)]
    model = graph_model(nodes, [("x", TensorProto.FLOAT, [2])], ["y"], start)
    found = Reference(as_ir(model)).run({"x": np.zeros(2)})["y"]
    np.testing.assert_allclose(found, np.full(2, 3 * np.float64(np.float32(0.1))), rtol=1e-15)
    body.output.append(value("w", TensorProto.FLOAT, [2]))
    nodes = [helper.make_node("Loop", ["n", "on0", "x"], ["y", "all"], body=body)]
    model = graph_model(nodes, [("x", TensorProto.FLOAT, [2])], ["y", "all"], start)
    turns = Reference(as_ir(model)).run({"x": np.zeros(2)})["all"]
    np.testing.assert_allclose(turns, np.float64(np.float32(0.1)) * np.array([[1, 1], [2, 2], [3, 3]]), rtol=1e-15)


def test_an_operator_that_fails_is_a_sentence():
    """What comes behind it in a report is a sentence of its own."""
    wrong = helper.make_node("Reshape", ["x", "five"], ["t"])
    branch = helper.make_graph([wrong], "b", [], [onnx.ValueInfoProto(name="t")])
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch, name="it")
    model = graph_model(
        [node], [("x", TensorProto.FLOAT, [2, 3])], ["y"], [("c", np.array(True)), ("five", np.array([5]))]
    )
    with pytest.raises(Float64Error, match=r"^Operator Reshape failed: cannot reshape .* into shape \(5,\)\.$"):
        Reference(as_ir(model)).run({"x": np.zeros((2, 3))})


def test_random_numbers_have_no_truth():
    node = helper.make_node("RandomNormalLike", ["x"], ["y"], name="it")
    with pytest.raises(Float64Error, match=r"RandomNormalLike \(it\) draws random numbers"):
        Reference(as_ir(graph_model([node], [("x", TensorProto.FLOAT, [2])], ["y"])))


@pytest.mark.parametrize(("op", "domain"), [("NoSuch", ""), ("NoSuch", "com.microsoft")])
def test_what_nobody_can_run_is_named(op, domain):
    node = helper.make_node(op, ["x"], ["y"], domain=domain, name="it")
    model = graph_model([node], [("x", TensorProto.FLOAT, [2])], ["y"], extra=[domain] if domain else [])
    with pytest.raises(Float64Error, match="NoSuch"):
        Reference(as_ir(model)).run({"x": np.ones(2)})


def test_an_operator_without_float64_is_run_alone_and_listed():
    nodes = [
        helper.make_node("Mul", ["x", "third"], ["a"]),
        helper.make_node("QuickGelu", ["a"], ["b"], domain="com.microsoft", name="gelu"),
        helper.make_node("Mul", ["b", "third"], ["y"]),
    ]
    third = np.array([1 / 3], np.float32)
    model = graph_model(nodes, [("x", TensorProto.FLOAT, [4])], ["y"], [("third", third)], extra=["com.microsoft"])
    reference = Reference(as_ir(model))
    x = np.linspace(-1, 1, 4)
    found = reference.run({"x": x}, ["a", "b"])
    assert reference.lent == ["com.microsoft.QuickGelu (gelu)"]
    a = x * np.float64(third[0])
    np.testing.assert_array_equal(found["a"], a)
    np.testing.assert_allclose(found["b"], a / (1 + np.exp(-1.702 * a)), rtol=1e-6)
    np.testing.assert_array_equal(found["b"], found["b"].astype(np.float32))
    np.testing.assert_array_equal(found["y"], found["b"] * np.float64(third[0]))


def test_inputs_that_agree_give_an_operator_that_is_lent_equal_results():
    node = helper.make_node("QuickGelu", ["x"], ["y"], domain="com.microsoft")
    model = graph_model([node], [("x", TensorProto.FLOAT, [64])], ["y"], extra=["com.microsoft"])
    x = np.random.default_rng(5).normal(size=64)
    x[0] = np.float64(np.float32(0.5)) + 2.0**-26  # half way between two numbers of float32
    first = Reference(as_ir(model)).run({"x": x})["y"]
    close = Reference(as_ir(model)).run({"x": x * (1 + 1e-12)})["y"]
    np.testing.assert_array_equal(first, close)
    far = Reference(as_ir(model)).run({"x": x * (1 + 1e-6)})["y"]
    assert (first != far).any()


def test_a_narrowed_result_is_no_silent_loss(monkeypatch):
    model = single("Identity", {"x": np.ones(3, np.float32)})
    monkeypatch.setattr("onnx.reference.ops.op_identity.Identity._run", lambda self, x: (x.astype(np.float32),))
    reference = Reference(as_ir(model))
    reference.run({"x": np.ones(3)})
    assert reference.lent == ["Identity (node)"]
    monkeypatch.setattr("bnfold.verification.evaluator.lends", lambda _: False)
    with pytest.raises(Float64Error, match=r"Identity \(node\) computes in float32"):
        Reference(as_ir(model)).run({"x": np.ones(3)})


def test_parameters_can_be_replaced():
    constant = helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(np.array([2], np.float32)))
    nodes = [constant, helper.make_node("Mul", ["x", "k"], ["t"]), helper.make_node("Add", ["t", "w"], ["y"])]
    model = graph_model(nodes, [("x", TensorProto.FLOAT, [1])], ["y"], [("w", np.array([5], np.float32))])
    seen = {}

    def change(name, stored):
        seen[name] = stored.dtype
        return stored.astype(float) + 1

    assert Reference(as_ir(model), change).run({"x": np.ones(1)})["y"] == 9
    assert seen == {"k": np.float32, "w": np.float32}


def test_external_data_is_read(tmp_path):
    model = Net().original()
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, size_threshold=0, location="m.data")
    x = {"x": np.ones((1, 3, 16, 16), np.float32)}
    inside = Reference(ir.load(saved(model, tmp_path / "n.onnx"))).run(x)["y"]
    np.testing.assert_array_equal(Reference(ir.load(tmp_path / "m.onnx")).run(x)["y"], inside)
