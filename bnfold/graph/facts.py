"""Read a Network from an ONNX model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import onnx_ir as ir

from bnfold.affine_operators import elements
from bnfold.graph.bodies import bodies
from bnfold.graph.memory import recall
from bnfold.graph.quantized import dequantized
from bnfold.graph.shapes import UNKNOWN, Known, infer_shapes
from bnfold.graph.tensors import FLOATS, constant_tensor, exact_of
from bnfold.network import Constant, Network, Node, Tensor


@dataclass(frozen=True)
class Facts:
    """A network and where it came from.

    Attributes:
        network: the facts that rules and solver use.
        nodes: the graph nodes behind every node of the network: one, or a MatMul and the Add that is its bias.
    """

    network: Network
    nodes: dict[str, tuple[ir.Node, ...]]

    def affine_counts(self) -> tuple[int, int]:
        """How many per-channel affine operators there are, and how many with a single constant."""
        sizes = [size for node in self.network.nodes if (size := elements(node)) is not None]
        return sum(size > 1 for size in sizes), sum(size == 1 for size in sizes)


def read_facts(model: ir.Model) -> Facts:
    """The facts of the graph and of the bodies in it, whose nodes come before the operator that owns them.

    A node of a body goes by the path to it: owner, attribute and node. The outputs of bodies count as inputs of their
    owner, and so do tensors that other subgraphs capture. The tensors of the model must have different names (see
    `name_apart`).
    """
    return _Reader(model, infer_shapes(model)).read()


@dataclass
class _Reader:
    model: ir.Model
    known: dict[str, Known]
    tensors: dict[str, Tensor] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    sources: dict[str, tuple[ir.Node, ...]] = field(default_factory=dict)

    def read(self) -> Facts:
        graph = self.model.graph
        adds = {matmul: add for matmul in graph.all_nodes() if (add := self._bias_of(matmul)) is not None}
        self._walk(graph, "", adds)
        network = Network(
            tuple(self.nodes),
            tuple(self._tensor(value) for value in graph.inputs),
            tuple(self._tensor(value) for value in graph.outputs),
            recall(self.model),
        )
        return Facts(network, self.sources)

    def _walk(self, graph: ir.Graph, path: str, adds: Mapping[ir.Node, ir.Node]) -> None:
        biases = set(adds.values())
        given = {f"{path}{node.name}" for node in graph if node.name}
        for node in graph:
            if node in biases:
                continue
            name = f"{path}{node.name}"
            if not node.name or name in self.sources:
                name = self._new_name(node, path, given)
            add = adds.get(node)
            self.sources[name] = (node,) if add is None else (node, add)
            for attribute, body in bodies(node):
                self._walk(body, f"{name}/{attribute}/", adds)
            self.nodes.append(self._node(name, node, add, path))

    def _new_name(self, node: ir.Node, path: str, given: set[str]) -> str:
        first = next((output.name for output in node.outputs if output.name), "")
        name = f"{path}{node.op_type}:{first}"
        while name in given or name in self.sources:
            name += "'"
        return name

    def _node(self, name: str, node: ir.Node, add: ir.Node | None, path: str) -> Node:
        inputs = [None if value is None else self._tensor(value) for value in node.inputs]
        outputs = node.outputs
        if add is not None:
            inputs.append(self._tensor(_other(add, node.outputs[0])))
            outputs = add.outputs
        captured = [*_results(node), *_captured(node)]
        default = node.domain in ("", "ai.onnx")
        op = node.op_type if default else f"{node.domain}.{node.op_type}"
        tensors = tuple(self._tensor(value) if value.name else None for value in outputs)
        if op in ("Cast", "CastLike") and self._keeps_type(node):
            op, inputs = "Identity", inputs[:1]
        return Node(
            name,
            op,
            (*inputs, *(self._tensor(value) for value in captured)),
            tensors,
            {key: attribute.value for key, attribute in node.attributes.items() if not attribute.is_ref()},
            node.version or self.model.opset_imports.get(node.domain, 1),
            opaque=not default or bool(captured),
            body=path,
        )

    def _keeps_type(self, node: ir.Node) -> bool:
        source, result = node.inputs[0], node.outputs[0]
        types = [self.known.get(value.name or "", UNKNOWN).dtype for value in (source, result) if value]
        return len(types) == 2 and types[0] is not None and types[0] == types[1]

    def _tensor(self, value: ir.Value) -> Tensor:
        name = value.name or ""
        if name not in self.tensors:
            fact = self.known.get(name, Known(None, value.dtype))
            shape, dtype = fact.shape, fact.dtype
            constant: Any = constant_tensor(value)
            if constant is not None:
                shape, dtype = tuple(constant.shape), constant.dtype
                constant = exact_of(value) or constant
            found = dequantized(value, self.model.opset_imports.get("", 1)) if constant is None else None
            if found is not None:
                shape, dtype, constant = found.shape, found.dtype, found
            overridable = value.is_graph_input() and value.is_initializer()
            quantization = None if found is None else found.quantization
            stored = dtype.numpy() if dtype in FLOATS else None
            self.tensors[name] = Tensor(name, shape, dtype in FLOATS, constant, overridable, quantization, stored)
        return self.tensors[name]

    def _constant(self, value: ir.Value | None) -> Constant | None:
        return None if value is None else self._tensor(value).constant

    def _bias_of(self, node: ir.Node) -> ir.Node | None:
        """The Add that alone reads a MatMul by constant matrices and adds one constant per feature."""
        if node.op_type != "MatMul" or node.domain not in ("", "ai.onnx"):
            return None
        product, weights = node.outputs[0], [self._constant(value) for value in node.inputs]
        users = product.consumers()
        if (weights[0] is None) == (weights[1] is None) or len(users) != 1 or product.is_graph_output():
            return None
        add = users[0]
        if add.op_type != "Add" or add.domain not in ("", "ai.onnx") or add.graph is not node.graph:
            return None
        if add.attributes.get_int("broadcast", 0):
            return None
        bias = self._constant(_other(add, product))
        shape = self.known.get(product.name or "", UNKNOWN).shape
        if bias is None or shape is None or len(bias.shape) > len(shape):
            return None
        stack = [int(extent) for weight in weights if weight is not None for extent in weight.shape]
        room = [*stack[:-1], 1] if weights[1] is None else [*stack[:-2], 1, stack[-1]]
        features = -2 if weights[1] is None else -1
        extents = [1] * (len(room) - len(bias.shape)) + list(bias.shape)
        fits = len(extents) == len(room) and all(a in (1, b) for a, b in zip(extents, room, strict=True))
        return add if fits and extents[features] == room[features] else None


def _other(add: ir.Node, value: ir.Value) -> ir.Value:
    other = add.inputs[1] if add.inputs[0] is value else add.inputs[0]
    assert other is not None
    return other


def _results(node: ir.Node) -> Iterator[ir.Value]:
    """What the bodies of the node hand to it."""
    for _, body in bodies(node):
        yield from body.outputs


def _captured(node: ir.Node) -> Iterator[ir.Value]:
    """Values from outside that subgraphs read whose nodes are not part of the network."""
    known = {body for _, body in bodies(node)}
    unknown = [graph for graph in _subgraphs(node) if graph not in known]
    inside = {inner for graph in unknown for inner in graph.subgraphs()} | set(unknown)
    for graph in unknown:
        values = [*graph.outputs, *(value for inner in graph.all_nodes() for value in inner.inputs)]
        yield from (value for value in values if value is not None and value.graph not in inside)


def _subgraphs(node: ir.Node) -> Iterator[ir.Graph]:
    for attribute in node.attributes.values():
        if attribute.type == ir.AttributeType.GRAPH:
            yield attribute.as_graph()
        elif attribute.type == ir.AttributeType.GRAPHS:
            yield from attribute.as_graphs()
