"""Quantized weights: their scales are scaled, and their integers stay bit for bit."""

import math

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

import bnfold
from bnfold.plan import Code
from tests.gauge.contract import initializers
from tests.graph.quantized_net import QNet, check, ops


@pytest.mark.parametrize("kind", ["int8", "uint8", "int4", "uint4"])
@pytest.mark.parametrize(("scale", "axis"), [((), 1), ((6,), 0)])
@pytest.mark.parametrize("zero", [True, False])
def test_conv_then_bn(kind: str, scale: tuple[int, ...], axis: int, zero: bool):
    net = QNet()
    weight = net.dequantized((6, 4, 3, 3), kind=kind, scale=scale, axis=axis, zero=zero)
    folded = check(net, net.bn(net.node("Conv", net.input(2, 4, 5, 5), weight)))
    assert ops(folded) == ["DequantizeLinear", "Conv"]
    (node, _) = folded.rounded.graph
    assert node.inputs[1].shape == (6,)
    assert node.attributes["axis"].as_int() == 0


def is_loaded(opset: int) -> bool:
    """Whether the installed ONNX Runtime takes this operator set; it may be older than the installed onnx."""
    net = QNet(opset=opset)
    try:
        onnxruntime.InferenceSession(net.model(net.node("Relu", net.input(1))).SerializeToString())
    except onnxruntime.capi.onnxruntime_pybind11_state.Fail:
        return False
    return True


@pytest.mark.parametrize("opset", [*filter(is_loaded, range(10, onnx.defs.onnx_opset_version() + 1))])
def test_every_operator_set(opset: int):
    """One scale for the whole tensor becomes one per channel since operator set 13."""
    net = QNet(opset=opset)
    folded = check(net, net.bn(net.node("Conv", net.input(2, 4, 5, 5), net.dequantized((6, 4, 3, 3))), name="bn"))
    assert folded.kept == ([] if opset >= 13 else ["bn"])
    if opset < 13:
        assert folded.decision("bn").reason.code is Code.SCALE
        assert initializers(folded.rounded) == initializers(folded.prepared)


