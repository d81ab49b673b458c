"""Run a finished model file on ONNX Runtime, as stored: CPU, graph optimization off, in a child process."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bnfold.errors import SourceError
from bnfold.isolation import ChildError, Limits, call
from bnfold.verification.precision import Array

OUT_OF_MEMORY = ("Failed to allocate memory", "bad allocation", "bad_alloc")


class RuntimeRefusedError(SourceError):
    """ONNX Runtime says that it cannot load or run the model; the message carries its reason."""


class RuntimeLostError(RuntimeRefusedError):
    """ONNX Runtime crashed, hung or ran out of memory on the model."""


def run_file(path: Path, feeds: Sequence[Mapping[str, Array]], limits: Limits | None = None) -> list[dict[str, Array]]:
    """Outputs by name for each set of inputs, in the model's own types.

    Args:
        path: an .onnx file; external data is found beside it.
        feeds: arrays by input name, already in the model's types.
        limits: time and memory for the whole list.

    Raises:
        RuntimeRefusedError: ONNX Runtime raised an error.
        RuntimeLostError: it crashed, ran too long or needed too much memory.
    """
    arguments: dict[str, Any] = {"path": str(path), "feeds": [dict(f) for f in feeds]}
    try:
        result: list[dict[str, Array]] = call(f"{__name__}:session_outputs", limits=limits, **arguments)
    except ChildError as error:
        raise RuntimeLostError(
            f"ONNX Runtime, given {path}, {error.what}; --timeout and --memory set what it may use."
        ) from error
    return result


def session_outputs(path: str, feeds: list[dict[str, Array]]) -> list[dict[str, Array]]:
    """What `run_file` does in its child process; an error of ONNX Runtime may end the process."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1  # the float64 interpreter has the other processors meanwhile
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        return [dict(zip(names, session.run(names, feed), strict=True)) for feed in feeds]
    except Exception as error:
        reason = " ".join(str(error).split())
        if any(sign in reason for sign in OUT_OF_MEMORY):
            raise MemoryError(reason) from error
        raise RuntimeRefusedError(f"ONNX Runtime cannot run {path}: {reason}") from error
