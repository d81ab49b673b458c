"""One of the two models as the checker sees it, read from its ONNX file alone: nodes, constants, shapes and types.

What the file claims about the tensors inside (`value_info`, the shapes of outputs) is not believed: shapes are inferred
from the inputs by `onnx.shape_inference`. Constant expressions are evaluated here, floats in float64, and are constants
from then on.
"""

from __future__ import annotations

import copy
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.inliner
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, TypeProto, helper, numpy_helper

from bnfold.errors import SourceError
from bnfold.proof.expressions import evaluated
from bnfold.proof.quantized import dequantized
from bnfold.proof.stored import dense_of, tensors_of
from bnfold.proof.units import half_ulp

Array = NDArray[Any]
Dim = int | str | None
Shape = tuple[Dim, ...]

_DEFAULT_DOMAINS = ("", "ai.onnx")
_OVERRIDABLE_SINCE = 4
_INFERS_LIKE = 8  # IR version in which initializers need not be inputs
_SMALL = 1024  # elements of a constant whose value may decide a shape


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


class Network:
    """The main graph of a model.

    Attributes:
        opset: version of the default operator set.
        opsets: versions of all operator sets, by domain.
        inputs, outputs: declared types by name, in order; inputs are those that a caller feeds or may feed.
        nodes: in an order in which every tensor is written before it is read.
        writer: the node that writes a tensor, and at which output.
        constants: values by tensor name: as stored, or float64 and integers where they were evaluated.
        functions: bodies of the model's own functions, serialized, by domain and name.
        called: domain and name of every operator in the main graph, in its subgraphs and in the functions.
    """

    def __init__(self, model: ModelProto, frozen: Iterable[str] = ()) -> None:
        """Read a model.

        Args:
            model: with all external data loaded.
            frozen: inputs with a default value that are taken for constants.

        Raises:
            SourceError: the graph is not in order, or writes a tensor twice.
        """
        self.opsets = {"" if o.domain in _DEFAULT_DOMAINS else o.domain: o.version for o in model.opset_import}
        self.opset = self.opsets.get("", 1)
        self.functions = {(f.domain, f.name): _without_notes(f) for f in model.functions}
        if any(domain in _DEFAULT_DOMAINS for domain, _ in self.functions):
            raise SourceError("a function of the model takes the name of a standard operator")
        self.called = set(_called(model.graph.node)) | {key for f in model.functions for key in _called(f.node)}
        self._model, self._frozen = model, frozen
        constants = tensors_of(model.graph)
        fixed = set(constants) if model.ir_version < _OVERRIDABLE_SINCE else set(frozen)
        self.inputs = {i.name: i.type for i in model.graph.input if not (i.name in fixed and i.name in constants)}
        self.constants = {name: value for name, value in constants.items() if name not in self.inputs}
        self.writer: dict[str, tuple[Node, int]] = {}
        self._rooms: dict[str, Array] = {}
        self._types: dict[str, tuple[int, Shape | None]] = {}
        self._read(model.graph, self.inputs, self.constants)

    def _read(self, graph: GraphProto, inputs: Mapping[str, TypeProto], constants: Mapping[str, Array]) -> None:
        """Read the nodes of a graph, given the types and the constants that it starts from."""
        self.outputs = {o.name: o.type for o in graph.output}
        self.nodes = [as_node(proto) for proto in graph.node]
        self._check_order()
        given = dict(constants)
        self._types |= self._inferred(graph, inputs, given, {})
        if self._evaluate():
            given |= {
                name: self.constants[name] for node in self.nodes for name in node.outputs if name in self.constants
            }
            known = {name: self._types[name][0] for name in given if name in self._types}
            found = self._inferred(graph, inputs, given, known)
            self._types |= {name: value for name, value in found.items() if value[1] is not None}

    def within(self, body: GraphProto, formal: Sequence[TypeProto]) -> Network:
        """A subgraph as a network that sees all tensors of this one; `formal` are the types of the subgraph's inputs.

        Raises:
            SourceError: the subgraph is not in order, or writes a tensor that has a value already.
        """
        inner = copy.copy(self)
        own, read = tensors_of(body), captured(body)
        types = dict(zip((value.name for value in body.input), formal, strict=True))
        if own.keys() & {*self.constants, *self.writer, *self.inputs} or types.keys() & {*self.constants, *self.writer}:
            raise SourceError("a subgraph gives a tensor a value that has one already")
        inner.constants, inner.inputs = {**self.constants, **own}, {**self.inputs, **types}
        inner.writer, inner._rooms, inner._types = dict(self.writer), dict(self._rooms), dict(self._types)
        outside = read - self.constants.keys()
        seen = {name: self.inputs[name] for name in outside if name in self.inputs}
        seen |= {name: type_of(*self._types[name]) for name in outside if name not in seen and name in self._types}
        inner._read(
            body, {**seen, **types}, {name: inner.constants[name] for name in {*own, *read} & {*inner.constants}}
        )
        symbols = {extent for kind in (*seen.values(), *types.values()) for extent in _shape(kind) or ()}
        for node in inner.nodes:  # inference makes up symbols, which may be those that it made up for this network
            for name in node.outputs:
                kind, shape = inner._types.get(name, (0, None))
                plain = (e if isinstance(e, int) or e in symbols else None for e in shape or ())
                inner._types[name] = kind, None if shape is None else tuple(plain)
        return inner

    def without_calls(self, kept: Container[tuple[str, str]]) -> Network:
        """The network with calls of its own functions inlined, but those that are `kept`.

        A tensor inside keeps its name, or where another has it gets the first free one of name_1, name_2 and so on.
        """
        gone = [key for key in self.functions if key in self.called and key not in kept]
        if not gone:
            return self
        taken = set(_names(self._model.graph))
        try:
            model = onnx.inliner.inline_selected_functions(self._model, gone)
        except Exception:  # what cannot be inlined stays a call, and what needs its inside is not proved
            return self
        new = [name for name in _names(model.graph) if name not in taken]
        names: dict[str, str] = {}
        for name in dict.fromkeys(new):
            plain = name.rsplit("__", 1)[0]
            tries = (plain, *(f"{plain}_{count}" for count in range(1, len(new) + 1)))
            names[name] = next((free for free in tries if free not in taken), name)
            taken.add(names[name])
        for proto in model.graph.node:
            proto.input[:] = [names.get(name, name) for name in proto.input]
            proto.output[:] = [names.get(name, name) for name in proto.output]
        return Network(model, self._frozen)

    @cached_property
    def tensors(self) -> frozenset[str]:
        """Everything that nodes write, here and in subgraphs."""
        return frozenset(_written(self._model.graph))

    def shape(self, name: str) -> Shape | None:
        """Extents of a tensor: int where known, the name of a symbolic one, or None; None if not even the rank is."""
        if name in self.constants:
            return self.constants[name].shape
        return self._types.get(name, (0, None))[1]

    def room(self, name: str) -> Array:
        """How far rounding may have moved each number of a constant when it was stored."""
        return self._rooms[name] if name in self._rooms else half_ulp(self.constants[name])

    def permute_shapes(self, perms: Mapping[str, Sequence[int]]) -> None:
        """Let tensors have the extents that they have after a Transpose."""
        self._types = dict(self._types)
        for name, perm in perms.items():
            kind, shape = self._types.get(name, (0, None))
            if shape is not None and len(shape) == len(perm):
                self._types[name] = kind, tuple(shape[axis] for axis in perm)

    def type(self, name: str) -> int:
        """The ONNX element type of a tensor; 0 if it is not known."""
        if name in self._types:
            return self._types[name][0]
        return helper.np_dtype_to_tensor_dtype(self.constants[name].dtype) if name in self.constants else 0

    def needed(self) -> frozenset[str]:
        """Tensors that the outputs depend on."""
        needed, open_ = set(self.outputs), list(self.outputs)
        while open_:
            found = self.writer.get(open_.pop())
            for name in set(reads(found[0])) - needed if found else ():
                needed.add(name)
                open_.append(name)
        return frozenset(needed)

    def _check_order(self) -> None:
        known = {*self.inputs, *self.constants, *self.writer}
        for node in self.nodes:
            missing = set(reads(node)) - known
            if missing:
                raise SourceError(f"{node.title} reads {min(missing)}, which nothing has written before it")
            for index, name in enumerate(node.outputs):
                if name in known:
                    raise SourceError(f"{node.title} writes {name}, which has a value already")
                if name:
                    known.add(name)
                    self.writer[name] = (node, index)
        missing = set(self.outputs) - known
        if missing:
            raise SourceError(f"nothing writes the output {min(missing)}")

    def _evaluate(self) -> bool:
        """Turn constant expressions into constants, front to back; whether there were any beyond plain constants."""
        found = False
        for node in self.nodes:
            if len(node.outputs) != 1 or any(_is_graph(value) for value in node.attributes.values()):
                continue
            value = evaluated(self, node)
            if node.op == "DequantizeLinear" and all(name in self.constants for name in node.inputs if name):
                value, self._rooms[node.outputs[0]] = dequantized(node, self.constants)
            if value is not None:
                self.constants[node.outputs[0]] = value
                found = found or node.op != "Constant"
        return found

    def _inferred(
        self,
        proto: GraphProto,
        inputs: Mapping[str, TypeProto],
        constants: Mapping[str, Array],
        known: Mapping[str, int],
    ) -> dict[str, tuple[int, Shape | None]]:
        """Element type and shape of every tensor, inferred without the weights; `known` are types of constants."""
        graph = GraphProto(name="shapes")
        for name, kind in inputs.items():
            graph.input.append(onnx.ValueInfoProto(name=name, type=kind))
        for name, value in constants.items():
            element = known.get(name, 0) or helper.np_dtype_to_tensor_dtype(value.dtype)
            if value.size <= _SMALL:
                stored = value.astype(helper.tensor_dtype_to_np_dtype(element))
                graph.initializer.append(numpy_helper.from_array(stored, name))
            else:
                graph.input.append(helper.make_tensor_value_info(name, element, value.shape))
        for node, read_ in zip(proto.node, self.nodes, strict=True):
            if not (read_.outputs and set(read_.outputs) <= set(constants)):
                graph.node.append(node)
        graph.output.extend(onnx.ValueInfoProto(name=name) for name in self.outputs if name not in constants)
        imports, functions = self._model.opset_import, self._model.functions
        model = ModelProto(ir_version=_INFERS_LIKE, graph=graph, opset_import=imports, functions=functions)
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
        return {
            value.name: (value.type.tensor_type.elem_type, _shape(value.type))
            for value in (*inferred.input, *inferred.value_info, *inferred.output)
        }


