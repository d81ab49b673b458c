"""What quantized weights cannot take up with their integers as they are, and that every condition is needed."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from onnx import TensorProto, helper

from bnfold.gauge.rules import quantized
from bnfold.plan import Code
from tests.gauge.contract import initializers
from tests.graph.quantized_net import QNet, check
from tests.networks import fold


@pytest.mark.parametrize("axis", [0, 1])
def test_scales_along_the_input_channels_cannot_serve_the_output(axis: int):
    net = QNet()
    y = net.node(
        "Gemm", net.input(3, 4), net.dequantized((6, 4) if axis else (4, 6), scale=(4,), axis=axis), transB=axis
    )
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
