"""Reading: the graph as onnx parses it, the weights as slices of the mapped file."""

from __future__ import annotations

import math
import mmap
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir

from bnfold.wire.data_files import data_file, read_small
from bnfold.wire.fields import GRAPH_INITIALIZER, MODEL_GRAPH, TENSOR_RAW_DATA, Field, WireError, fields, prefix
from bnfold.wire.sparse import write_out

_WORTH_MAPPING = 1024
_HERE = ":"
"""Location, in a skeleton, of weights that lie in the model file itself; no file of that name can be meant."""


def read_model(path: Path) -> ir.Model:
    """Read an ONNX file; its weights, and those in data files beside it, stay on disk until they are used.

    Sparse tensors, which onnx_ir does not know, are dense in the model.

    Raises:
        WireError, OSError, or what protobuf and onnx_ir raise: the file is damaged, or a data file is missing or too
            short.
    """
    whole = _mapped(path)
    proto = _skeleton(whole, path)
    write_out(proto)
    model = ir.from_proto(proto)
    maps = {_HERE: whole}
    for value in model.graph.initializers.values():
        tensor = value.const_value
        if not isinstance(tensor, ir.ExternalTensor):
            continue
        location = str(tensor.location)
        if location not in maps:
            maps[location] = _mapped(data_file(path, location))
        if tensor.dtype.bitwidth >= 8:
            value.const_value = _slice(maps[location], tensor)
    ir.external_data.set_base_dir(model.graph, path.parent)
    return model


def read_skeleton(path: Path) -> onnx.ModelProto:
    """The model without its larger weights, whose names are inputs instead: all that there is to check of a graph.

    Raises:
        WireError, OSError, or what protobuf raises: the file is damaged.
    """
    whole = _mapped(path)
    proto = _skeleton(whole, path)
    inputs = {value.name for value in proto.graph.input}
    kept = []
    for tensor in proto.graph.initializer:
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            _check_elements(tensor)
            kept.append(tensor)
            continue
        if any(entry.key == "location" and entry.value == _HERE for entry in tensor.external_data):
            _check_size(tensor)
        if tensor.name not in inputs:
            proto.graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    checked = onnx.ModelProto()
    checked.CopyFrom(proto)
    del checked.graph.initializer[:]
    checked.graph.initializer.extend(kept)
    return checked


def _skeleton(whole: memoryview, path: Path) -> onnx.ModelProto:
    """The model in a buffer, its larger weights marked as external: offset and length in that buffer."""
    rest: list[bytes | memoryview] = []
    weights: list[onnx.TensorProto] = []
    for field in fields(whole, 0, len(whole)):
        if not field.is_message(MODEL_GRAPH):
            rest.append(whole[field.start : field.end])
            continue
        parts: list[memoryview] = []
        for inner in fields(whole, field.content, field.end):
            if inner.is_message(GRAPH_INITIALIZER):
                weights.append(_weight(whole, inner))
            else:
                parts.append(whole[inner.start : inner.end])
        graph = b"".join(parts)
        rest += [prefix(MODEL_GRAPH, len(graph)), graph]
    proto = onnx.ModelProto()
    proto.ParseFromString(b"".join(rest))
    read_small(proto, path)
    proto.graph.initializer.extend(weights)
    return proto


def _weight(whole: memoryview, field: Field) -> onnx.TensorProto:
    """A TensorProto whose raw data, if it is large, stays where it is."""
    tensor = onnx.TensorProto()
    parts = list(fields(whole, field.content, field.end))
    raw = next((part for part in parts if part.is_message(TENSOR_RAW_DATA)), None)
    rest = b"".join(whole[part.start : part.end] for part in parts if part is not raw)
    tensor.ParseFromString(rest)
    if raw is None or raw.end - raw.content < _WORTH_MAPPING or ir.DataType(tensor.data_type).bitwidth < 8:
        tensor.ParseFromString(whole[field.content : field.end].tobytes())
        return tensor
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, entry in (("location", _HERE), ("offset", raw.content), ("length", raw.end - raw.content)):
        tensor.external_data.add(key=key, value=str(entry))
    return tensor


def _check_size(tensor: onnx.TensorProto) -> None:
    length = next(int(entry.value) for entry in tensor.external_data if entry.key == "length")
    needed = math.prod(tensor.dims) * ir.DataType(tensor.data_type).itemsize
    if length != needed:
        raise WireError(f"initializer {tensor.name} has {length} bytes where its shape and type need {needed:.0f}")


def _check_elements(tensor: onnx.TensorProto) -> None:
    """A tensor that is part of the message, which onnx's own checker does not look into."""
    try:
        onnx.numpy_helper.to_array(tensor)
    except Exception as error:
        raise WireError(f"initializer {tensor.name} has other elements than its shape and type say") from error


def _slice(buffer: memoryview, tensor: ir.ExternalTensor) -> ir.TensorProtocol:
    count, dtype = tensor.size, tensor.dtype.numpy()
    offset = tensor.offset or 0
    if min(count, offset) < 0 or offset + count * dtype.itemsize > len(buffer):
        raise WireError(f"the data of initializer {tensor.name} ends too early")
    array = np.frombuffer(buffer, dtype, count, offset).reshape(tuple(tensor.shape.numpy()))
    metadata = dict(tensor.metadata_props)
    return ir.Tensor(
        array, tensor.dtype, name=tensor.name, doc_string=tensor.doc_string, metadata_props=metadata or None
    )


def _mapped(path: Path) -> memoryview:
    with path.open("rb") as file:
        if not path.stat().st_size:
            return memoryview(b"")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
