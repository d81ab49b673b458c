"""Break the dearer forms one at a time: a wrong bound, border or kernel must not go unnoticed."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bnfold.gauge import last_resort, relaxed
from bnfold.gauge.relaxed import bounds, padding
from bnfold.network import Computed
from bnfold.objective import Objective
from bnfold.plan import Form, Step
from tests.networks import Net, disagreement, fold

VALID = [0, 0, 0, 0]


def shifted_relu(net: Net, **changed) -> str:
    x = net.relu(net.conv(net.input(2, 3, 5, 4), 4))
    return net.node("Sigmoid", net.bn(x, **changed))


def mirrored_relu(net: Net) -> str:
    return shifted_relu(net, gamma=-np.ones(4))


def clipped(net: Net) -> str:
    x = net.node("Clip", net.conv(net.input(2, 3, 5, 4), 4), 0.0, 0.5)
    return net.node("Sigmoid", net.node("Add", net.node("Mul", x, -0.5), 0.25))


def both_signs(net: Net) -> str:
    """Max and Min of a small tensor are cheaper than a depthwise convolution of the large one."""
    x = net.relu(net.conv(net.input(2, 3, 5, 4), 4))
    large = net.node("Resize", x, None, np.array([1.0, 1, 2, 2]), mode="nearest")
    return net.node("Sigmoid", net.bn(large, gamma=np.array([1.0, -2, 3, -1])))


def border(net: Net) -> str:
    return net.conv(net.node("Div", net.node("Sub", net.input(2, 3, 5, 4), 0.5), 0.25), 4, pads=[0, 1, 2, 0])


def ones(net: Net) -> str:
    return net.conv(net.bn(net.input(2, 40, 5, 4)), 1)


def padded(net: Net) -> str:
    x = net.node("Div", net.node("Sub", net.input(2, 3, 5, 4), 0.5), 0.25)
    return net.conv(net.node("Pad", x, [0, 0, 1, 2, 0, 0, 0, 1], 0.3), 4, pads=VALID)


def depthwise(net: Net) -> str:
    return net.node("Sigmoid", net.bn(net.node("Sigmoid", net.input(2, 3, 4, 4))))


def without_ones(weight: np.ndarray) -> np.ndarray:
    return weight * (np.arange(weight.shape[1]) < 40).reshape(-1, 1, 1)


DETECTORS = (shifted_relu, mirrored_relu, clipped, both_signs, border, ones, padded, depthwise)


def difference(build: Callable[[Net], str]) -> float:
    net = Net()
    model = net.model(build(net))
    try:
        return disagreement(fold(model, objective=Objective.ELIMINATE), net.feeds())
    except (AssertionError, ValueError):
        return float("inf")


@pytest.mark.parametrize("build", DETECTORS)
def test_forms_as_they_are(build):
    assert difference(build) <= 1e-10


def changed(form: Form, change: Callable[[Step], Step]) -> Form:
    return tuple(change(step) for step in form)


def constants(op: str, index: int, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Step], Step]:
    """Change one constant of the steps with this operator."""

    def apply(step: Step) -> Step:
        if step.op != op or index not in step.constants:
            return step
        array = np.asarray(change(step.constants[index].numpy()))
        return replace(step, constants={**step.constants, index: Computed.of(array)})

    return apply


SWAPPED = {"Max": "Min", "Min": "Max"}

MUTATIONS = {
    "Relu: a bound of the wrong sign": ("Relu", constants("Max", 1, np.negative)),
    "Relu: Min bounds of the wrong sign": ("Relu", constants("Min", 1, np.negative)),
    "Relu: Max and Min swapped": ("Relu", lambda step: replace(step, op=SWAPPED.get(step.op, step.op))),
    "Relu: bounds of 0": ("Relu", constants("Max", 1, np.zeros_like)),
    "Clip: lower bound forgotten": ("Clip", constants("Clip", 1, lambda bound: bound - 9)),
    "Clip: upper bound forgotten": ("Clip", constants("Clip", 2, lambda bound: bound + 9)),
    "Conv: zeros at the border": ("Conv", constants("Pad", 2, np.zeros_like)),
    "Conv: no channel of ones": ("Conv", constants("Conv", 1, without_ones)),
    "Conv: the shift counted twice": ("Conv", constants("Conv", 2, lambda bias: bias + 0.1)),
    "Pad: the number in old units": ("Pad", constants("Pad", 2, lambda _: np.asarray(0.3))),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_wrong_form_is_noticed(monkeypatch, name):
    op, change = MUTATIONS[name]
    right = relaxed.TABLE[op]

    def wrong(node, plan):
        found = right.form(node, plan)
        return None if found is None else (changed(found[0], change), found[1])

    monkeypatch.setitem(relaxed.TABLE, op, replace(right, form=wrong))
    assert any(difference(build) > 1e-6 for build in DETECTORS)


@pytest.mark.parametrize("index", [1, 2])
def test_a_wrong_depthwise_convolution_is_noticed(monkeypatch, index):
    right = last_resort.depthwise
    change = constants("Conv", index, lambda array: array + 0.1)
    monkeypatch.setattr(last_resort, "depthwise", lambda *arguments: changed(right(*arguments), change))
    assert difference(depthwise) > 1e-6


def test_a_wish_that_is_taken_for_granted_is_noticed(monkeypatch):
    """Without asking for a form, the operator would stay and be wrong."""
    for op in ("Relu", "Conv", "Pad", "Clip"):
        monkeypatch.setitem(relaxed.TABLE, op, replace(relaxed.TABLE[op], form=lambda *_: ((), 0)))
    assert all(difference(build) > 1e-6 for build in (shifted_relu, clipped, border, padded))


def test_units_that_vary_along_a_border_are_no_single_number(monkeypatch):
    monkeypatch.setattr(padding, "zero_in", lambda unit, value=0.0: float((unit.gain * value + unit.offset).flat[0]))
    assert difference(ones) > 1e-6


def test_a_missing_bound_must_never_bind(monkeypatch):
    monkeypatch.setattr(
        bounds, "_finite", lambda bound, _: None if np.isinf(bound).all() else np.clip(bound, -0.1, 0.1)
    )
    assert difference(both_signs) > 1e-6
