"""For every reason the smallest network that has it, and the node it names."""

import numpy as np
import pytest

from bnfold.gauge.advice import BY_DEMAND
from bnfold.gauge.solve import solve
from bnfold.memory import decoded, encoded
from bnfold.plan import REMEDIES, Code, Reason
from tests.gauge.contract import check
from tests.graph.test_equations import NOT_ALGEBRA, sentences
from tests.networks import Net, fold

REASONS = {}


def because(code: Code, against: str | None = None):
    def register(build):
        REASONS[build.__name__] = (build, code, against)
        return build

    return register


@pytest.mark.parametrize("name", REASONS)
def test_reason(name):
    """The operator called `it` stays, for this reason, against this node."""
    build, code, against = REASONS[name]
    net = Net()
    outputs = build(net)
    meaningless = code in (Code.TRAINING, Code.NONFINITE)
    folded = fold(net.model(*outputs)) if meaningless else check(net, outputs)
    reason = folded.decision("it").reason
    assert reason is not None
    assert (reason.code, reason.against) == (code, against)
    assert against is None or against in reason.sentence


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("scale", "let a convolution or linear layer stand between this operator and sigmoid2"),
        ("scale_of_an_output", "leave conv0.y out of the outputs of the model"),
        ("sign", "train with a positive scale in channels 0, 1, 2, 3, which relu3 lets pass"),
        ("sign_behind_a_maximum", "train with a positive scale in channel 2, which maxpool1 lets pass"),
        ("shift", "pad in front of this operator instead of in conv1"),
        ("shift_in_counted_padding", "let averagepool1 leave its padding out (count_include_pad=0)"),
        ("precision", REMEDIES[Code.PRECISION]),
    ],
)
def test_a_remedy_says_what_to_change_where(name, remedy):
    net = Net()
    reason = fold(net.model(*REASONS[name][0](net))).decision("it").reason
    assert reason.remedy == reason.to_json()["remedy"] == remedy
    assert decoded(encoded({"it": reason}))["it"].remedy == remedy


def test_advice_is_for_demands_that_exist():
    assert set(BY_DEMAND) <= sentences() | NOT_ALGEBRA.keys() | {"is removed too"}


def test_every_reason_has_a_case():
    elsewhere = {Code.WITHDRAWN, Code.OVERRIDABLE}
    assert {code for _, code, _ in REASONS.values()} | elsewhere == set(Code)


def test_withdrawn():
    net = Net()
    y = net.bn(net.conv(net.input(1, 3, 4, 4), 4), name="it")
    facts = fold(net.model(y)).facts
    reason = Reason(Code.WITHDRAWN, "on request")
    (decision,) = solve(facts.network, {"it": reason}).decisions
    assert decision.reason == reason
    assert fold(net.model(y), {"it": reason}).kept == ["it"]


@because(Code.SCALE, "sigmoid2")
def scale(net):
    x = net.conv(net.input(1, 3, 4, 4), 4)
    return [net.bn(x, name="it"), net.node("Sigmoid", x)]


@because(Code.SCALE, "conv0.y")
def scale_of_an_output(net):
    x = net.conv(net.input(1, 3, 4, 4), 4)
    return [x, net.bn(x, name="it")]


@because(Code.SIGN, "relu3")
def sign(net):
    x = net.relu(net.conv(net.input(1, 3, 4, 4), 4))
    y = net.bn(x, name="it", gamma=-np.ones(4), beta=np.zeros(4), mean=np.zeros(4))
    return [net.conv(net.relu(y), 4)]


@because(Code.SIGN, "maxpool1")
def sign_behind_a_maximum(net):
    x = net.node("MaxPool", net.conv(net.input(1, 3, 4, 4), 4), kernel_shape=[2, 2])
    return [net.bn(x, name="it", gamma=np.asarray([1.0, 1.0, -1.0, 1.0]))]


@because(Code.SHIFT, "conv1")
def shift(net):
    return [net.conv(net.bn(net.input(1, 3, 4, 4), name="it"), 4)]


@because(Code.SHIFT, "relu3")
def shift_between_relus(net):
    x = net.relu(net.conv(net.input(1, 3, 4, 4), 4))
    return [net.conv(net.relu(net.bn(x, name="it")), 4)]


