"""From float32 to float16, after folding, with what float16 cannot hold left in float32.

The well-known converters (onnxconverter-common's and ONNX Runtime's, which are the same code) round weights that were
rounded before, clamp those out of range to the largest or smallest number without a word, and look at no activation.
Here a weight is its exact float64 value rounded once, and a node stays in float32 if

- one of its weights, or an activation that it reads or writes, is out of float16's range;
- its operator takes no float16 there, belongs to another domain, has a subgraph, or is not in inference mode.

Casts stand where the two meet, one per tensor and direction. Inputs and outputs of the model keep their types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
import onnx_ir as ir
from onnx_ir.passes.common import LiftConstantsToInitializersPass

from bnfold.graph.shapes import UNKNOWN, infer_shapes
from bnfold.graph.tensors import exact_of, set_exact
from bnfold.network import Computed

LARGEST = 65504.0
HEADROOM = 2.0
"""Activations are seen on samples; others may be this much larger."""

_FULL, _HALF = ir.DataType.FLOAT, ir.DataType.FLOAT16


@dataclass(frozen=True)
class Stays:
    """A node that stays in float32, and why."""

    node: str
    reason: str


def to_half(model: ir.Model, largest: Mapping[str, float]) -> tuple[ir.Model, tuple[Stays, ...]]:
    """A copy of the model in float16, and the nodes that stay in float32.

    Args:
        model: its float32 tensors become float16; initializers may have an exact float64 value beside them.
        largest: the largest absolute value that was seen of every activation, by name.
    """
    copy = model.clone()
    for name, value in model.graph.initializers.items():
        copy.graph.initializers[name].meta.update(value.meta)
    LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(copy)
    known = infer_shapes(copy)
    for value in _outputs(copy.graph):
        dtype = known.get(value.name or "", UNKNOWN).dtype
        value.type = value.type or (None if dtype is None else ir.TensorType(dtype))
    return copy, _Converter(copy, largest).convert()


class _Converter:
    def __init__(self, model: ir.Model, largest: Mapping[str, float]) -> None:
        self._graph = model.graph
        self._opset = model.opset_imports.get("", 1)
        self._largest = largest
        self._names = set(ir.convenience.create_value_mapping(model.graph))
        self._full_operands: set[tuple[ir.Node, int]] = set()
        self._casts: dict[tuple[ir.Value, ir.DataType], ir.Value] = {}
        self._floats = {
            value
            for value in (*model.graph.inputs, *model.graph.initializers.values(), *_outputs(model.graph))
            if value.dtype == _FULL or (value.const_value is not None and value.const_value.dtype == _FULL)
        }

    def convert(self) -> tuple[Stays, ...]:
        nodes = list(self._graph)
        reasons = {node: self._reason(node) for node in nodes}
        halved = [node for node in nodes if not reasons[node]]
        half = {value for node in halved for value in node.outputs if value in self._floats}
        readers = {value: [*value.uses()] for value in self._floats}
        for value, uses in readers.items():
            for node, index in uses:
                wanted = _FULL if reasons.get(node, "in a subgraph") or (node, index) in self._full_operands else _HALF
                if (wanted == _HALF) != (value in half):
                    node.replace_input_with(index, self._as(value, wanted))
        for value in half:
            value.type = ir.TensorType(_HALF)
            if value.is_graph_output():
                self._keep_type(value)
        for node in halved:
            if node.op_type == "Cast" and node.attributes.get_int("to", 0) == _FULL:
                node.attributes["to"] = ir.AttrInt64("to", _HALF)
        for value in list(self._graph.initializers.values()):
            if not value.uses() and not value.is_graph_output() and not value.is_graph_input():
                del self._graph.initializers[value.name or ""]
        return tuple(Stays(node.name or node.op_type, reason) for node, reason in reasons.items() if reason)

    def _reason(self, node: ir.Node) -> str:
        """Why a node stays in float32; empty if it does not."""
        values = [value for value in (*node.inputs, *node.outputs) if value is not None and value in self._floats]
        if not values:
            return ""
        if node.domain not in ("", "ai.onnx"):
            return f"nothing is known of operators of {node.domain}"
        if any(a.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS) for a in node.attributes.values()):
            return "it has a subgraph"
        if not self._takes_half(node):
            return f"{node.op_type} takes no float16"
        for value in values:
            found = self._extreme(value)
            limit = LARGEST if value.is_initializer() else LARGEST / HEADROOM
            if not found <= limit:
                return f"{value.name} reaches {found:.3g}"
        return ""

    def _takes_half(self, node: ir.Node) -> bool:
        """Whether the operator works in float16; operands such as the scales of a Resize are float32 even then."""
        try:
            schema = onnx.defs.get_schema(node.op_type, self._opset)
        except onnx.defs.SchemaError:
            return False
        allowed = {constraint.type_param_str: constraint.allowed_type_strs for constraint in schema.type_constraints}
        for values, formals in ((node.inputs, schema.inputs), (node.outputs, schema.outputs)):
            for index, value in enumerate(values):
                if value is None or value not in self._floats:
                    continue
                kind = formals[min(index, len(formals) - 1)].type_str
                if values is node.inputs and kind == "tensor(float)":
                    self._full_operands.add((node, index))
                elif "tensor(float16)" not in allowed.get(kind, [kind]):
                    return False
        tensors = (a.as_tensor() for a in node.attributes.values() if a.type == ir.AttributeType.TENSOR)
        return "dtype" not in node.attributes and all(tensor.dtype != _FULL for tensor in tensors)

    def _extreme(self, value: ir.Value) -> float:
        if value.const_value is None:
            return self._largest.get(value.name or "", 0.0)
        exact = exact_of(value)
        array = value.const_value.numpy() if exact is None else exact.numpy()
        return float(np.abs(array[np.isfinite(array)]).max(initial=0.0))

    def _as(self, value: ir.Value, wanted: ir.DataType) -> ir.Value:
        """The same tensor in the other type: a rounded constant, or the output of a Cast."""
        if (value, wanted) not in self._casts:
            constant = value.const_value is not None and value.is_initializer() and not value.is_graph_input()
            self._casts[value, wanted] = self._rounded(value) if constant else self._cast(value, wanted)
        return self._casts[value, wanted]

    def _rounded(self, value: ir.Value) -> ir.Value:
        stored = value.const_value
        assert stored is not None
        exact = exact_of(value) or Computed(tuple(stored.shape.numpy()), lambda: stored.numpy().astype(np.float64))
        made = ir.Value(name=self._new_name(f"{value.name}.half"))
        set_exact(made, exact, _HALF, value.name or "")
        self._graph.register_initializer(made)
        return made

    def _cast(self, value: ir.Value, wanted: ir.DataType) -> ir.Value:
        called = self._new_name(f"{value.name}.{'half' if wanted == _HALF else 'full'}")
        node = ir.Node("", "Cast", [value], [ir.AttrInt64("to", wanted)], name=f"{called}.cast")
        node.outputs[0].name, node.outputs[0].shape = called, value.shape
        node.outputs[0].type = ir.TensorType(wanted)
        producer = value.producer()
        if producer is not None:
            self._graph.insert_after(producer, node)
        else:
            self._graph.insert_before(self._graph[0], node)
        return node.outputs[0]

    def _keep_type(self, value: ir.Value) -> None:
        """An output of the model stays in float32 under its name."""
        index = list(self._graph.outputs).index(value)
        name, shape = value.name, value.shape
        value.name = self._new_name(f"{name}.half")
        full = self._as(value, _FULL)
        full.name, full.shape = name, shape
        self._graph.outputs[index] = full

    def _new_name(self, wanted: str) -> str:
        while wanted in self._names:
            wanted += "'"
        self._names.add(wanted)
        return wanted


def _outputs(graph: ir.Graph) -> Iterator[ir.Value]:
    for node in graph:
        yield from node.outputs
