"""Operators that look foldable and are not, and folds that must leave a neighbour alone; each misled some tool."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from bnfold.plan import Code
from tests.gauge.contract import check, initializers
from tests.networks import Net, disagreement, fold


def parameters(channels: int = 4) -> list[np.ndarray]:
    random = np.random.default_rng(5)
    return [random.uniform(0.5, 2, channels), *random.normal(size=(2, channels)), random.uniform(0.5, 2, channels)]


@pytest.mark.parametrize(
    ("opset", "outputs", "attributes"),
    [
        (6, 1, {}),
        (8, 5, {}),
        (9, 5, {}),
        (13, 5, {}),
        (14, 3, {"training_mode": 1}),
        (15, 3, {"training_mode": 1}),
    ],
)
def test_training_mode(opset, outputs, attributes):
    net = Net(opset=opset)
    x = net.conv(net.input(2, 3, 4, 4), 4)
    result = net.node("BatchNormalization", x, *parameters(), outputs=outputs, name="it", **attributes)
    folded = fold(net.model(result if outputs == 1 else result[0]))
    assert folded.decision("it").reason.code is Code.TRAINING
    assert initializers(folded.rounded) == initializers(folded.prepared)


def test_a_constant_that_old_operator_sets_align_along_an_axis():
    """Numpy would align the last axis, along which it fits as well."""
    net = Net(opset=6)
    x = net.node("Mul", net.conv(net.input(1, 3, 4, 4), 4), net.random.uniform(1.5, 3, 4), broadcast=1, axis=1)
    folded = fold(net.model(x))
    assert [node.op_type for node in folded.rounded.graph] == ["Conv", "Mul"]
    assert initializers(folded.rounded) == initializers(folded.prepared)


@pytest.mark.parametrize("opset", [7, 9, 13, 14, 15, 22])
def test_inference_mode_of_every_opset(opset):
    net = Net(opset=opset)
    y = net.bn(net.conv(net.input(2, 3, 4, 4), 4))
    assert check(net, [y]).kept == []


@pytest.mark.parametrize("opset", [7, 8])
def test_normalization_per_element(opset):
    net = Net(opset=opset)
    x = net.conv(net.input(1, 3, 2, 2), 2)
    values = [np.abs(net.random.normal(size=(2, 2, 2))) + 0.5 for _ in range(4)]
    y = net.node("BatchNormalization", x, *values, name="it", spatial=0)
    folded = fold(net.model(y))
    assert folded.decision("it").reason.code is Code.NOT_CONSTANT
    assert initializers(folded.rounded) == initializers(folded.prepared)


def test_dead_channels_of_an_own_conv():
    net = Net()
    beta = np.asarray([3.0, 4.0])
    y = net.bn(net.conv(net.input(1, 1, 3, 3), 2), gamma=np.asarray([0.0, 2.0]), beta=beta)
    folded = check(net, [y])
    (conv,) = folded.rounded.graph
    weight, bias = (value.const_value.numpy() for value in conv.inputs[1:])
    assert not weight[0].any()
    assert bias[0] == 3
    assert weight[1].any()


def test_a_dead_index_of_an_axis_that_the_reader_does_not_contract():
    """The matrix mixes the last axis, so its weights cannot blank out one index of the axis in front of it."""
    net = Net()
    x = net.node("Sigmoid", net.input(2, 4, 6))
    y = net.node("Mul", x, np.asarray([[0.0], [1.0], [1.0], [1.0]]), name="mask")
    folded = check(net, [net.node("MatMul", y, net.normal(6, 5))])
    assert folded.decision("mask").reason.code is Code.DEAD


def test_a_tiny_scale_is_not_dead():
    net = Net()
    gamma = np.asarray([1e-30, 1.0])
    x = net.conv(net.input(1, 1, 3, 3), 2)
    y = net.bn(x, gamma=gamma, variance=np.ones(2), beta=np.asarray([0.5, 0.0]))
    before = net.constants["k0"].astype(np.float64)
    folded = check(net, [y])
    (conv,) = folded.rounded.graph
    expected = float(np.float32(1e-30)) / np.sqrt(1 + float(np.float32(1e-3))) * before[0]
    np.testing.assert_allclose(conv.inputs[1].const_value.numpy()[0], expected, rtol=1e-6)
    assert conv.inputs[2].const_value.numpy()[0] == 0.5


@pytest.mark.parametrize("op", ["Mul", "Add"])
@pytest.mark.parametrize("shape", [(4,), (4, 1), (1, 1, 4), (4, 1, 1, 1), (1, 4, 1), (1, 1, 1, 4)])
def test_constants_of_other_axes(op, shape):
    """All extents are 4: only the position of the constant tells what it belongs to."""
    net = Net()
    y = net.node(op, net.conv(net.input(4, 4, 4, 4), 4), net.random.uniform(0.5, 2, shape), name="it")
    assert check(net, [y]).kept == ["it"]


@pytest.mark.parametrize("shape", [(4, 1, 1), (1, 4, 1, 1)])
def test_constants_of_channels(shape):
    net = Net()
    y = net.node("Mul", net.conv(net.input(4, 4, 4, 4), 4), net.random.uniform(0.5, 2, shape))
    assert check(net, [y]).kept == []


def test_a_constant_along_another_axis_stays_as_it_is_where_a_scale_passes():
    net = Net()
    columns = net.random.uniform(0.5, 2, 6)
    x = net.node("Mul", net.relu(net.input(2, 64, 5, 6)), net.random.uniform(0.5, 2, (64, 1, 1)))
    folded = check(net, [net.conv(net.node("Mul", x, columns), 3)])
    (kept,) = [node for node in folded.rounded.graph if node.op_type == "Mul"]
    assert np.array_equal(kept.inputs[1].const_value.numpy(), columns.astype(np.float32))


def test_linear_then_bn_of_positions():
    """A BatchNormalization of a 3-D tensor works on axis 1, the linear layer on the last one."""
    net = Net()
    y = net.bn(net.node("MatMul", net.input(2, 4, 4), net.normal(4, 4)), name="it")
    assert check(net, [y]).kept == ["it"]


def test_a_constant_of_higher_rank_keeps_the_rank_of_the_output():
    net = Net()
    y = net.node("Mul", net.conv(net.input(1, 3, 4, 4), 4), np.full((1, 1, 1, 1, 1), 2.0), name="it")
    folded = check(net, [y])
    assert folded.kept == ["it"]
    assert len(folded.rounded.graph.outputs[0].shape) == 5


@pytest.mark.parametrize(("shape", "made"), [((4, 3), ["Gemm"]), ((2, 4, 3), ["MatMul", "Add"])])
def test_a_matmul_gets_the_bias_it_needs(shape, made):
    net = Net()
    product = net.node("MatMul", net.input(*shape), net.normal(3, 5))
    y = net.node("Add", net.node("Mul", product, net.random.normal(size=5)), net.random.normal(size=5))
    folded = check(net, [y])
    assert folded.kept == []
    assert [node.op_type for node in folded.rounded.graph] == made


def test_a_conv_whose_bias_is_left_empty():
    net = Net()
    x = net.input(1, 3, 4, 4)
    y = net.bn(net.node("Conv", x, net.normal(4, 3, 3, 3), None))
    assert check(net, [y]).kept == []


def test_a_gemm_that_ignores_its_weight():
    net = Net()
    y = net.bn(net.linear(net.input(2, 3), 4, alpha=0.0))
    check(net, [y])


def test_half_precision_conv_with_single_precision_bn():
    """Since opset 15 the parameters may have another type; the conv that takes them up keeps its own."""
    net = Net(dtype=np.float16)
    y = net.bn(net.conv(net.input(1, 3, 4, 4), 4))
    z = net.conv(net.bn(net.relu(y)), 4)
    model = net.model(z)
    normal = {name for node in model.graph.node if node.op_type == "BatchNormalization" for name in node.input[1:]}
    for tensor in model.graph.initializer:
        if tensor.name in normal:
            wide = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(wide, tensor.name))
    onnx.checker.check_model(model, full_check=True)
    folded = fold(model)
    assert len(folded.plan.removed) == 1
    onnx.checker.check_model(ir.to_proto(folded.rounded), full_check=True)
    convs = [node for node in folded.rounded.graph if node.op_type == "Conv"]
    assert {value.dtype for node in convs for value in node.inputs[1:]} == {ir.DataType.FLOAT16}


def test_zero_padding_behind_max_pool():
    net = Net()
    x = net.node("Pad", net.bn(net.input(1, 3, 4, 4), name="it"), [0, 0, 1, 1, 0, 0, 1, 1])
    y = net.conv(net.node("MaxPool", x, kernel_shape=[2, 2]), 4, pads=[0] * 4)
    assert check(net, [y]).kept == ["it"]


def test_constants_in_nodes_and_nodes_without_names():
    net = Net()
    y = net.bn(net.conv(net.relu(net.bn(net.conv(net.input(1, 3, 4, 4), 4))), 4))
    model = net.model(y)
    constants = [helper.make_node("Constant", [], [tensor.name], value=tensor) for tensor in model.graph.initializer]
    nodes = [*constants, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.node.extend(nodes)
    for node in model.graph.node:
        node.name = ""
    folded = fold(model)
    assert len(folded.plan.removed) == 2
    assert disagreement(folded, net.feeds()) < 1e-10
    assert [node.op_type for node in folded.rounded.graph if node.op_type != "Constant"] == ["Conv", "Relu", "Conv"]


@pytest.mark.parametrize(("op", "shape", "axis"), [("Add", (4,), 1), ("Mul", (4, 1, 1), 0), ("Add", (4, 1, 1), 0)])
def test_broadcasting_before_opset_7(op, shape, axis):
    """The attribute says which axis the constant belongs to, not the alignment of the last ones."""
    net = Net(opset=6)
    x = net.conv(net.input(4, 4, 4, 4), 4)
    y = net.node(op, x, net.random.normal(size=shape), name="it", broadcast=1, axis=axis)
    folded = fold(net.model(y))
    assert folded.plan.removed == ()
    assert initializers(folded.rounded) == initializers(folded.prepared)


def test_no_bias_for_a_matmul_before_opset_7():
    """An Add or Gemm of that age would need attributes to broadcast."""
    net = Net(opset=6)
    parameters = [np.ones(5), np.ones(5), np.zeros(5), np.ones(5)]
    product = net.node("MatMul", net.input(4, 3), net.normal(3, 5))
    y = net.node("BatchNormalization", product, *parameters, name="it", is_test=1)
    assert fold(net.model(y)).kept == ["it"]


@pytest.mark.parametrize(
    ("opset", "operands", "attributes"),
    [
        (18, [None, "scales", None], {}),
        (18, [None, "scales", None], {"axes": [1]}),
        (18, [None, None, [4, 17]], {"axes": [1, 2], "keep_aspect_ratio_policy": "not_smaller"}),
        (10, ["scales"], {}),
    ],
)
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_channels_that_a_resize_mixes_without_changing_their_number(opset, operands, attributes, mode):
    """4 channels times 1.2 are 4 again, yet others; so are 4 times 17 / 16."""
    net = Net(opset=opset)
    scales = np.asarray([1.2] if "axes" in attributes else [1, 1.2, 1, 1], np.float32)
    net.constants["scales"] = scales
    net.types["scales"] = helper.make_tensor_type_proto(TensorProto.FLOAT, scales.shape)
    x = net.bn(net.conv(net.input(2, 3, 16, 2), 4), name="in_front")
    y = net.node("Resize", x, *operands, mode=mode, **attributes)
    assert net.channels(y) == 4
    assert check(net, [net.node("Sigmoid", net.bn(y, name="behind"))]).kept == ["behind"]


def test_a_network_of_numbers():
    """Tensors without axes have no channels to name."""
    net = Net()
    x = net.node("Add", net.node("Mul", net.input(), 2.0), 3.0)
    folded = check(net, [net.relu(net.node("Sub", net.relu(x), 0.5))])
    assert len(folded.kept) == 3
    assert all(folded.decision(name).reason.channels == () for name in folded.kept)
