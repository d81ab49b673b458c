"""One of the two models as the checker sees it, read from its ONNX file alone: nodes, constants, shapes and types.

What the file claims about the tensors inside (`value_info`, the shapes of outputs) is not believed: shapes are inferred
from the inputs. Constant expressions are evaluated here, floats in float64, and are constants from then on.
"""

from __future__ import annotations

import copy
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from onnx import GraphProto, ModelProto, TypeProto, helper

from bnfold.errors import SourceError
from bnfold.proof.core.units import Array, half_ulp
from bnfold.proof.reading.calls import Key, called, inlined, meaning
from bnfold.proof.reading.data_files import whole
from bnfold.proof.reading.expressions import evaluated
from bnfold.proof.reading.node import DEFAULT_DOMAINS, Node, as_node, captured, reads
from bnfold.proof.reading.quantized import dequantized
from bnfold.proof.reading.shapes import Shape, inferred, shape_in, type_of
from bnfold.proof.reading.stored import tensors_of

_OVERRIDABLE_SINCE = 4


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
        self.opsets: dict[str, int] = {
            "" if o.domain in DEFAULT_DOMAINS else o.domain: o.version for o in model.opset_import
        }
        self.opset: int = self.opsets.get("", 1)
        self.functions: dict[Key, bytes] = {(f.domain, f.name): meaning(f) for f in model.functions}
        if any(domain in DEFAULT_DOMAINS for domain, _ in self.functions):
            raise SourceError("a function of the model takes the name of a standard operator")
        self.called: set[Key] = set(called(model.graph.node)) | {key for f in model.functions for key in called(f.node)}
        self._model, self._frozen = model, frozen
        constants = tensors_of(model.graph)
        fixed = set(constants) if model.ir_version < _OVERRIDABLE_SINCE else set(frozen)
        self.inputs: dict[str, TypeProto] = {
            i.name: i.type for i in model.graph.input if not (i.name in fixed and i.name in constants)
        }
        self.constants: dict[str, Array] = {name: value for name, value in constants.items() if name not in self.inputs}
        self.writer: dict[str, tuple[Node, int]] = {}
        self._rooms: dict[str, Array] = {}
        self._types: dict[str, tuple[int, Shape | None]] = {}
        self._read(model.graph, self.inputs, self.constants)

    def _read(self, graph: GraphProto, inputs: Mapping[str, TypeProto], constants: Mapping[str, Array]) -> None:
        """Read the nodes of a graph, given the types and the constants that it starts from."""
        self.outputs: dict[str, TypeProto] = {o.name: o.type for o in graph.output}
        self.nodes: list[Node] = [as_node(proto) for proto in graph.node]
        self._check_order()
        given = dict(constants)
        self._types |= inferred(self._model, graph, inputs, given, {})
        if self._evaluate():
            given |= {
                name: self.constants[name] for node in self.nodes for name in node.outputs if name in self.constants
            }
            known = {name: self._types[name][0] for name in given if name in self._types}
            found = inferred(self._model, graph, inputs, given, known)
            self._types |= {name: value for name, value in found.items() if value[1] is not None}

    def within(self, body: GraphProto, formal: Sequence[TypeProto]) -> Network:
        """A subgraph as a network that sees all tensors of this one; `formal` are the types of the subgraph's inputs.

        Raises:
            SourceError: the subgraph is not in order, or writes a tensor that has a value already.
        """
        inner = copy.copy(self)
        own, read = tensors_of(body), captured(body)
        types = dict(zip((value.name for value in body.input), formal, strict=True))
        if (own.keys() | types.keys()) & {*self.constants, *self.writer, *self.inputs}:
            raise SourceError("a subgraph gives a tensor a value that has one already")
        inner.constants, inner.inputs = {**self.constants, **own}, {**self.inputs, **types}
        inner.writer, inner._rooms, inner._types = dict(self.writer), dict(self._rooms), dict(self._types)
        outside = read - self.constants.keys()
        seen = {name: self.inputs[name] for name in outside if name in self.inputs}
        seen |= {name: type_of(*self._types[name]) for name in outside if name not in seen and name in self._types}
        inner._read(
            body, {**seen, **types}, {name: inner.constants[name] for name in {*own, *read} & {*inner.constants}}
        )
        symbols = {extent for kind in (*seen.values(), *types.values()) for extent in shape_in(kind) or ()}
        for node in inner.nodes:  # inference makes up symbols, which may be those that it made up for this network
            for name in node.outputs:
                kind, shape = inner._types.get(name, (0, None))
                plain = (e if isinstance(e, int) or e in symbols else None for e in shape or ())
                inner._types[name] = kind, None if shape is None else tuple(plain)
        return inner

    def without_calls(self, kept: Container[Key]) -> Network:
        """The network with calls of its own functions inlined, but those that are `kept`."""
        gone = [key for key in self.functions if key in self.called and key not in kept]
        model = inlined(self._model, gone) if gone else None
        return self if model is None else Network(model, self._frozen)

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
            if len(node.outputs) != 1 or node.bodies:
                continue
            value = evaluated(self, node)
            if node.op == "DequantizeLinear" and all(name in self.constants for name in node.inputs if name):
                value, self._rooms[node.outputs[0]] = dequantized(node, self.constants)
            if value is not None:
                self.constants[node.outputs[0]] = value
                found = found or node.op != "Constant"
        return found


def read(path: Path, frozen: Iterable[str] = ()) -> Network:
    """Read an ONNX file, its external data included.

    Raises:
        SourceError: the file or a data file is missing, damaged or no usable model.
    """
    model = whole(path)
    try:
        return Network(model, frozen)
    except SourceError as error:
        raise SourceError(f"{path} cannot be checked: {error}.") from None
    except Exception as error:  # numpy and onnx raise of every kind where tensors or types contradict themselves
        raise SourceError(f"{path} cannot be checked: it is damaged ({type(error).__name__}).") from error


def _written(graph: GraphProto) -> Iterator[str]:
    for proto in graph.node:
        yield from proto.output
        for body in as_node(proto).bodies:
            yield from _written(body)
