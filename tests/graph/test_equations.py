"""Leave out every equation that the rules state, one at a time: each must be missed by a network of `DETECTORS`.

An equation goes by its operator, the sentence that the rule gives for it, and the system it belongs to. The list is not
written down: it is collected from what the rules state about the detectors, and compared with the sentences in the
rules' source, so that a new equation without a detector fails.
"""

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from bnfold.gauge import relaxed, rules, solve
from bnfold.gauge.units import Units
from tests.graph.detectors import DETECTORS
from tests.graph.test_mutations import difference
from tests.networks import Net, _prepared

NOT_ALGEBRA = {
    "subtracts from a constant, which keeps the size of the scale": "saves a search; what stays satisfies it anyway",
    "has no bias, and an Add of its own would cost more than it saves": "the price of a form; else an Add is made",
    "interpolates with weights that sum to 1 only nearly": "the weights of a runtime; in exact arithmetic they do",
    "has a quantized weight, whose scales must be positive": "ONNX wants that; a negative scale would be refused later",
}
"""Sentences of equations without which the results would stay the same."""
SYSTEMS = ("_scales", "_positives", "_shifts")
RULES = Path(rules.__file__).parent


class Equation(NamedTuple):
    """`op` is empty where the sentence is the same whatever the operator is."""

    op: str
    text: str
    system: str


def sentences() -> set[str]:
    """What the rules say when they ask for something, read from their source."""
    found = set()
    for path in RULES.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and getattr(call.func, "attr", getattr(call.func, "id", "")) in (
                "demand",
                "Demand",
            ):
                found.add(ast.literal_eval(call.args[1]))
    return found - {"is removed too"} - NOT_ALGEBRA.keys()


def equation(units: Units, ops: dict[str, str], system: str, origin: int) -> Equation:
    demand = units.demands[origin]
    everywhere = demand.text.startswith(("is no linear", "is an output"))
    return Equation("" if everywhere else ops[demand.node], demand.text, system)


@cache
def stated() -> dict[Equation, list[str]]:
    """The detectors that state each equation."""
    found: dict[Equation, list[str]] = {}
    for name, build in DETECTORS.items():
        net = Net()
        model, facts = _prepared(net.model(build(net)))
        assert model is not None
        units = rules.read(facts.network)
        ops = {node.name: node.op for node in facts.network.nodes}
        for system in SYSTEMS:
            origins = {statement.origin for statement in getattr(units.structure, system)}
            for each in {equation(units, ops, system, origin) for origin in origins}:
                if each.text not in NOT_ALGEBRA:
                    found.setdefault(each, []).append(name)
    return found


def test_every_sentence_of_the_rules_is_stated_somewhere():
    assert {each.text for each in stated()} == sentences()


@pytest.mark.parametrize("left_out", sorted(stated()), ids=lambda each: f"{each.op or 'any'} {each.text} {each.system}")
def test_an_equation_that_is_left_out_is_missed(monkeypatch, left_out):
    right = rules.read

    def wrong(network, *arguments):
        units = right(network, *arguments)
        ops = {node.name: node.op for node in network.nodes}
        statements = getattr(units.structure, left_out.system)
        statements[:] = [s for s in statements if equation(units, ops, left_out.system, s.origin) != left_out]
        return units

    monkeypatch.setattr(solve, "read", wrong)
    monkeypatch.setattr(relaxed, "TABLE", {})
    assert any(difference(name) > 1e-6 for name in stated()[left_out])
