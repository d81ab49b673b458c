"""One operator call, of the main graph or of a subgraph, as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from onnx import AttributeProto, GraphProto, NodeProto, SparseTensorProto, TensorProto, helper, numpy_helper

from bnfold.proof.reading.stored import dense_of

DEFAULT_DOMAINS = ("", "ai.onnx")


@dataclass(frozen=True, eq=False)
class Node:
    """One operator call.

    Attributes:
        title: its name, or what it writes if it has none.
        op: operator name, with its domain and a dot if that is not the default one.
        inputs, outputs: tensor names, empty where one is left out; none at the end is empty.
        attributes: as Python values; tensors as arrays, subgraphs as GraphProto.
    """

    title: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def input(self, index: int) -> str:
        """The name of the input at `index`; empty if it is left out."""
        return self.inputs[index] if index < len(self.inputs) else ""

    @cached_property
    def plain(self) -> dict[str, object]:
        """Attributes in a form that compares by value, without the contents of subgraphs."""
        return {name: _comparable(value) for name, value in self.attributes.items()}

    @property
    def bodies(self) -> list[GraphProto]:
        """Subgraphs, in the order of the attributes' names."""
        values = [self.attributes[name] for name in sorted(self.attributes)]
        return [body for value in values for body in (value if isinstance(value, list) else [value]) if _is_graph(body)]


def as_node(proto: NodeProto) -> Node:
    """A node of the main graph or of a subgraph."""
    inputs, outputs = list(proto.input), list(proto.output)
    for names in (inputs, outputs):
        while names and not names[-1]:
            names.pop()
    op = proto.op_type if proto.domain in DEFAULT_DOMAINS else f"{proto.domain}.{proto.op_type}"
    title = proto.name or f"{op}:{next(iter(outputs), '')}"
    return Node(title, op, tuple(inputs), tuple(outputs), {a.name: _value(a) for a in proto.attribute})


def reads(node: Node) -> Iterator[str]:
    """Everything a node reads: its inputs, and what its subgraphs capture."""
    yield from (name for name in node.inputs if name)
    for body in node.bodies:
        yield from captured(body)


def captured(body: GraphProto) -> set[str]:
    """Names that a subgraph reads and does not define."""
    inside = {value.name for value in (*body.input, *body.initializer)} | {
        t.values.name for t in body.sparse_initializer
    }
    outer: set[str] = set()
    for proto in body.node:
        outer |= set(reads(as_node(proto))) - inside
        inside |= set(proto.output)
    return (outer | {value.name for value in body.output} - inside) - {""}


def _value(attribute: AttributeProto) -> Any:
    value = helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, TensorProto):
        return numpy_helper.to_array(value)
    if isinstance(value, SparseTensorProto):
        return dense_of(value)
    return value


def _comparable(value: Any) -> object:
    if isinstance(value, np.ndarray):
        return (value.dtype.name, value.shape, value.tobytes())
    if isinstance(value, GraphProto):
        return "a subgraph"
    return [_comparable(part) for part in value] if isinstance(value, list) else value


def _is_graph(value: Any) -> bool:
    return isinstance(value, GraphProto) or (isinstance(value, list) and any(_is_graph(part) for part in value))
