"""`--objective latency` never makes a model slower: no fused kernel is broken up, nothing costs more than it saves."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest

from bnfold.objective import Objective
from bnfold.plan import SENTENCES, Code, Reason
from tests.gauge.contract import check
from tests.networks import Folded, Net, disagreement, fold


def operators(folded: Folded) -> list[str]:
    return [node.op_type for node in folded.rounded.graph]


def fused(model: onnx.ModelProto) -> list[str]:
    """The operators that ONNX Runtime makes of a model."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = 4
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "optimized.onnx")
        options.optimized_model_filepath = str(path)
        ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return [node.op_type for node in onnx.load(path).graph.node]


def one_plus_erf(net: Net, x: str, op: str) -> str:
    root = 2**0.5 if op == "Div" else 2**-0.5
    return net.node("Add", net.node("Erf", net.node(op, x, root, name="inner")), 1.0, name="plus")


def gelu(net: Net, x: str) -> str:
    return net.node("Mul", net.node("Mul", x, one_plus_erf(net, x, "Div")), 0.5, name="half")


def gelu_halved_first(net: Net, x: str) -> str:
    return net.node("Mul", net.node("Mul", x, 0.5, name="half"), one_plus_erf(net, x, "Div"))


def gelu_with_tanh(net: Net, x: str) -> str:
    cubic = net.node("Mul", net.node("Pow", x, 3.0), 0.044715)
    bend = net.node("Tanh", net.node("Mul", net.node("Add", x, cubic), 0.7978845834732056))
    return net.node("Mul", net.node("Mul", x, 0.5), net.node("Add", bend, 1.0))


def layer_norm(net: Net, x: str) -> str:
    centred = net.node("Sub", x, net.node("ReduceMean", x, axes=[-1]))
    variance = net.node("ReduceMean", net.node("Pow", centred, 2.0), axes=[-1])
    y = net.node("Div", centred, net.node("Sqrt", net.node("Add", variance, 1e-5)))
    c = net.shape(x)[-1]
    return net.node("Add", net.node("Mul", y, net.normal(c)), net.normal(c))


def in_tokens(net: Net, body: Callable[[Net, str], str]) -> str:
    def linear(x: str) -> str:
        return net.node("Add", net.node("MatMul", x, net.normal(8, 8)), net.normal(8))

    return linear(body(net, linear(net.input(1, 5, 8))))


@pytest.mark.parametrize(
    ("body", "kernel"),
    [
        (gelu, "Gelu"),
        (gelu_halved_first, "Gelu"),
        (gelu_with_tanh, "FastGelu"),
        (layer_norm, "LayerNormalization"),
    ],
)
def test_kernels_that_onnx_runtime_fuses_stay_whole(body, kernel):
    net = Net()
    folded = check(net, [in_tokens(net, body)])
    assert kernel in fused(ir.to_proto(folded.original))
    assert kernel in fused(ir.to_proto(folded.rounded))
    codes = {decision.reason.code for decision in folded.plan.decisions if decision.reason is not None}
    assert codes >= {Code.FUSED}


@pytest.mark.parametrize("body", [gelu, gelu_halved_first, layer_norm])
def test_to_eliminate_they_may_be_taken_apart(body):
    net = Net()
    folded = check(net, [in_tokens(net, body)], Objective.ELIMINATE)
    assert any(decision.removed for decision in folded.plan.decisions)


def test_an_erf_that_is_no_gelu_is_not_protected():
    net = Net()
    x = net.conv(net.input(1, 3, 4, 4), 4)
    y = net.node("Mul", net.node("Add", net.node("Erf", net.node("Div", x, 1.5)), 2.0), 0.5)
    folded = check(net, [net.conv(y, 3)])
    assert not any(d.reason is not None and d.reason.code is Code.FUSED for d in folded.plan.decisions)


def test_a_square_root_that_is_no_layer_norm_is_not_protected():
    net = Net()
    x = net.conv(net.input(1, 3, 4, 4), 4)
    y = net.node("Div", x, net.node("Sqrt", net.node("Add", net.node("Abs", x), 1.0)))
    y = net.node("Add", net.node("Mul", y, net.normal(4, 1, 1)), net.normal(4, 1, 1))
    folded = check(net, [net.conv(y, 3, pads=[0] * 4)])
    assert not any(d.reason is not None and d.reason.code is Code.FUSED for d in folded.plan.decisions)


def test_a_shift_does_not_go_into_a_wider_product():
    """An Add on 12 columns in place of one on 3 would be slower."""
    net = Net()
    x = net.node("Add", net.input(1, 4, 3), net.normal(3), name="shift")
    folded = check(net, [net.node("MatMul", x, net.normal(3, 12))])
    assert operators(folded) == ["Add", "MatMul"]
    reason = folded.decision("shift").reason
    assert reason is not None
    assert "has no bias" in reason.sentence


def test_a_shift_goes_into_a_narrower_product():
    net = Net()
    x = net.node("Add", net.input(1, 4, 12), net.normal(12), name="shift")
    folded = check(net, [net.node("MatMul", x, net.normal(12, 3))])
    assert operators(folded) == ["MatMul", "Add"]
    assert folded.decision("shift").into == ("matmul1",)