def test_one_scale_takes_up_one_number():
    net = QNet(opset=11)
    y = net.node("Conv", net.input(2, 4, 5, 5), net.dequantized((6, 4, 3, 3)))
    folded = check(net, net.node("Mul", y, 3.0))
    assert ops(folded) == ["DequantizeLinear", "Conv"]


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_bn_then_conv(groups: int):
    """Scales per input channel have no place in scales per output channel, but where a group has one input channel."""
    net = QNet()
    weight = net.dequantized((6, 6 // groups, 3, 3), scale=(6,), axis=0)
    x = net.bn(net.input(2, 6, 5, 5), name="bn")
    folded = check(net, net.node("Conv", x, weight, group=groups))
    assert folded.kept == ([] if groups == 6 else ["bn"])
    if groups < 6:
        assert "quantized weight" in folded.decision("bn").reason.sentence


@pytest.mark.parametrize("groups", [1, 3])
def test_one_factor_for_all_inputs_of_a_group(groups: int):
    net = QNet()
    factors = np.repeat(net.random.uniform(0.5, 2, groups), 6 // groups).reshape(6, 1, 1)
    weight = net.dequantized((6, 6 // groups, 3, 3), scale=(6,), axis=0)
    folded = check(net, net.node("Conv", net.node("Mul", net.input(2, 6, 5, 5), factors), weight, group=groups))
    assert folded.kept == []


def test_a_shift_goes_into_the_bias():
    net = QNet()
    x = net.node("Add", net.input(2, 4, 5, 5), net.random.normal(size=(4, 1, 1)))
    folded = check(net, net.node("Conv", x, net.dequantized((6, 4, 3, 3), scale=(6,), axis=0)))
    assert folded.kept == []
    before, after = (
        next(n for n in m.graph if n.op_type == "DequantizeLinear") for m in (folded.prepared, folded.rounded)
    )
    assert before.inputs[1].const_value.tobytes() == after.inputs[1].const_value.tobytes()


@pytest.mark.parametrize("axis", [0, 1])
def test_scales_along_the_input_channels(axis: int):
    """They take up units of the input, and one number for all of the output."""
    net = QNet()
    weight = net.dequantized((6, 4) if axis else (4, 6), scale=(4,), axis=axis)
    x = net.node("Mul", net.input(3, 4), net.random.uniform(0.5, 2, 4))
    folded = check(net, net.node("Mul", net.node("Gemm", x, weight, transB=axis), 1.7))
    assert ops(folded) == ["DequantizeLinear", "Gemm"]


@pytest.mark.parametrize(("op", "shape", "axis"), [("Gemm", (5, 6), 1), ("MatMul", (5, 6), 1)])
@pytest.mark.parametrize("scale", [(), (6,)])
def test_matrices(op: str, shape: tuple[int, int], axis: int, scale: tuple[int, ...]):
    net = QNet()
    y = net.node(op, net.input(3, 5), net.dequantized(shape, scale=scale, axis=axis))
    folded = check(net, net.bn(y))
    assert folded.kept == []
    assert "DequantizeLinear" in ops(folded)


def test_a_matrix_on_the_left():
    net = QNet()
    y = net.node("MatMul", net.dequantized((6, 5), scale=(6,), axis=0), net.input(2, 5, 3))
    folded = check(net, net.node("Mul", y, net.random.uniform(0.5, 2, (6, 1))))
    assert ops(folded) == ["DequantizeLinear", "MatMul"]


def test_one_scale_of_a_matrix_on_the_left_becomes_one_per_row():
    net = QNet()
    y = net.node("MatMul", net.dequantized((6, 5)), net.input(2, 5, 3))
    folded = check(net, net.node("Mul", y, net.random.uniform(0.5, 2, (6, 1))))
    assert ops(folded) == ["DequantizeLinear", "MatMul"]


@pytest.mark.parametrize("axis", [0, 1])
def test_blocks(axis: int):
    """A block is part of an input column or of an output row; units that do not vary in it go into its scale."""
    net = QNet()
    shape = {0: (2, 6), 1: (8, 3)}[axis]
    weight = net.dequantized((8, 6), kind="int4", scale=shape, axis=axis, block_size={0: 4, 1: 2}[axis])
    y = net.node("MatMul", net.input(3, 8), weight)
    folded = check(net, net.node("Mul", y, net.random.uniform(0.5, 2, 6), name="columns"))
    assert folded.kept == ([] if axis == 0 else ["columns"])
    pairs = QNet()
    weight = pairs.dequantized((8, 6), kind="int4", scale=shape, axis=axis, block_size={0: 4, 1: 2}[axis])
    halves = np.repeat(pairs.random.uniform(0.5, 2, 2), 4)
    folded = check(pairs, pairs.node("MatMul", pairs.node("Mul", pairs.input(3, 8), halves), weight))
    assert folded.kept == []


def test_blocks_that_end_where_a_group_ends():
    net = QNet()
    weight = net.dequantized((6, 3, 1, 1), scale=(2, 3, 1, 1), axis=0, block_size=3)
    x = net.node("Mul", net.input(1, 6, 3, 3), net.random.uniform(0.5, 2, (6, 1, 1)))
    assert check(net, net.node("Conv", x, weight, group=2)).kept == []


def test_blocks_that_do_not_divide_the_axis():
    net = QNet()
    weight = net.dequantized((7, 6), kind="int8", scale=(3, 6), axis=0, block_size=3)
    folded = check(net, net.node("Mul", net.node("MatMul", net.input(3, 7), weight), net.random.uniform(0.5, 2, 6)))
    assert folded.kept == []


@pytest.mark.parametrize(("groups", "kept"), [(1, []), (2, ["bn"])])
def test_conv_transpose(groups: int, kept: list[str]):
    """With groups, the scales of axis 1 serve one output channel of each group."""
    net = QNet()
    weight = net.dequantized((4, 6 // groups, 2, 2), scale=(6 // groups,), axis=1)
    y = net.node("ConvTranspose", net.input(2, 4, 3, 3), weight, group=groups, strides=[2, 2])
    assert check(net, net.bn(y, name="bn")).kept == kept


def test_conv_transpose_with_the_same_gains_in_all_groups():
    net = QNet()
    weight = net.dequantized((4, 3, 2, 2), scale=(3,), axis=1)
    y = net.node("ConvTranspose", net.input(2, 4, 3, 3), weight, group=2, strides=[2, 2])
    gains = np.tile(net.random.uniform(0.5, 2, 3), 2).reshape(6, 1, 1)
    assert check(net, net.node("Mul", y, gains)).kept == []


def test_scales_along_the_kernel():
    net = QNet()
    y = net.node("Conv", net.input(2, 4, 5, 5), net.dequantized((6, 4, 3, 3), scale=(3,), axis=2))
    assert check(net, net.bn(y, name="bn")).kept == ["bn"]


@pytest.mark.parametrize("scale", [(), (6,)])
def test_an_integer_bias_keeps_its_integers_where_nothing_is_added(scale: tuple[int, ...]):
    net = QNet()
    weight = net.dequantized((6, 4, 3, 3), scale=(6,), axis=0)
    bias = net.dequantized((6,), kind="int32", scale=scale, axis=0, zero=False)
    y = net.node("Conv", net.input(2, 4, 5, 5), weight, bias)
    folded = check(net, net.node("Mul", y, net.random.uniform(0.5, 2, (6, 1, 1))))
    assert ops(folded) == ["DequantizeLinear", "DequantizeLinear", "Conv"]


@pytest.mark.parametrize("op", ["Conv", "Gemm", "MatMul"])
def test_an_integer_bias_becomes_a_float_one_where_something_is_added(op: str):
    net = QNet()
    shape = (6, 4, 3, 3) if op == "Conv" else (4, 6)
    weight = net.dequantized(shape, scale=(6,), axis=0 if op == "Conv" else 1)
    bias = net.dequantized((6,), kind="int32", scale=(6,), axis=0, zero=False)
    x = net.input(2, 4, 5, 5) if op == "Conv" else net.input(2, 4)
    y = net.node("Add", net.node(op, x, weight), bias) if op == "MatMul" else net.node(op, x, weight, bias)
    folded = check(net, net.bn(y))
    assert folded.kept == []
    assert ops(folded).count("DequantizeLinear") == 1


def test_beta_of_a_gemm():
    net = QNet()
    bias = net.dequantized((6,), kind="int32", scale=(6,), axis=0, zero=False)
    y = net.node("Gemm", net.input(2, 4), net.dequantized((4, 6), scale=(6,), axis=1), bias, alpha=0.5, beta=-2.0)
    assert check(net, net.node("Mul", y, net.random.uniform(0.5, 2, 6))).kept == []


def test_a_weight_that_two_layers_read():
    net = QNet()
    x, weight = net.input(2, 4, 5, 5), net.dequantized((6, 4, 3, 3), scale=(6,), axis=0)
    y = net.bn(net.node("Conv", x, weight, name="normalized"))
    folded = check(net, y, net.node("Conv", x, weight, name="plain"))
    assert folded.kept == []
    read = {node.name: node.inputs[1].producer() for node in folded.rounded.graph if node.op_type == "Conv"}
    mine, other = read["normalized"], read["plain"]
    assert mine is not other
    assert mine.inputs[0] is other.inputs[0]
    assert other.inputs[1].const_value.tobytes() == net.constants[other.inputs[1].name].tobytes()


def test_constants_of_affine_operators_may_be_quantized():
    net = QNet()
    x = net.conv(net.input(2, 3, 4, 4), 4)
    y = net.node("Mul", x, net.dequantized((4, 1, 1), kind="uint8", zero=False))
    folded = check(net, net.node("Add", y, net.dequantized((4, 1, 1))))
    assert ops(folded) == ["Conv"]


def test_the_whole_way():
    net = QNet()
    y = net.bn(net.node("Conv", net.input(2, 4, 5, 5), net.dequantized((6, 4, 3, 3), scale=(6,), axis=0)))
    result = bnfold.fold(net.model(y))
    assert result.report.verification.verdict == "equivalent"
    (weight,) = (tensor for tensor in net.integers if len(tensor.dims) == 4)
    stored = result.model.graph.initializers[weight.name].const_value.numpy()
    np.testing.assert_array_equal(stored, numpy_helper.to_array(weight))


@pytest.mark.parametrize("seed", range(12))
def test_random_shapes(seed: int):
    """Groups, axes, blocks and both sides at once: whatever is folded is exact."""
    random = np.random.default_rng(seed)
    net = QNet(seed=seed)
    groups = int(random.choice([1, 2, 3]))
    inputs, outputs = groups * int(random.integers(1, 3)), groups * int(random.integers(1, 3))
    transposed = bool(random.integers(2))
    shape = (inputs, outputs // groups, 2, 2) if transposed else (outputs, inputs // groups, 2, 2)
    axis = int(random.integers(4))
    block = int(random.choice([0, 1, 2]))
    scale = tuple(math.ceil(n / block) if i == axis else n for i, n in enumerate(shape)) if block else (shape[axis],)
    weight = net.dequantized(
        shape, scale=() if random.integers(4) == 0 and not block else scale, axis=axis, block_size=block
    )
    x = net.node("Mul", net.input(2, inputs, 4, 4), random.choice([0.5, 2.0], (inputs, 1, 1)))
    y = net.node(
        "ConvTranspose" if transposed else "Conv",
        net.node("Add", x, random.normal(size=(inputs, 1, 1))),
        weight,
        group=groups,
    )
    y = net.node("Mul", y, random.choice([0.5, 2.0], (outputs, 1, 1)))
    check(net, net.node("Add", net.node("Mul", y, 3.0), random.normal(size=(outputs, 1, 1))))
