"""For every reason the smallest network that has it, and for every remedy the same network with the remedy taken.

The operator in question is called `it`. The tests and the page about the ledger both read them from here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import ModelProto, helper

from bnfold.memory import KEY, encoded
from bnfold.plan import SENTENCES, Code, Reason
from tests.networks import Net

Build = Callable[[Net], list[str]]
"""Adds nodes; returns the names of the outputs."""

Finish = Callable[[Net, ModelProto], None]


def nothing_more(_net: Net, _model: ModelProto) -> None:
    """Leave the model as its nodes make it."""


@dataclass(frozen=True)
class Example:
    """A network with an operator called `it`, which stays.

    Attributes:
        code: why it stays.
        against: the node that the reason names.
        build: adds the nodes.
        finish: what cannot be said node by node.
    """

    code: Code
    against: str | None
    build: Build
    finish: Finish = nothing_more

    def model(self) -> ModelProto:
        """The model."""
        net = Net()
        model = net.model(*self.build(net))
        self.finish(net, model)
        return model


@dataclass(frozen=True)
class Cure:
    """A network in which the remedy was taken, and what `inspect` is told, so that `it` goes."""

    build: Build
    finish: Finish = nothing_more
    settings: Mapping[str, Any] = field(default_factory=dict)

    model = Example.model


EXAMPLES: dict[str, Example] = {}
"""By name; the first of a code is the one to show."""

CURES: dict[Code, Cure] = {}
"""For the first example of each code whose remedy is to change something."""


def because(code: Code, against: str | None = None, finish: Finish = nothing_more) -> Callable[[Build], Build]:
    """Register a network that has this reason."""

    def register(build: Build) -> Build:
        EXAMPLES[build.__name__] = Example(code, against, build, finish)
        return build

    return register


def cures(code: Code, finish: Finish = nothing_more, **settings: Any) -> Callable[[Build], Build]:
    """Register a network in which the remedy was taken."""

    def register(build: Build) -> Build:
        CURES[code] = Cure(build, finish, settings)
        return build

    return register


def cured_by(code: Code, **settings: Any) -> Callable[[Build], Build]:
    """Note that an option of the command is the remedy."""

    def register(build: Build) -> Build:
        CURES[code] = Cure(build, EXAMPLES[build.__name__].finish, settings)
        return build

    return register


@because(Code.SCALE, "sigmoid2")
def scale(net: Net) -> list[str]:
    x = net.conv(net.input(1, 3, 4, 4), 4)
    return [net.bn(x, name="it"), net.node("Sigmoid", x)]


@cures(Code.SCALE)
def a_layer_between(net: Net) -> list[str]:
    x = net.conv(net.input(1, 3, 4, 4), 4)
    return [net.bn(x, name="it"), net.node("Sigmoid", net.conv(x, 4, kernel=1))]


@because(Code.SCALE, "conv0.y")
def scale_of_an_output(net: Net) -> list[str]:
    x = net.conv(net.input(1, 3, 4, 4), 4)
    return [x, net.bn(x, name="it")]


@because(Code.SIGN, "relu3")
def sign(net: Net) -> list[str]:
    x = net.relu(net.conv(net.input(1, 3, 4, 4), 4))
    y = net.bn(x, name="it", gamma=-np.ones(4), beta=np.zeros(4), mean=np.zeros(4))
    return [net.conv(net.relu(y), 4)]


@cures(Code.SIGN)
def a_positive_scale(net: Net) -> list[str]:
    x = net.relu(net.conv(net.input(1, 3, 4, 4), 4))
    y = net.bn(x, name="it", gamma=np.ones(4), beta=np.zeros(4), mean=np.zeros(4))
    return [net.conv(net.relu(y), 4)]


@because(Code.SIGN, "maxpool1")
def sign_behind_a_maximum(net: Net) -> list[str]:
    x = net.node("MaxPool", net.conv(net.input(1, 3, 4, 4), 4), kernel_shape=[2, 2])
    return [net.bn(x, name="it", gamma=np.asarray([1.0, 1.0, -1.0, 1.0]))]


@because(Code.SHIFT, "conv1")
def shift(net: Net) -> list[str]:
    return [net.conv(net.bn(net.input(1, 3, 4, 4), name="it"), 4)]


@cures(Code.SHIFT)
def padding_in_front(net: Net) -> list[str]:
    padded = net.node("Pad", net.input(1, 3, 4, 4), np.asarray([0, 0, 1, 1, 0, 0, 1, 1]))
    return [net.conv(net.bn(padded, name="it"), 4, pads=[0] * 4)]


@because(Code.SHIFT, "relu3")
def shift_between_relus(net: Net) -> list[str]:
    x = net.relu(net.conv(net.input(1, 3, 4, 4), 4))
    return [net.conv(net.relu(net.bn(x, name="it")), 4)]


@because(Code.SHIFT, "averagepool1")
def shift_in_counted_padding(net: Net) -> list[str]:
    x = net.bn(net.input(1, 3, 4, 4), name="it")
    pooled = net.node("AveragePool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
    return [net.conv(pooled, 4, pads=[0] * 4)]


@because(Code.SHAPE)
def shape(net: Net) -> list[str]:
    """All values are equal, but the stored shape makes one channel three."""
    x = net.conv(net.input(1, 3, 4, 4), 1)
    return [net.node("Add", x, np.ones((1, 3, 1, 1)), name="it")]


@cures(Code.SHAPE)
def one_element_per_channel(net: Net) -> list[str]:
    x = net.conv(net.input(1, 3, 4, 4), 3)
    return [net.node("Add", x, np.ones((1, 3, 1, 1)), name="it")]


@because(Code.SHAPE)
def rank(net: Net) -> list[str]:
    x = net.conv(net.input(1, 3, 4, 4), 4)
    return [net.node("Mul", x, net.random.normal(size=(1, 1, 4, 1, 1)), name="it")]


@because(Code.NONFINITE)
def negative_variance(net: Net) -> list[str]:
    return [net.bn(net.conv(net.input(1, 3, 4, 4), 4), name="it", variance=np.full(4, -1.0))]


@cures(Code.NONFINITE)
def positive_variance(net: Net) -> list[str]:
    return [net.bn(net.conv(net.input(1, 3, 4, 4), 4), name="it", variance=np.ones(4))]


@because(Code.NONFINITE)
def division_by_zero(net: Net) -> list[str]:
    return [net.node("Div", net.conv(net.input(1, 3, 4, 4), 4), np.zeros(()), name="it")]


@because(Code.TRAINING)
def training(net: Net) -> list[str]:
    x = net.conv(net.input(2, 3, 4, 4), 4)
    parameters = [np.ones(4), np.zeros(4), np.zeros(4), np.ones(4)]
    outputs = net.node("BatchNormalization", x, *parameters, outputs=3, name="it", training_mode=1)
    return [net.relu(outputs[0])]


@cures(Code.TRAINING)
def inference(net: Net) -> list[str]:
    x = net.conv(net.input(2, 3, 4, 4), 4)
    parameters = [np.ones(4), np.zeros(4), np.zeros(4), np.ones(4)]
    return [net.relu(net.node("BatchNormalization", x, *parameters, name="it"))]


@because(Code.NOT_CONSTANT)
def computed_parameters(net: Net) -> list[str]:
    x = net.conv(net.input(1, 3, 4, 4), 4)
    gamma = net.node("ReduceMean", x, axes=[0, 2, 3], keepdims=0)
    parameters = [net.random.normal(size=4), net.random.normal(size=4), np.ones(4)]
    return [net.node("BatchNormalization", x, gamma, *parameters, name="it")]


@cures(Code.NOT_CONSTANT)
def stored_parameters(net: Net) -> list[str]:
    return [net.bn(net.conv(net.input(1, 3, 4, 4), 4), name="it")]


def _gamma_as_input(net: Net, model: ModelProto) -> None:
    gamma = model.graph.node[-1].input[1]
    model.graph.input.append(helper.make_value_info(gamma, net.types[gamma]))


@cured_by(Code.OVERRIDABLE, freeze_inputs=True)
@because(Code.OVERRIDABLE, finish=_gamma_as_input)
def default_value(net: Net) -> list[str]:
    """A caller may feed another gamma."""
    return [net.bn(net.conv(net.input(1, 3, 4, 4), 4), name="it")]


@because(Code.DEAD)
def dead_behind_a_pool(net: Net) -> list[str]:
    x = net.node("MaxPool", net.conv(net.input(1, 3, 4, 4), 4), kernel_shape=[2, 2])
    return [net.bn(x, name="it", gamma=np.zeros(4))]


@cures(Code.DEAD)
def tiny_scale(net: Net) -> list[str]:
    x = net.node("MaxPool", net.conv(net.input(1, 3, 4, 4), 4), kernel_shape=[2, 2])
    return [net.bn(x, name="it", gamma=np.full(4, 1e-3))]


@because(Code.DEAD)
def dead(net: Net) -> list[str]:
    """Sigmoid reads the channels as well, so they cannot be emptied."""
    x = net.conv(net.input(1, 3, 4, 4), 4)
    return [net.bn(x, name="it", gamma=np.asarray([0.0, 1.0, 1.0, 1.0])), net.node("Sigmoid", x)]


@because(Code.DEAD)
def dead_along_another_axis(net: Net) -> list[str]:
    """No filter of the convolution can empty a column."""
    return [net.node("Mul", net.conv(net.input(1, 3, 4, 4), 4), np.asarray([0.0, 1.0, 1.0, 1.0]), name="it")]


@because(Code.DEAD)
def dead_tokens(net: Net) -> list[str]:
    product = net.node("MatMul", net.input(2, 4, 4), net.normal(4, 4))
    fixed = {"beta": np.zeros(4), "mean": np.zeros(4), "variance": np.ones(4)}
    return [net.bn(product, name="it", gamma=np.asarray([0.0, 1.0, 1.0, 1.0]), **fixed)]


@because(Code.PRECISION)
def precision(net: Net) -> list[str]:
    """The stream would have to hold values a thousand times their spread away from zero."""
    x = net.conv(net.input(1, 3, 4, 4), 4)
    y = net.bn(x, name="it", beta=np.full(4, 1000.0), mean=np.zeros(4), gamma=np.ones(4), variance=np.ones(4))
    return [net.conv(net.node("Add", x, net.conv(net.relu(y), 4)), 4, pads=[0] * 4)]


@because(Code.RANGE, "conv0")
def overflow(net: Net) -> list[str]:
    net.dtype = np.float16
    x = net.input(1, 1, 4, 4)
    y = net.node("Conv", x, np.full((2, 1, 1, 1), 3000.0), name="conv0")
    gamma, variance = np.full(2, 100.0), np.full(2, 0.5)
    return [net.bn(y, name="it", gamma=gamma, variance=variance)]


@cures(Code.RANGE)
def wider_type(net: Net) -> list[str]:
    y = net.node("Conv", net.input(1, 1, 4, 4), np.full((2, 1, 1, 1), 3000.0), name="conv0")
    gamma, variance = np.full(2, 100.0), np.full(2, 0.5)
    return [net.bn(y, name="it", gamma=gamma, variance=variance)]


@cured_by(Code.FUSED, objective="eliminate")
@because(Code.FUSED, "erf3")
def fused(net: Net) -> list[str]:
    x = net.conv(net.input(1, 3, 4, 4), 4)
    half = net.node("Mul", x, 0.5, name="it")
    erf = net.node("Erf", net.node("Div", x, 2**0.5), name="erf3")
    return [net.node("Mul", half, net.node("Add", erf, 1.0))]


def _withdrawn_before(_net: Net, model: ModelProto) -> None:
    withdrawn = Reason(Code.WITHDRAWN, SENTENCES[Code.WITHDRAWN])
    helper.set_model_props(model, {KEY: encoded({"it": withdrawn})})


@because(Code.WITHDRAWN, finish=_withdrawn_before)
def withdrawn(net: Net) -> list[str]:
    """The model remembers that an earlier fold withdrew it."""
    return [net.bn(net.conv(net.input(1, 3, 4, 4), 4), name="it")]


@cures(Code.WITHDRAWN)
def the_original(net: Net) -> list[str]:
    return [net.bn(net.conv(net.input(1, 3, 4, 4), 4), name="it")]