def test_unknown_extents_are_not_compared():
    """Tokens as rows of a matrix, and back: the same elements, though the shapes do not tell."""
    net = Net(dynamic=True)
    x = net.node("MatMul", net.input(2, 5, 4), net.normal(4, 6))
    x = net.bn(net.node("Reshape", x, [-1, 6]))
    folded = check(net, [net.node("Reshape", x, [-1, 5, 6])])
    assert not folded.kept


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_a_product_takes_a_shift_that_spares_another_one(blocks, last):
    """Once a wide product goes without bias, the stream has a shift, and a narrower product that reads it needs one."""
    net = Net()

    def normalized(x: str, width: int) -> str:
        tokens = net.shape(x)[1]
        x = net.node("MatMul", x, net.normal(net.shape(x)[-1], width))
        x = net.bn(net.node("Reshape", x, [tokens, width]))
        return net.node("Reshape", x, [1, tokens, width])

    x = net.input(1, 8, 6)
    for _ in range(blocks):
        x = net.node("Add", x, normalized(net.node("Tanh", normalized(x, 6)), 6))
    outputs = [net.node("Tanh", normalized(net.node("Slice", x, [0], [2], [1]), 4))]
    outputs += [net.node("Tanh", normalized(x, 6))] if last else []
    folded = check(net, outputs)
    assert not folded.kept


def test_a_scale_goes_into_any_product():
    net = Net()
    x = net.node("Mul", net.input(1, 4, 3), net.normal(3))
    assert operators(check(net, [net.node("MatMul", x, net.normal(3, 12))])) == ["MatMul"]


def test_a_shift_is_not_added_three_times_in_place_of_once():
    net = Net()
    x = net.node("Add", net.input(1, 4, 3), net.normal(3))
    y = net.node("Concat", *[net.node("MatMul", x, net.normal(3, 3)) for _ in range(3)], axis=2)
    assert operators(check(net, [y])).count("Add") == 1


def test_a_product_of_matrices_takes_a_shift_for_nothing():
    net = Net()
    x = net.node("Add", net.input(4, 3), net.normal(3))
    assert operators(check(net, [net.node("MatMul", x, net.normal(3, 12))])) == ["Gemm"]


def sandwiched(net: Net, *shape: int) -> Callable[[Callable[[str], str]], Folded]:
    def run(body: Callable[[str], str]) -> Folded:
        y = net.node("Sigmoid", body(net.node("Sigmoid", net.input(*shape))))
        return check(net, [y])

    return run


def test_a_pair_on_axis_1_is_one_batch_normalization():
    net = Net()
    scale, shift = net.normal(3, 1, 1), net.normal(3, 1, 1)
    folded = sandwiched(net, 2, 3, 4, 4)(lambda x: net.node("Add", net.node("Mul", x, scale), shift))
    assert operators(folded) == ["Sigmoid", "BatchNormalization", "Sigmoid"]


@pytest.mark.parametrize("op", ["Add", "Mul"])
def test_a_single_one_stays_what_it_is(op):
    net = Net()
    folded = sandwiched(net, 2, 3, 4, 4)(lambda x: net.node(op, x, net.normal(3, 1, 1)))
    assert operators(folded) == ["Sigmoid", op, "Sigmoid"]


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_of_a_run_along_another_axis_one_factor_and_one_summand_stay(shape):
    net = Net()

    def body(x: str) -> str:
        for op in ("Add", "Mul", "Sub", "Div", "Add"):
            x = net.node(op, x, net.normal(*shape))
        return x

    folded = sandwiched(net, 2, 3, 4, 4)(body)
    first, factor, summand, last = operators(folded)
    assert (first, last) == ("Sigmoid", "Sigmoid")
    assert factor in ("Mul", "Div")
    assert summand in ("Add", "Sub")
    assert len(folded.kept) == 2


@pytest.mark.parametrize(
    ("ops", "left"),
    [
        (("Add", "Mul", "Sub", "Div"), ["Mul", "Add"]),
        (("Add", "Sub", "Add"), ["Add"]),
        (("Mul", "Div"), ["Mul"]),
        (("Mul", "Add"), ["Mul", "Add"]),
    ],
)
def test_what_has_to_stay_along_another_axis_is_composed(ops, left):
    net = Net()
    x = net.node("Sigmoid", net.input(2, 5, 4))
    for op in ops:
        x = net.node(op, x, net.normal(4), name=f"{op}{len(net.nodes)}")
    names = [node.name for node in net.nodes[1:]]
    withdrawn = Reason(Code.WITHDRAWN, SENTENCES[Code.WITHDRAWN])
    folded = fold(net.model(net.node("Sigmoid", x)), dict.fromkeys(names, withdrawn))
    assert operators(folded) == ["Sigmoid", *left, "Sigmoid"]
    assert disagreement(folded, net.feeds()) < 1e-10
    assert len(folded.kept) == len(left)
    assert all(folded.decision(name).into == (names[-1],) for name in names if name not in folded.kept)


def test_a_run_that_others_read_in_the_middle_stays():
    net = Net()
    x = net.node("Sigmoid", net.input(2, 5, 4))
    middle = net.node("Add", x, net.normal(4))
    y = net.node("Sub", middle, net.normal(4))
    folded = check(net, [net.node("Sigmoid", y), net.node("Tanh", middle)])
    assert operators(folded).count("Add") + operators(folded).count("Sub") == 2


def test_two_axes_are_not_composed():
    net = Net()
    folded = sandwiched(net, 2, 5, 4)(lambda x: net.node("Add", net.node("Add", x, net.normal(4)), net.normal(5, 1)))
    assert operators(folded) == ["Sigmoid", "Add", "Add", "Sigmoid"]
