"""Writing: one tensor after the other, so that no more than one is in memory beside the model."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnx_ir as ir

from bnfold.wire.fields import GRAPH_INITIALIZER, MODEL_GRAPH, TENSOR_RAW_DATA, prefix


def write_model(model: ir.Model, path: Path) -> None:
    """Write a model to a single file; the model is not changed.

    Raises:
        OSError: the file cannot be written.
        ValueError: a tensor has not as many bytes as its shape and type say.
    """
    tensors = [value.const_value for value in model.graph.initializers.values() if value.const_value is not None]
    proto = _without_weights(model)
    # Fields in the order of their numbers, as every protobuf writer has them.
    first = onnx.GraphProto(node=proto.graph.node, name=proto.graph.name).SerializeToString(deterministic=True)
    del proto.graph.node[:]
    proto.graph.ClearField("name")
    last = proto.graph.SerializeToString(deterministic=True)
    proto.ClearField("graph")
    head = onnx.ModelProto()
    for field in ("ir_version", "producer_name", "producer_version", "domain", "model_version", "doc_string"):
        if proto.HasField(field):
            setattr(head, field, getattr(proto, field))
            proto.ClearField(field)
    entries = [_entry(tensor) for tensor in tensors]
    length = len(first) + sum(map(_length, entries)) + len(last)
    with path.open("wb") as file:
        file.write(head.SerializeToString(deterministic=True) + prefix(MODEL_GRAPH, length) + first)
        for tensor, entry in zip(tensors, entries, strict=True):
            file.write(entry.front)
            if entry.raw:
                file.flush()  # a tensor may write past the buffer
                start = file.tell()
                tensor.tofile(file)  # type: ignore[attr-defined]
                if file.tell() - start != entry.raw:
                    raise ValueError(f"initializer {tensor.name} has not the size that its shape and type say")
            file.write(entry.back)
        file.write(last + proto.SerializeToString(deterministic=True))


def _without_weights(model: ir.Model) -> onnx.ModelProto:
    values = list(model.graph.initializers.values())
    tensors = [value.const_value for value in values]
    try:
        for value in values:
            value.const_value = ir.tensor(np.zeros(0, np.float32), name=value.name)
        proto = ir.to_proto(model)
    finally:
        for value, tensor in zip(values, tensors, strict=True):
            value.const_value = tensor
            if tensor is not None:
                tensor.name = value.name
    del proto.graph.initializer[:]
    return proto


class _Entry(NamedTuple):
    """A tensor in the file: what stands in front of its raw data, how many bytes these are, and what follows them."""

    front: bytes
    raw: int
    back: bytes


def _length(entry: _Entry) -> int:
    return len(entry.front) + entry.raw + len(entry.back)


def _entry(tensor: ir.TensorProtocol) -> _Entry:
    if tensor.dtype == ir.DataType.STRING:
        whole = ir.serde.serialize_tensor(tensor).SerializeToString(deterministic=True)
        return _Entry(prefix(GRAPH_INITIALIZER, len(whole)) + whole, 0, b"")
    head = onnx.TensorProto(dims=tensor.shape.numpy(), data_type=tensor.dtype, name=tensor.name)
    tail = onnx.TensorProto()
    if tensor.doc_string:
        tail.doc_string = tensor.doc_string
    for key, value in sorted(tensor.metadata_props.items()):
        tail.metadata_props.add(key=key, value=value)
    front = head.SerializeToString(deterministic=True) + prefix(TENSOR_RAW_DATA, tensor.nbytes)
    back = tail.SerializeToString(deterministic=True)
    return _Entry(prefix(GRAPH_INITIALIZER, len(front) + tensor.nbytes + len(back)) + front, tensor.nbytes, back)
