"""Remove operators that change nothing or undo others, and make one Transpose of several that follow each other."""

from __future__ import annotations

import onnx_ir as ir

from bnfold.graph.shapes import UNKNOWN, Known
from bnfold.graph.tensors import constant_tensor, take_over
from bnfold.layout.extents import no_larger, same_extents
from bnfold.layout.view import Views, chained, perm_of

ORDERED = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")
"""Operators that leave all elements in their order."""

CANDIDATES = frozenset({"Identity", "Dropout", "Cast", "CastLike", "Transpose", "Expand", *ORDERED})


def remove_noops(model: ir.Model, known: dict[str, Known], views: Views) -> None:
    """Change the main graph of `model` in place; names of inputs and outputs stay.

    Args:
        model: the model.
        known: shapes and types of its tensors.
        views: is told what became of tensors.
    """
    opset = model.opset_imports.get("", 1)
    for node in list(model.graph):
        if node.op_type not in CANDIDATES or node.domain not in ("", "ai.onnx"):
            continue
        _compose(node, views)
        if _changes_nothing(node, opset, known):
            _drop(model.graph, node, node.inputs[0], views)
    remove_round_trips(model, known, views)


def remove_round_trips(model: ir.Model, known: dict[str, Known], views: Views) -> None:
    """Let readers of a tensor that was reshaped or transposed and is now as it was read the tensor from before."""
    for node in list(model.graph):
        if node.graph is not None and follows_its_like(node):
            source, last = _before_the_trip(node, known), node.inputs[0]
            if source is not None and _drop(model.graph, node, source, views):
                _remove_unread(model.graph, last, source)


def follows_its_like(node: ir.Node) -> bool:
    """Whether a Transpose reads a Transpose, or a Reshape another operator that leaves all elements in their order."""
    producer = None if not node.inputs or node.inputs[0] is None else node.inputs[0].producer()
    return producer is not None and producer.graph is node.graph and any(_alike(node, producer))


def _alike(node: ir.Node, producer: ir.Node) -> tuple[bool, bool]:
    reshapes = all(each.op_type in ORDERED and each.domain in ("", "ai.onnx") for each in (node, producer))
    return reshapes, perm_of(node) is not None and perm_of(producer) is not None


def _before_the_trip(node: ir.Node, known: dict[str, Known]) -> ir.Value | None:
    """The nearest tensor in front of several such operators that is what they return."""
    end, perm, first = known.get(node.outputs[0].name or "", UNKNOWN), perm_of(node), node
    while follows_its_like(first):
        value = first.inputs[0]
        assert value is not None
        producer = value.producer()
        assert producer is not None
        first, source, perm = producer, producer.inputs[0], chained(perm_of(producer), perm)
        if source is None or constant_tensor(source) is not None:
            return None
        ordered, shape = first.op_type in ORDERED, known.get(source.name or "", UNKNOWN).shape
        restored = same_extents(shape, end.shape) if ordered else not perm
        if restored:
            return source
    return None


def _compose(node: ir.Node, views: Views) -> None:
    """Let a Transpose of a Transpose read what the first one reads."""
    perm, x = perm_of(node), node.inputs[0]
    first = None if x is None else x.producer()
    before = perm_of(first)
    if perm is None or before is None or first is None or first.graph is None or first.graph is not node.graph:
        return
    both = chained(before, perm) or tuple(range(len(perm)))
    node.attributes["perm"] = ir.AttrInt64s("perm", both)
    source, between = first.inputs[0], first.outputs[0]
    assert source is not None
    node.replace_input_with(0, source)
    if not between.uses() and not between.is_graph_output() and between.name and source.name:
        views.gone(between.name, source.name, before)
        first.graph.remove(first, safe=True)


def _changes_nothing(node: ir.Node, opset: int, known: dict[str, Known]) -> bool:
    x, y = node.inputs[0], node.outputs[0]
    if x is None or constant_tensor(x) is not None:
        return False
    before, after = (known.get(value.name or "", UNKNOWN) for value in (x, y))
    if node.op_type == "Identity":
        return True
    if node.op_type == "Transpose":
        perm = perm_of(node)
        return perm is not None and perm == tuple(range(len(perm)))
    if node.op_type == "Dropout":
        mask = any(value.uses() or value.is_graph_output() for value in node.outputs[1:])
        training = len(node.inputs) > 2 and node.inputs[2] is not None
        return opset >= 7 and not mask and not training
    if node.op_type in ("Cast", "CastLike"):
        return before.dtype is not None and before.dtype == after.dtype
    if node.op_type == "Expand":
        return no_larger(before.shape, after.shape)
    return same_extents(before.shape, after.shape)


def _remove_unread(graph: ir.Graph, value: ir.Value | None, source: ir.Value) -> None:
    """Remove what lies between `source` and a tensor that nobody reads, for it would count as a reader of `source`."""
    while value is not None and value is not source and not value.uses() and not value.is_graph_output():
        producer = value.producer()
        assert producer is not None
        value = producer.inputs[0]
        graph.remove(producer, safe=True)


def _drop(graph: ir.Graph, node: ir.Node, x: ir.Value | None, views: Views) -> bool:
    """Let readers of the result read `x`, which takes the result's name if that is an output; whether it could."""
    y = node.outputs[0]
    assert x is not None
    assert x.name is not None
    assert y.name is not None
    if y.is_graph_output():
        if x.is_graph_output() or x.is_graph_input() or x.graph is not graph:
            return False
        old = x.name
        y.replace_all_uses_with(x, replace_graph_outputs=True)
        graph.remove(node, safe=True)
        take_over(y, x)
        views.gone(old, x.name)
        return True
    y.replace_all_uses_with(x)
    graph.remove(node, safe=True)
    views.gone(y.name, x.name)
    return True
