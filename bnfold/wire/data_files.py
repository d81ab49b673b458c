"""Tensors whose data lie in files beside the model: where these are, and the few that are read at once.

Initializers of the main graph may be large, and are mapped when they are used. Those in subgraphs, sparse ones, and
what attributes and functions hold are small; of some, onnx and onnx_ir would seek the data in the working directory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import onnx
from onnx.external_data_helper import load_external_data_for_tensor, uses_external_data

from bnfold.wire.fields import WireError


def data_file(model: Path, location: str) -> Path:
    """Where a data file lies, all links resolved.

    Raises:
        WireError: it is missing, no plain file, or not in the folder of its model or below.
    """
    folder, file = model.parent.resolve(), (model.parent / location).resolve()
    if not file.is_relative_to(folder):
        raise WireError(f"its data file {location} lies outside of its folder")
    if not file.is_file():
        raise WireError(f"its data file {location} is missing or no plain file")
    return file


def data_files(path: Path) -> set[Path]:
    """The files beside an ONNX file that hold data of its tensors.

    Raises:
        WireError: one is missing, no plain file, or not in the folder of the model or below.
        OSError, or what protobuf raises: the model itself is missing or damaged.
    """
    model = onnx.load(path, load_external_data=False)
    return {data_file(path, entry.value) for tensor in _external(model) for entry in _locations(tensor)}


def read_small(model: onnx.ModelProto, path: Path) -> None:
    """Read, in place, the data of all tensors of a model without its initializers.

    Raises:
        WireError, OSError, or what onnx raises: a data file is missing, too short or not where it must be.
    """
    folder = path.parent.resolve()
    for tensor in _external(model):
        for entry in _locations(tensor):  # onnx follows no link
            entry.value = str(data_file(path, entry.value).relative_to(folder))
        load_external_data_for_tensor(tensor, str(folder))
        tensor.data_location = onnx.TensorProto.DEFAULT  # before 1.23, onnx does not say that the tensor has them now
        del tensor.external_data[:]


def _external(message: Any) -> Iterator[onnx.TensorProto]:
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for part in value if isinstance(value, Sequence) else (value,):
            if not isinstance(part, onnx.TensorProto):
                yield from _external(part)
            elif uses_external_data(part):
                yield part


def _locations(tensor: onnx.TensorProto) -> Iterator[onnx.StringStringEntryProto]:
    return (entry for entry in tensor.external_data if entry.key == "location")
