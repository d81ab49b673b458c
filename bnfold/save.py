"""Writing a model so that its path holds either the whole file or what was there before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx_ir as ir

from bnfold.errors import UsageError
from bnfold.rewrite import OutOfRangeError
from bnfold.wire import write_model

SINGLE_FILE_LIMIT = 1_900_000_000
"""Bytes of weights above which they go to a `.data` file beside the model; protobuf ends at 2 GiB."""


def check_output(path: Path, *, force: bool) -> None:
    """Raise `UsageError` if nothing can be written to `path`, before any work is done."""
    if path.is_dir():
        raise UsageError(f"The output {path} is a folder; give a file name.")
    if not path.parent.is_dir():
        raise UsageError(f"The output folder {path.parent} does not exist; create it first.")
    if path.suffix.lower() != ".onnx":
        raise UsageError(f"The output {path} must end in .onnx.")
    if path.exists() and not force:
        raise UsageError(f"The output {path} exists; give another name, or --force to replace it.")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"The output folder {path.parent} is not writable.")


@contextmanager
def staging(path: Path) -> Iterator[Path]:
    """A path of the same name in a new folder beside `path`; the folder is gone when the context ends."""
    with TemporaryDirectory(prefix=".bnfold-", dir=path.parent) as folder:
        yield Path(folder, path.name)


def write(model: ir.Model, path: Path, *, external: bool = False) -> None:
    """Serialize a model, with its weights in `path.data` if they do not fit one file or `external` asks for it.

    Raises:
        OutOfRangeError: a new constant does not fit its stored type.
        UsageError: the file cannot be written.
    """
    weights = sum(value.const_value.nbytes for value in model.graph.initializers.values() if value.const_value)
    try:
        if external or weights > SINGLE_FILE_LIMIT:
            ir.save(model, path, external_data=f"{path.name}.data")
        else:
            write_model(model, path)
    except OSError as error:
        raise UsageError(f"{path.name} cannot be written: {error.strerror or error}.") from None
    except Exception as error:
        raise _cause(error) from None


def _cause(error: BaseException) -> BaseException:
    """The error that a constant raised while it was serialized; the serializer wraps it in its own."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OutOfRangeError | OSError):
        cause = cause.__cause__
    return cause or error


def publish(staged: Path, path: Path) -> None:
    """Move a staged model, and its data file if it has one, to where the user wants it."""
    data = staged.with_name(f"{staged.name}.data")
    if data.exists():
        data.replace(path.with_name(data.name))
    staged.replace(path)