def read(path: Path, frozen: Iterable[str] = ()) -> Network:
    """Read an ONNX file, its external data included.

    Raises:
        SourceError: the file is missing or no usable model.
    """
    try:
        model = onnx.load(path)
    except Exception as error:
        raise SourceError(f"{path} cannot be read as an ONNX model ({type(error).__name__}).") from None
    try:
        return Network(model, frozen)
    except SourceError as error:
        raise SourceError(f"{path} cannot be checked: {error}.") from None


def reads(node: Node) -> Iterator[str]:
    """Everything a node reads: its inputs, and what its subgraphs capture."""
    yield from (name for name in node.inputs if name)
    for body in node.bodies:
        yield from captured(body)


def _called(nodes: Iterable[NodeProto]) -> Iterator[tuple[str, str]]:
    for proto in nodes:
        yield proto.domain, proto.op_type
        for body in as_node(proto).bodies:
            yield from _called(body.node)


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


def as_node(proto: NodeProto) -> Node:
    """A node of the main graph or of a subgraph."""
    inputs, outputs = list(proto.input), list(proto.output)
    for names in (inputs, outputs):
        while names and not names[-1]:
            names.pop()
    op = proto.op_type if proto.domain in _DEFAULT_DOMAINS else f"{proto.domain}.{proto.op_type}"
    title = proto.name or f"{op}:{next(iter(outputs), '')}"
    return Node(title, op, tuple(inputs), tuple(outputs), {a.name: _value(a) for a in proto.attribute})


def _value(attribute: onnx.AttributeProto) -> Any:
    value = helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, TensorProto):
        return numpy_helper.to_array(value)
    if isinstance(value, onnx.SparseTensorProto):
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


def _without_notes(function: onnx.FunctionProto) -> bytes:
    plain = onnx.FunctionProto()
    plain.CopyFrom(function)
    plain.ClearField("doc_string")
    plain.ClearField("value_info")
    plain.ClearField("metadata_props")
    text: bytes = plain.SerializeToString(deterministic=True)
    return text


def type_of(element: int, shape: Shape | None) -> TypeProto:
    """A type with these extents; element type 0 is one that is not known."""
    return helper.make_tensor_type_proto(element, shape) if element else TypeProto()


def _shape(kind: TypeProto) -> Shape | None:
    if not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
        return None
    dims = kind.tensor_type.shape.dim
    return tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in dims)


def _names(graph: GraphProto) -> Iterator[str]:
    yield from (value.name for value in (*graph.input, *graph.initializer))
    yield from (name for proto in graph.node for name in proto.output if name)


def _written(graph: GraphProto) -> Iterator[str]:
    for proto in graph.node:
        yield from proto.output
        for body in as_node(proto).bodies:
            yield from _written(body)