@because(Code.SHIFT, "averagepool1")
def shift_in_counted_padding(net):
    x = net.bn(net.input(1, 3, 4, 4), name="it")
    pooled = net.node("AveragePool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
    return [net.conv(pooled, 4, pads=[0] * 4)]


@because(Code.SHAPE)
def shape(net):
    """All values are equal, but the stored shape makes one channel three."""
    x = net.conv(net.input(1, 3, 4, 4), 1)
    return [net.node("Add", x, np.ones((1, 3, 1, 1)), name="it")]


@because(Code.SHAPE)
def rank(net):
    x = net.conv(net.input(1, 3, 4, 4), 4)
    return [net.node("Mul", x, net.random.normal(size=(1, 1, 4, 1, 1)), name="it")]


@because(Code.NONFINITE)
def negative_variance(net):
    return [net.bn(net.conv(net.input(1, 3, 4, 4), 4), name="it", variance=np.full(4, -1.0))]


@because(Code.NONFINITE)
def division_by_zero(net):
    return [net.node("Div", net.conv(net.input(1, 3, 4, 4), 4), np.zeros(()), name="it")]


@because(Code.TRAINING)
def training(net):
    x = net.conv(net.input(2, 3, 4, 4), 4)
    parameters = [np.ones(4), np.zeros(4), np.zeros(4), np.ones(4)]
    outputs = net.node("BatchNormalization", x, *parameters, outputs=3, name="it", training_mode=1)
    return [net.relu(outputs[0])]


@because(Code.NOT_CONSTANT)
def computed_parameters(net):
    x = net.conv(net.input(1, 3, 4, 4), 4)
    gamma = net.node("ReduceMean", x, axes=[0, 2, 3], keepdims=0)
    parameters = [net.random.normal(size=4), net.random.normal(size=4), np.ones(4)]
    return [net.node("BatchNormalization", x, gamma, *parameters, name="it")]


@because(Code.DEAD)
def dead(net):
    """Sigmoid reads the channels as well, so they cannot be emptied."""
    x = net.conv(net.input(1, 3, 4, 4), 4)
    return [net.bn(x, name="it", gamma=np.asarray([0.0, 1.0, 1.0, 1.0])), net.node("Sigmoid", x)]


@because(Code.DEAD)
def dead_behind_a_pool(net):
    x = net.node("MaxPool", net.conv(net.input(1, 3, 4, 4), 4), kernel_shape=[2, 2])
    return [net.bn(x, name="it", gamma=np.zeros(4))]


@because(Code.DEAD)
def dead_along_another_axis(net):
    """No filter of the convolution can empty a column."""
    return [net.node("Mul", net.conv(net.input(1, 3, 4, 4), 4), np.asarray([0.0, 1.0, 1.0, 1.0]), name="it")]


@because(Code.DEAD)
def dead_tokens(net):
    product = net.node("MatMul", net.input(2, 4, 4), net.normal(4, 4))
    fixed = {"beta": np.zeros(4), "mean": np.zeros(4), "variance": np.ones(4)}
    return [net.bn(product, name="it", gamma=np.asarray([0.0, 1.0, 1.0, 1.0]), **fixed)]


@because(Code.PRECISION)
def precision(net):
    """The stream would have to hold values a thousand times their spread away from zero."""
    x = net.conv(net.input(1, 3, 4, 4), 4)
    y = net.bn(x, name="it", beta=np.full(4, 1000.0), mean=np.zeros(4), gamma=np.ones(4), variance=np.ones(4))
    return [net.conv(net.node("Add", x, net.conv(net.relu(y), 4)), 4, pads=[0] * 4)]


@because(Code.RANGE, "conv0")
def overflow(net):
    net.dtype = np.float16
    x = net.input(1, 1, 4, 4)
    y = net.node("Conv", x, np.full((2, 1, 1, 1), 3000.0), name="conv0")
    gamma, variance = np.full(2, 100.0), np.full(2, 0.5)
    return [net.bn(y, name="it", gamma=gamma, variance=variance)]


@because(Code.FUSED, "erf3")
def fused(net):
    x = net.conv(net.input(1, 3, 4, 4), 4)
    half = net.node("Mul", x, 0.5, name="it")
    erf = net.node("Erf", net.node("Div", x, 2**0.5), name="erf3")
    return [net.node("Mul", half, net.node("Add", erf, 1.0))]
