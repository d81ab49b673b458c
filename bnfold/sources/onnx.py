"""Reading ONNX files, and telling a damaged one from a good one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir
from onnx_ir.passes.common import RemoveInitializersFromInputsPass

from bnfold import save
from bnfold.errors import BnfoldError, SourceError, first_line
from bnfold.wire import read_model, read_skeleton

OVERRIDABLE_SINCE = 4
"""Before this IR version every initializer had to be an input as well, and none could be overridden."""


def check(path: Path) -> None:
    """Raise `SourceError` if the file is no valid ONNX model; its weights are not read."""
    try:
        onnx.checker.check_model(read_skeleton(path))
    except Exception as error:
        raise SourceError(f"{path} is not a valid ONNX model: {first_line(error)}.") from None


@contextmanager
def at_fault(path: Path) -> Iterator[None]:
    """Work on a model: where it fails, and shapes and types in the file contradict each other, that is the reason.

    Asking for it first would cost every good model a second inference of its shapes.

    Raises:
        SourceError: as said; every other error passes through.
    """
    try:
        yield
    except BnfoldError:
        raise
    except Exception as error:
        if any(isinstance(cause, UnicodeDecodeError) for cause in _causes(error)):
            raise SourceError(f"{path} is not a valid ONNX model: a name in it is no text.") from error
        try:
            onnx.checker.check_model(read_skeleton(path), full_check=True)
        except Exception as fault:
            raise SourceError(f"{path} is not a valid ONNX model: {first_line(fault)}.") from error
        raise


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def load(path: Path, *, freeze_inputs: bool = False) -> ir.Model:
    """Read an ONNX file; its weights stay on disk until they are used.

    Args:
        path: the file.
        freeze_inputs: inputs that have a default value become constants, which nobody can override any more.

    Raises:
        SourceError: it cannot be parsed.
    """
    try:
        model = read_model(path)
    except Exception as error:
        raise SourceError(f"{path} cannot be read as an ONNX model: {first_line(error)}.") from None
    if freeze_inputs or (model.ir_version or 0) < OVERRIDABLE_SINCE:
        RemoveInitializersFromInputsPass()(model)
        model.ir_version = max(model.ir_version or 0, OVERRIDABLE_SINCE)
    return model


def defaulted_inputs(model: ir.Model) -> tuple[str, ...]:
    """Names of the inputs that have a default value."""
    return tuple(value.name or "" for value in model.graph.inputs if value.is_initializer())


def write(model: Any, path: Path) -> None:
    """Write an `onnx_ir.Model` or `onnx.ModelProto` to a file; the model is not changed."""
    if isinstance(model, onnx.ModelProto):
        onnx.save(model, path)
    else:
        save.write(model, path)
