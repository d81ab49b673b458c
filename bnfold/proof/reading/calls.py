"""Calls of a model's own functions: what is called, and models with calls inlined."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import onnx.inliner
from onnx import FunctionProto, GraphProto, ModelProto, NodeProto

from bnfold.proof.reading.node import as_node

Key = tuple[str, str]


def called(nodes: Iterable[NodeProto]) -> Iterator[Key]:
    """Domain and name of every operator, in subgraphs as well."""
    for proto in nodes:
        yield proto.domain, proto.op_type
        for body in as_node(proto).bodies:
            yield from called(body.node)


def inlined(model: ModelProto, functions: Collection[Key]) -> ModelProto | None:
    """The model with all calls of some functions inlined by onnx; None if that cannot be done.

    A tensor inside keeps its name, or where another has it gets the first free one of name_1, name_2 and so on.
    """
    try:
        result = onnx.inliner.inline_selected_functions(model, list(functions))
    except Exception:  # what cannot be inlined stays a call, and what needs its inside is not proved
        return None
    taken = set(_names(model.graph))
    new = [name for name in _names(result.graph) if name not in taken]
    names: dict[str, str] = {}
    for name in dict.fromkeys(new):
        plain = name.rsplit("__", 1)[0]
        tries = (plain, *(f"{plain}_{count}" for count in range(1, len(new) + 1)))
        names[name] = next((free for free in tries if free not in taken), name)
        taken.add(names[name])
    for proto in result.graph.node:
        proto.input[:] = [names.get(name, name) for name in proto.input]
        proto.output[:] = [names.get(name, name) for name in proto.output]
    return result


def meaning(function: FunctionProto) -> bytes:
    """A function without its notes, in a form that compares by value."""
    plain = FunctionProto()
    plain.CopyFrom(function)
    for note in ("doc_string", "value_info", "metadata_props"):
        plain.ClearField(note)
    text: bytes = plain.SerializeToString(deterministic=True)
    return text


def _names(graph: GraphProto) -> Iterator[str]:
    yield from (value.name for value in (*graph.input, *graph.initializer))
    yield from (name for proto in graph.node for name in proto.output if name)
