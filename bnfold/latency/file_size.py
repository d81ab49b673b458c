"""The size of a model on disk, wherever its tensors lie."""

from pathlib import Path

from bnfold.errors import SourceError
from bnfold.wire import WireError, data_files


def stored_bytes(path: Path) -> int:
    """Return the bytes of the ONNX file and of every external data file it names, each file once.

    Raises:
        SourceError: the model or one of its data files is missing or unreadable, or a data file is not in its folder.
    """
    try:
        return path.stat().st_size + sum(file.stat().st_size for file in data_files(path))
    except WireError as error:
        raise SourceError(f"{path} is incomplete: {error}.") from error
    except Exception as error:  # what protobuf raises for a damaged file is of no kind that onnx documents
        raise SourceError(f"{path} is not a readable ONNX model: {error}") from error
