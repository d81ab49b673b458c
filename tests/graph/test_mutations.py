"""Break one equation at a time: a wrong rule must not go unnoticed by networks that compare results."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bnfold.affine import Affine
from bnfold.gauge import relaxed, rules, settle
from bnfold.gauge.requirements import Requirements
from bnfold.gauge.rules import activation, affine, linear, movement, pooling
from bnfold.gauge.search import Search
from bnfold.gauge.units import Units
from bnfold.network import Node
from tests.graph.detectors import DETECTORS
from tests.networks import Net, disagreement, fold

Rule = Callable[[Node, Units], None]


def difference(name: str) -> float:
    net = Net()
    y = DETECTORS[name](net)
    try:
        return disagreement(fold(net.model(y)), net.feeds())
    except (AssertionError, ValueError, KeyError):
        return float("inf")


@pytest.mark.parametrize("name", DETECTORS)
def test_rules_as_they_are(name):
    assert difference(name) <= 1e-10


def deaf(op: str, *demands: str) -> tuple[str, Rule]:
    """The rule of `op` with some of its demands not heard."""
    right = rules.TABLE[op]

    def wrong(node: Node, units: Units) -> None:
        for demand in demands:
            setattr(units, demand, (lambda *_: None) if demand != "along" else _along)
        try:
            right(node, units)
        finally:
            for demand in demands:
                delattr(units, demand)

    return op, wrong


def _along(_: int, gauge: np.ndarray, *axes: int) -> np.ndarray:
    """Units.along, without the equations that make it true."""
    kept = {axis % gauge.ndim for axis in axes}
    return gauge[tuple(slice(None) if axis in kept else slice(0, 1) for axis in range(gauge.ndim))]


def misread(op: str, change: Callable[[Node], Node]) -> tuple[str, Rule]:
    """The rule of `op` on a node that is understood wrongly."""
    right = rules.TABLE[op]
    return op, lambda node, units: right(change(node), units)


def attribute(name: str, value: Callable[[object], object]) -> Callable[[Node], Node]:
    return lambda node: replace(node, attributes={**node.attributes, name: value(node.attributes.get(name))})


def no_scale(op: str) -> tuple[str, Rule]:
    return _silent(op, "scale")


def no_shift_equation(op: str) -> tuple[str, Rule]:
    return _silent(op, "shift")


def _silent(op: str, system: str) -> tuple[str, Rule]:
    """The rule of `op` that states nothing in one system."""
    right = rules.TABLE[op]

    def wrong(node: Node, units: Units) -> None:
        setattr(units.structure, system, lambda *_: None)
        try:
            right(node, units)
        finally:
            delattr(units.structure, system)

    return op, wrong


def sorted_indices(node: Node, units: Units) -> None:
    gauge = units.of(node.inputs[0])
    units.gauges[node.outputs[0].name] = gauge[:, : node.outputs[0].extent(1)]


def repeated(node: Node, units: Units) -> None:
    gauge = units.of(node.inputs[0])
    units.gauges[node.outputs[0].name] = np.repeat(gauge, 4, axis=1) if gauge.size > 1 else gauge


def stretched(node: Node, units: Units) -> None:
    gauge = units.of(node.inputs[0])
    units.gauges[node.outputs[0].name] = np.repeat(gauge, 2, axis=1) if gauge.size > 1 else gauge


def tiled(node: Node, units: Units) -> None:
    gauge = units.of(node.inputs[0]).reshape(-1)
    units.gauges[node.outputs[0].name] = np.tile(gauge, node.outputs[0].extent(1) // gauge.size)[None]


MUTATIONS = {
    **{
        f"{op} ignores {demand}": deaf(op, demand)
        for op in ("Relu", "LeakyRelu", "PRelu", "Clip", "Abs")
        for demand in ("positive", "no_shift")
    },
    "Clip with a maximum is a Relu": ("Clip", activation.homogeneous),
    "Sigmoid is a Relu": ("Sigmoid", activation.homogeneous),
    "Sigmoid is the identity": ("Sigmoid", movement.identity),
    **{
        f"{op} ignores positive": deaf(op, "positive")
        for op in ("MaxPool", "GlobalMaxPool", "ReduceMax", "ReduceMin", "Max", "Min")
    },
    "MaxPool is an average": ("MaxPool", pooling.average_pool),
    "AveragePool ignores counted padding": deaf("AveragePool", "no_shift"),
    "AveragePool ignores columns": deaf("AveragePool", "along"),
    "Conv ignores padding": deaf("Conv", "no_shift"),
    "Conv ignores columns": deaf("Conv", "along"),
    "Gemm ignores rows": deaf("Gemm", "along"),
    "MatMul ignores tokens": deaf("MatMul", "along"),
    "ConvTranspose ignores its border": deaf("ConvTranspose", "no_shift"),
    "Sub adds": misread("Sub", lambda node: replace(node, op="Sum")),
    "Add ignores scales": deaf("Add", "same_scale"),
    "Neg is the identity": ("Neg", movement.identity),
    "Max compares other units": deaf("Max", "same"),
    "Min compares other units": deaf("Min", "same"),
    "Add loses shifts": no_shift_equation("Add"),
    "ReduceSum loses shifts": no_shift_equation("ReduceSum"),
    "ReduceSum ignores scales": deaf("ReduceSum", "same_scale"),
    "Div ignores shifts": deaf("Div", "no_shift"),
    "Div ignores scales": no_scale("Div"),
    "MatMul of tensors ignores shifts": deaf("MatMul", "no_shift"),
    "MatMul of tensors ignores scales": no_scale("MatMul"),
    "Mul ignores shifts": deaf("Mul", "no_shift"),
    "Mul ignores scales": no_scale("Mul"),
    "ReduceSum is a mean": ("ReduceSum", pooling.reduce_mean),
    "ReduceMean ignores columns": deaf("ReduceMean", "along"),
    "Pad ignores zeros": deaf("Pad", "no_shift"),
    "Pad with a number pads with zeros": misread("Pad", lambda node: replace(node, inputs=node.inputs[:2])),
    "Pad is the identity": ("Pad", movement.identity),
    "Concat swaps": misread("Concat", lambda node: replace(node, inputs=node.inputs[::-1])),
    "Split swaps": misread("Split", lambda node: replace(node, outputs=node.outputs[::-1])),
    "Slice takes the first": ("Slice", sorted_indices),
    "Gather sorts": ("Gather", sorted_indices),
    "Transpose is inverted": misread("Transpose", attribute("perm", lambda perm: np.argsort(perm).tolist())),
    "Flatten tiles": ("Flatten", tiled),
    "DepthToSpace in the other order": misread("DepthToSpace", attribute("mode", lambda _: "CRD")),
    "DepthToSpace ignores what it mixes": deaf("DepthToSpace", "same"),
    "SpaceToDepth repeats": ("SpaceToDepth", repeated),
    "Resize along the channels": ("Resize", stretched),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_wrong_rule_is_noticed(monkeypatch, name):
    op, wrong = MUTATIONS[name]
    monkeypatch.setitem(rules.TABLE, op, wrong)
    monkeypatch.delitem(relaxed.TABLE, op, raising=False)
    assert any(difference(detector) > 1e-6 for detector in detectors_with(op))


def detectors_with(op: str) -> list[str]:
    found = []
    for name, build in DETECTORS.items():
        net = Net()
        build(net)
        if any(node.op_type == op for node in net.nodes):
            found.append(name)
    return found


def test_a_border_that_is_taken_for_the_interior(monkeypatch):
    monkeypatch.setattr(linear, "_every_output_sees_the_whole_kernel", lambda *_: True)
    assert difference("strided_transposed_conv") > 1e-6


def test_a_removal_with_the_wrong_shift(monkeypatch):
    right = Requirements.shift

    def wrong(self, origin, y, terms, offset=0.0, magnitude=0.0):
        right(self, origin, y, terms, -np.asarray(offset), magnitude)

    monkeypatch.setattr(Requirements, "shift", wrong)
    assert difference("conv_bn") > 1e-6


def test_a_removal_with_the_wrong_scale(monkeypatch):
    right = affine.affine_of

    def wrong(node: Node) -> Affine:
        return replace(right(node), scale=1 / right(node).scale)

    monkeypatch.setattr(affine, "affine_of", wrong)
    assert difference("conv_bn") > 1e-6


def test_an_operator_that_stays_in_units_that_it_cannot_have(monkeypatch):
    monkeypatch.setattr(Search, "stiff", lambda _: set())
    assert difference("flipped_beside_mirrored") > 1e-6


def empty_whatever_else_reads(monkeypatch):
    monkeypatch.setattr(Search, "_owns_its_input", lambda *_: True)


def blank_whatever_reads(monkeypatch):
    right = Search._is_blank

    def wrong(self, candidate):
        readers = self.units.readers
        self.units.readers = {}
        try:
            return right(self, candidate)
        finally:
            self.units.readers = readers

    monkeypatch.setattr(Search, "_is_blank", wrong)


def blank_without_its_equation(monkeypatch):
    right = Requirements.twin

    def wrong(self):
        twin = right(self)
        twin.shift = lambda *_: None
        return twin

    monkeypatch.setattr(Requirements, "twin", wrong)


def blank_that_is_read(monkeypatch):
    monkeypatch.setattr(settle, "replace", lambda unit, **_: unit)


def emptied_channels_store_zero(monkeypatch):
    right = settle._with_dead
    monkeypatch.setattr(settle, "_with_dead", lambda *given: replace(right(*given), offset=np.zeros(())))


def emptied_channels_are_not(monkeypatch):
    monkeypatch.setattr(settle, "_with_dead", lambda candidate, x, y: x)


DEAD = (
    empty_whatever_else_reads,
    blank_whatever_reads,
    blank_without_its_equation,
    blank_that_is_read,
    emptied_channels_store_zero,
    emptied_channels_are_not,
)
DEAD_DETECTORS = ("emptied", "dead_and_read", "blank", "blank_and_read", "blank_pooled", "blank_in_padding")


@pytest.mark.parametrize("wrong", DEAD, ids=lambda wrong: wrong.__name__)
def test_a_dead_channel_that_is_treated_wrongly(monkeypatch, wrong):
    wrong(monkeypatch)
    assert any(difference(name) > 1e-6 for name in DEAD_DETECTORS)
