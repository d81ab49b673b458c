"""Equal settings: constant inputs, attributes and subgraphs that must be the same in both models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import GraphProto

from bnfold.proof.core.units import UnprovedError, demand
from bnfold.proof.reading.expressions import RANDOM, is_float
from bnfold.proof.reading.node import Node, as_node
from bnfold.proof.reading.stored import tensors_of

if TYPE_CHECKING:
    from bnfold.proof.rules.pair import Pair


def same_settings(pair: Pair, first: int) -> None:
    """Demand that all inputs from `first` on hold the same values in both models."""
    for name, other in list(zip(pair.node.inputs, pair.twin.inputs, strict=True))[first:]:
        same_value(pair, name, other)


def same_value(pair: Pair, name: str, other: str) -> None:
    """Demand that two tensors hold the same values for every input of the network."""
    a, b = pair.original.constants.get(name), pair.folded.constants.get(other)
    if a is None and b is None:
        demand(bool(name) == bool(other), "an optional input is left out in one model only")
        if name and not pair.units(name, other).identical:
            raise UnprovedError(f"{pair.node.op} needs {name} in its original units")
        return
    if a is None or b is None or not _equal(a, b):
        raise UnprovedError(f"its input {name or other} is not the same")


def _equal(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    return a.shape == b.shape and np.array_equal(a, b, equal_nan=is_float(a) and is_float(b))


def same_bodies(pair: Pair) -> None:
    """Demand that the subgraphs of both nodes do the same, whatever their inner tensors are called."""
    for body, other in zip(pair.node.bodies, pair.twin.bodies, strict=True):
        _same_body(pair, body, other, {})


def _same_body(pair: Pair, body: GraphProto, other: GraphProto, outside: dict[str, str]) -> None:
    inside = dict(outside)

    def define(name: str, twin: str) -> None:
        fresh = name not in inside and twin not in inside.values()
        demand(bool(name) == bool(twin) and (fresh or not name), "a subgraph defines a tensor twice")
        if name:
            inside[name] = twin

    def compare(name: str, twin: str) -> None:
        if name in inside or twin in inside.values():
            demand(inside.get(name) == twin, "a subgraph is wired otherwise")
        else:
            same_value(pair, name, twin)

    demand(len(body.input) == len(other.input) and len(body.output) == len(other.output), "a subgraph takes others")
    for here, there in zip(body.input, other.input, strict=True):
        define(here.name, there.name)
    constants = tensors_of(body), tensors_of(other)
    demand(constants[0].keys() == constants[1].keys(), "a subgraph has other constants")
    for name, value in constants[0].items():
        demand(_equal(value, constants[1][name]), f"the constant {name} of a subgraph is not the same")
        define(name, name)
    demand(len(body.node) == len(other.node), "a subgraph has other nodes")
    for node, twin in zip(map(as_node, body.node), map(as_node, other.node), strict=True):
        _same_inner(node, twin)
        for name, stored in zip(node.inputs, twin.inputs, strict=True):
            compare(name, stored)
        for inner, stored_inner in zip(node.bodies, twin.bodies, strict=True):
            _same_body(pair, inner, stored_inner, inside)
        for name, stored in zip(node.outputs, twin.outputs, strict=True):
            define(name, stored)
    for here, there in zip(body.output, other.output, strict=True):
        compare(here.name, there.name)


def _same_inner(node: Node, twin: Node) -> None:
    sizes = len(node.inputs) == len(twin.inputs) and len(node.outputs) == len(twin.outputs)
    demand(node.op == twin.op and node.plain == twin.plain and sizes, f"{node.title} in a subgraph is not the same")
    demand(node.op not in RANDOM, "a subgraph draws random numbers")
