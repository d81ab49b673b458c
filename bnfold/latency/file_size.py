"""The size of a model on disk, wherever its weights lie."""

from collections.abc import Iterator
from pathlib import Path

import onnx_ir as ir

from bnfold.errors import SourceError


def stored_bytes(path: Path) -> int:
    """Return the bytes of the ONNX file and of every external data file it names, each file once.

    Raises:
        SourceError: the model or one of its data files is missing or unreadable.
    """
    try:
        files = {path.parent / tensor.location for tensor in _external(ir.load(path))}
        return path.stat().st_size + sum(file.stat().st_size for file in files)
    except FileNotFoundError as error:
        raise SourceError(f"There is no file {error.filename}; {path} is incomplete without it.") from error
    except Exception as error:
        raise SourceError(f"{path} is not a readable ONNX model: {error}") from error


def _external(model: ir.Model) -> Iterator[ir.ExternalTensor]:
    for graph in model.graphs():
        for value in graph.initializers.values():
            if isinstance(value.const_value, ir.ExternalTensor):
                yield value.const_value
        for node in graph:
            for attribute in node.attributes.values():
                if isinstance(attribute.value, ir.ExternalTensor):
                    yield attribute.value
