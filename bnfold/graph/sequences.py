"""Sequences that only carry the parts of a split tensor: torch's exporter writes `split` and `chunk` that way."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from bnfold.graph.shapes import UNKNOWN, Known
from bnfold.graph.tensors import constant_tensor

_SPLIT_HAS_SIZES_AS_INPUT = 13


def replace_sequences(model: ir.Model, known: dict[str, Known]) -> None:
    """Turn every SplitToSequence whose parts are read one by one, at constant positions, into a Split, in place.

    Args:
        model: the model.
        known: shapes of its tensors.
    """
    if model.opset_imports.get("", 0) < _SPLIT_HAS_SIZES_AS_INPUT:
        return
    for node in list(model.graph):
        if node.op_type == "SplitToSequence" and node.domain in ("", "ai.onnx"):
            _replace(model.graph, node, known)


def _replace(graph: ir.Graph, node: ir.Node, known: dict[str, Known]) -> None:
    sequence, axis = node.outputs[0], node.attributes.get_int("axis", 0)
    sizes = _sizes(node, axis, known)
    readers = sequence.consumers()
    if sizes is None or sequence.is_graph_output() or any(reader.graph is not graph for reader in readers):
        return
    positions = [_position(reader, len(sizes)) for reader in readers]
    if any(position is None for position in positions):
        return
    lengths = ir.Value(name=f"{sequence.name}.sizes", const_value=ir.tensor(np.asarray(sizes, np.int64)))
    lengths.shape, lengths.type = ir.Shape((len(sizes),)), ir.TensorType(ir.DataType.INT64)
    graph.register_initializer(lengths)
    split = ir.Node(
        "",
        "Split",
        [node.inputs[0], lengths],
        [ir.AttrInt64("axis", axis)],
        num_outputs=len(sizes),
        name=node.name,
    )
    graph.insert_after(node, split)
    for i, part in enumerate(split.outputs):
        part.name = f"{sequence.name}.{i}"
    for reader, position in zip(readers, positions, strict=True):
        assert position is not None
        old, part = reader.outputs[0], split.outputs[position]
        if old.is_graph_output():
            identity = ir.Node("", "Identity", [part], name=reader.name)
            graph.insert_after(reader, identity)
            part = identity.outputs[0]
        name, old.name = old.name, None
        part.name, part.shape, part.type = name, old.shape, old.type
        old.replace_all_uses_with(part, replace_graph_outputs=True)
        graph.remove(reader, safe=True)
    graph.remove(node, safe=True)


def _sizes(node: ir.Node, axis: int, known: dict[str, Known]) -> list[int] | None:
    """The extents of the parts, or None if they are not known or the split axis is dropped."""
    x, given = node.inputs[0], node.inputs[1] if len(node.inputs) > 1 else None
    lengths = constant_tensor(given)
    if x is None or lengths is None:
        return None
    value = lengths.numpy()
    if value.ndim:
        return [int(extent) for extent in value]
    shape = known.get(x.name or "", UNKNOWN).shape
    extent = None if shape is None else shape[axis]
    size = int(value)
    if not isinstance(extent, int) or size < 1:
        return None
    return [min(size, extent - start) for start in range(0, extent, size)]


def _position(reader: ir.Node, parts: int) -> int | None:
    """Which part a SequenceAt reads, or None if the reader is none or does not say."""
    if reader.op_type != "SequenceAt" or reader.domain not in ("", "ai.onnx"):
        return None
    index = constant_tensor(reader.inputs[1])
    if index is None:
        return None
    position = int(index.numpy().reshape(-1)[0])
    position += parts if position < 0 else 0
    return position if 0 <= position < parts else None
