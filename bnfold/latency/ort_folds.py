"""What ONNX Runtime would have folded itself.

At its BASIC level ONNX Runtime folds a BatchNormalization that directly follows a Conv, ConvTranspose or 2-D
MatMul when it loads the model. Folding those beforehand is a gain in load time, not in latency.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import onnx_ir as ir

from bnfold.isolation import call
from bnfold.latency.sessions import open_session, session_options


def count_batch_normalizations(model: ir.Model) -> int:
    """Return how many nodes normalize batches, in all subgraphs and of any domain (fused ones included)."""
    return sum("BatchNorm" in node.op_type for graph in model.graphs() for node in graph)


def left_by_onnxruntime(path: Path, count: Callable[[ir.Model], int] = count_batch_normalizations) -> int:
    """Return `count` of the graph that ONNX Runtime's BASIC optimizations leave of a model file.

    Args:
        path: ONNX file.
        count: what to count; its model reads weights from files that are gone after the call.

    Raises:
        SourceError: ONNX Runtime cannot load the file.
        bnfold.isolation.ChildError: ONNX Runtime crashed on it.
    """
    with tempfile.TemporaryDirectory(prefix="bnfold-") as folder:
        optimized = Path(folder, "optimized.onnx")
        call("bnfold.latency.ort_folds:save_optimized", path=path, optimized=optimized)
        return count(ir.load(optimized))


def save_optimized(path: Path, optimized: Path) -> None:
    """Save ONNX Runtime's BASIC-level graph of `path` as `optimized`, with the weights in a file beside it.

    Raises:
        SourceError: ONNX Runtime cannot load the file.
    """
    options = session_options("basic", 1)
    options.optimized_model_filepath = str(optimized)
    # Weights inside the file would fail beyond the 2 GB that protobuf can hold.
    data = "session.optimized_model_external_initializers"
    options.add_session_config_entry(f"{data}_file_name", optimized.name + ".data")
    options.add_session_config_entry(f"{data}_min_size_in_bytes", "1024")
    open_session(path, options)
