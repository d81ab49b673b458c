"""Model files with the data files that hold some of their tensors, which must lie in the folder of the model.

The same walk finds the tensors whose data are read and the files that a certificate is about: none is one without the
other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import onnx
from onnx import ModelProto, StringStringEntryProto, TensorProto
from onnx.external_data_helper import load_external_data_for_tensor, uses_external_data

from bnfold.errors import SourceError

LARGEST = 1 << 36
"""Bytes of a data file that is still read."""


def whole(path: Path) -> ModelProto:
    """An ONNX file with the data of all its tensors.

    Raises:
        SourceError: it is missing or no ONNX model, or a data file is missing, too short or not where it must be.
    """
    model, folder = _parsed(path), path.parent.resolve()
    for tensor in _external(model):
        for entry in _locations(tensor):
            # As onnx wants it, which follows no link.
            entry.value = str(data_file(path, entry.value).relative_to(folder))
        try:
            load_external_data_for_tensor(tensor, str(folder))
        except Exception as error:  # of many kinds, and so are the ways in which offset and length can be wrong
            why = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            raise SourceError(f"The data of tensor {tensor.name!r} of {path} cannot be read: {why}.") from None
        tensor.data_location = TensorProto.DEFAULT  # before 1.23, onnx does not say that the tensor has them now
        del tensor.external_data[:]
    return model


def locations(path: Path) -> list[str]:
    """The data files of an ONNX file as it names them, sorted, each once.

    Raises:
        SourceError: it is missing or no ONNX model.
    """
    found = {entry.value for tensor in _external(_parsed(path)) for entry in _locations(tensor)}
    return sorted(found, key=str)  # protobuf hands out bytes for a name that is no text


def data_file(model: Path, location: str) -> Path:
    """Where a data file lies that a model names, all links resolved.

    Raises:
        SourceError: it is missing, no plain file, larger than `LARGEST`, or outside of the model's folder.
    """
    name = f"The data file {location[:100]!r} of {model}"
    try:
        file = (model.parent / location).resolve()
        if not file.is_relative_to(model.parent.resolve()):
            raise SourceError(f"{name} lies outside of the model's folder; copy it there and name it relative to it.")
        if not file.is_file():
            raise SourceError(f"{name} is missing or no plain file; the model is incomplete without it.")
        size = file.stat().st_size
    except (OSError, RuntimeError, TypeError, ValueError):  # a loop of links, or nothing that can be a path
        raise SourceError(f"{name} cannot be looked up; the model is incomplete without it.") from None
    if size > LARGEST:
        raise SourceError(f"{name} has {size} bytes, and none of more than {LARGEST} is read.")
    return file


def _parsed(path: Path) -> ModelProto:
    try:
        return onnx.load(path, load_external_data=False)
    except Exception as error:  # what protobuf raises for a damaged file is of no kind that onnx documents
        raise SourceError(f"{path} cannot be read as an ONNX model ({type(error).__name__}).") from None


def _external(message: Any) -> Iterator[TensorProto]:
    """Tensors with data elsewhere, in whatever part of a message: sparse ones, attributes, subgraphs and functions."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for part in value if isinstance(value, Sequence) else (value,):
            if not isinstance(part, TensorProto):
                yield from _external(part)
            elif uses_external_data(part):
                yield part


def _locations(tensor: TensorProto) -> Iterator[StringStringEntryProto]:
    return (entry for entry in tensor.external_data if entry.key == "location")
