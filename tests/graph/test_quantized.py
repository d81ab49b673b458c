"""Quantized weights: their scales are scaled, their integers stay bit for bit, and what cannot be is refused."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

import bnfold
from bnfold.gauge.rules import quantized
from bnfold.plan import Code
from tests.gauge.contract import assert_interface, initializers, runtime
from tests.networks import Folded, Net, disagreement, fold

TYPES = {
    "int8": (np.int8, TensorProto.INT8),
    "uint8": (np.uint8, TensorProto.UINT8),
    "int32": (np.int32, TensorProto.INT32),
    "int4": (ml_dtypes.int4, TensorProto.INT4),
    "uint4": (ml_dtypes.uint4, TensorProto.UINT4),
}
RANGES = {"int8": (-128, 127), "uint8": (0, 255), "int32": (-(2**30), 2**30), "int4": (-8, 7), "uint4": (0, 15)}


@dataclass(repr=False)
class QNet(Net):
    """A network that may have integers as constants."""

    opset: int = 21
    integers: list[onnx.TensorProto] = field(default_factory=list)

    def stored(self, kind: str, shape: Sequence[int], values: np.ndarray | None = None) -> str:
        low, high = RANGES[kind]
        dtype, code = TYPES[kind]
        if values is None:
            values = self.random.integers(low, high + 1, shape)
        name = f"q{len(self.integers)}"
        self.integers.append(helper.make_tensor(name, code, list(shape), values.astype(dtype).reshape(-1).tolist()))
        self.types[name] = helper.make_tensor_type_proto(code, list(shape))
        return name

    def dequantized(
        self,
        shape: Sequence[int],
        *,
        kind: str = "int8",
        scale: Sequence[int] = (),
        zero: bool = True,
        **attributes: int,
    ) -> str:
        """A constant of integers, with scales of this shape."""
        size = {"int8": 64, "uint8": 64, "int32": 2**29, "int4": 4, "uint4": 4}[kind]
        scales = self.constant(self.random.uniform(0.5, 1, scale) / size)
        operands = [self.stored(kind, shape), scales]
        if zero:
            low, high = RANGES[kind]
            middle = (low + high) // 2
            operands.append(self.stored(kind, scale, self.random.integers(middle - 2, middle + 3, scale)))
        return self.node("DequantizeLinear", *operands, **attributes)

    def model(self, *outputs: str) -> onnx.ModelProto:
        made = super().model(*outputs)
        made.graph.initializer.extend(self.integers)
        made.ir_version = 10
        return made


def integers(model: ir.Model) -> dict[str, bytes]:
    """What every DequantizeLinear reads, by the bytes."""
    return {
        tensor.name: tensor.tobytes()
        for node in model.graph.all_nodes()
        if node.op_type == "DequantizeLinear"
        for tensor in [node.inputs[0].const_value]
        if tensor is not None
    }


RUNS = 27
"""The newest operator set that ONNX Runtime runs."""


def check(net: QNet, *outputs: str) -> Folded:
    proto = net.model(*outputs)
    onnx.checker.check_model(proto, full_check=True)
    folded = fold(proto)
    assert disagreement(folded, net.feeds()) <= 1e-10
    assert_interface(folded)
    after = ir.to_proto(folded.rounded)
    onnx.checker.check_model(after, full_check=True)
    before = integers(folded.prepared)
    assert all(before[name] == value for name, value in integers(folded.rounded).items())
    scales = [node.inputs[1].const_value.numpy() for node in folded.rounded.graph if node.op_type == "DequantizeLinear"]
    assert all((scale > 0).all() for scale in scales)
    if net.opset <= RUNS:
        for expected, value in zip(runtime(proto, net.feeds()), runtime(after, net.feeds()), strict=True):
            np.testing.assert_allclose(expected, value, rtol=1e-3, atol=1e-4)
    return folded


def ops(folded: Folded) -> list[str]:
    return [node.op_type for node in folded.rounded.graph]


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


@pytest.mark.parametrize("opset", range(10, onnx.defs.onnx_opset_version() + 1))
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


@pytest.mark.parametrize("axis", [0, 1])
def test_scales_along_the_input_channels_cannot_serve_the_output(axis: int):
    net = QNet()
    y = net.node(
        "Gemm", net.input(3, 4), net.dequantized((6, 4) if axis else (4, 6), scale=(4,), axis=axis), transB=axis
    )
    assert check(net, net.bn(y, name="bn")).kept == ["bn"]


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


def test_negative_gains_are_refused():
    net = QNet()
    y = net.node("Conv", net.input(2, 4, 5, 5), net.dequantized((6, 4, 3, 3), scale=(6,), axis=0))
    gamma = np.asarray([1.0, 1, -1, 1, 1, 1])
    folded = check(net, net.bn(y, gamma=gamma, name="bn"))
    reason = folded.decision("bn").reason
    assert (reason.code, reason.channel) == (Code.SIGN, 2)
    assert "scales must be positive" in reason.sentence
    assert initializers(folded.rounded) == initializers(folded.prepared)


@pytest.mark.parametrize("where", ["behind", "before"])
def test_dead_channels_are_refused(where: str):
    """A scale of 0 is none."""
    net = QNet()
    gamma = np.asarray([1.0, 0, 1, 1])
    x = net.node("Sigmoid", net.input(2, 4, 5, 5)) if where == "before" else net.input(2, 4, 5, 5)
    weight = net.dequantized((4, 4, 1, 1), scale=(4,), axis=0)
    y = net.bn(net.node("Conv", x, weight), gamma=gamma, name="bn") if where == "behind" else None
    y = y or net.node("Conv", net.bn(x, gamma=gamma, name="bn"), weight)
    assert check(net, y).decision("bn").reason.code is Code.DEAD


def test_a_gain_beyond_the_scale_type_is_refused():
    net = QNet(dtype=np.float16)
    y = net.node("Conv", net.input(2, 4, 5, 5), net.dequantized((4, 4, 1, 1), scale=(4,), axis=0))
    proto = net.model(net.node("Mul", y, np.full((4, 1, 1), 1e-7), name="it"))
    assert fold(proto).decision("it").reason.code is Code.RANGE


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


def test_quantized_activations_stay_what_they_are():
    """The pairs around activations are opaque; the BN behind the layer goes into the scales of its weight."""
    net = QNet()
    step, zero = net.constant(np.asarray(0.05)), net.stored("uint8", (), np.asarray(128))

    def pair(x: str) -> str:
        return net.node("DequantizeLinear", net.node("QuantizeLinear", x, step, zero), step, zero)

    y = net.node("Conv", pair(net.input(2, 4, 5, 5)), net.dequantized((6, 4, 3, 3), scale=(6,), axis=0, zero=False))
    folded = check(net, pair(net.relu(net.bn(y))))
    assert folded.kept == []
    before = net.node("Conv", pair(net.bn(net.input(2, 4, 5, 5), name="stays")), net.normal(6, 4, 3, 3))
    assert fold(net.model(before)).kept == ["stays"]


def test_constants_of_affine_operators_may_be_quantized():
    net = QNet()
    x = net.conv(net.input(2, 3, 4, 4), 4)
    y = net.node("Mul", x, net.dequantized((4, 1, 1), kind="uint8", zero=False))
    folded = check(net, net.node("Add", y, net.dequantized((4, 1, 1))))
    assert ops(folded) == ["Conv"]


def test_a_quantized_operand_of_a_concat_stays():
    net = QNet()
    y = net.node("Concat", net.conv(net.input(2, 3, 4, 4), 4), net.dequantized((2, 1, 4, 4)), axis=1)
    folded = check(net, net.bn(y, name="bn"))
    assert folded.kept == ["bn"]


def test_a_scale_that_a_caller_may_override():
    net = QNet()
    y = net.bn(net.node("Conv", net.input(2, 4, 5, 5), net.dequantized((6, 4, 3, 3), scale=(6,), axis=0)), name="bn")
    proto = net.model(y)
    proto.graph.input.append(helper.make_tensor_value_info("k0", TensorProto.FLOAT, [6]))
    folded = fold(proto)
    assert folded.kept == ["bn"]
    assert initializers(folded.rounded) == initializers(folded.prepared)


def test_the_whole_way():
    net = QNet()
    y = net.bn(net.node("Conv", net.input(2, 4, 5, 5), net.dequantized((6, 4, 3, 3), scale=(6,), axis=0)))
    result = bnfold.fold(net.model(y))
    assert result.report.verification.verdict == "equivalent"
    (weight,) = (tensor for tensor in net.integers if len(tensor.dims) == 4)
    stored = result.model.graph.initializers[weight.name].const_value.numpy()
    np.testing.assert_array_equal(stored, numpy_helper.to_array(weight))


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Leaves one condition of quantized weights out."""
    right = quantized.bind

    def leave_out(what: str) -> None:
        def wrong(node, units, *arguments, **options):
            setattr(units, what, lambda *_: None)
            try:
                right(node, units, *arguments, **options)
            finally:
                delattr(units, what)

        monkeypatch.setattr(quantized, "bind", wrong)

    return leave_out


def scaled_input(factors: Sequence[float]) -> tuple[QNet, str]:
    net = QNet()
    weight = net.dequantized((6, 4, 1, 1), scale=(6,), axis=0)
    x = net.node("Mul", net.input(2, 4, 5, 5), np.asarray(factors, np.float32).reshape(4, 1, 1), name="it")
    return net, net.node("Conv", x, weight)


def test_without_shared_scales_the_fold_is_wrong(without: Callable[[str], None]):
    net, y = scaled_input([1, 2, 3, 4])
    assert check(net, y).kept == ["it"]
    without("same_scale")
    with pytest.raises(AssertionError):
        check(net, y)


def test_without_positive_scales_only_storing_them_fails(without: Callable[[str], None]):
    net, y = scaled_input([-2] * 4)
    assert check(net, y).decision("it").reason.code is Code.SIGN
    without("positive")
    assert check(net, y).decision("it").reason.code is Code.RANGE


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
