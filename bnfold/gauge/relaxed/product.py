"""A MatMul without bias under a shift: an Add behind it, which is an operator more."""

from __future__ import annotations

from bnfold.gauge import cost
from bnfold.gauge.rules import linear
from bnfold.gauge.units import Units
from bnfold.network import Node
from bnfold.plan import Form, Plan
from bnfold.rewrite import new_constants


def applies(node: Node) -> bool:
    """Whether there is a constant matrix and no room for a bias."""
    constant = [tensor is not None and tensor.constant is not None for tensor in node.inputs[:2]]
    return any(constant) and linear.needs_add_for_bias(node)


def rule(node: Node, units: Units) -> None:
    """Any shift on both sides. The wish: none."""
    linear.multiply(node, units)
    with units.wish(node):
        linear.go_without_bias(node, units)


def form(node: Node, plan: Plan) -> tuple[Form, int]:
    """The same MatMul; it costs an Add if it gets a bias."""
    y = node.outputs[0]
    assert y is not None
    return (), cost.elementwise(y) if 2 in new_constants(node, plan) else 0
