"""What ONNX Runtime would have folded itself.

At its BASIC level ONNX Runtime folds a BatchNormalization that directly follows a Conv, ConvTranspose or 2-D
MatMul when it loads the model. Folding those beforehand is a gain in load time, not in latency.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import onnx_ir as ir

from bnfold.isolation import call
from bnfold.latency.sessions import Level, open_session, session_options
from bnfold.wire import read_model

T = TypeVar("T")


def left_by_onnxruntime(path: Path, count: Callable[[ir.Model], T], level: Level = "basic") -> T:
    """Return `count` of the graph that ONNX Runtime's optimizations leave of a model file.

    Args:
        path: ONNX file.
        count: what to count; its model reads weights from files that are gone after the call.
        level: of the optimizations.

    Raises:
        SourceError: ONNX Runtime cannot load the file.
        bnfold.isolation.ChildError: ONNX Runtime crashed on it.
    """
    with tempfile.TemporaryDirectory(prefix="bnfold-") as folder:
        optimized = Path(folder, "optimized.onnx")
        call("bnfold.latency.ort_folds:save_optimized", path=path, optimized=optimized, level=level)
        return count(read_model(optimized))


def save_optimized(path: Path, optimized: Path, level: Level) -> None:
    """Save ONNX Runtime's graph of `path` as `optimized`, with the weights in a file beside it.

    Raises:
        SourceError: ONNX Runtime cannot load the file.
    """
    options = session_options(level, 1)
    options.optimized_model_filepath = str(optimized)
    # Weights inside the file would fail beyond the 2 GB that protobuf can hold.
    data = "session.optimized_model_external_initializers"
    options.add_session_config_entry(f"{data}_file_name", optimized.name + ".data")
    options.add_session_config_entry(f"{data}_min_size_in_bytes", "1024")
    open_session(path, options)
