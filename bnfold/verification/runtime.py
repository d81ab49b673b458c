"""Run a finished model file on ONNX Runtime, as stored: CPU, graph optimization off, in a child process."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bnfold.errors import SourceError
from bnfold.isolation import ChildError, call
from bnfold.verification.precision import Array


class RuntimeRefusedError(SourceError):
    """ONNX Runtime cannot load or run the model; the message carries its reason."""


def run_file(path: Path, feeds: Sequence[Mapping[str, Array]], timeout: float = 600.0) -> list[dict[str, Array]]:
    """Outputs by name for each set of inputs, in the model's own types.

    Args:
        path: an .onnx file; external data is found beside it.
        feeds: arrays by input name, already in the model's types.
        timeout: seconds for the whole list.

    Raises:
        RuntimeRefusedError: ONNX Runtime raised an error, crashed or ran too long.
    """
    arguments: dict[str, Any] = {"path": str(path), "feeds": [dict(f) for f in feeds]}
    try:
        result: list[dict[str, Array]] = call(f"{__name__}:session_outputs", timeout=timeout, **arguments)
    except ChildError as error:
        raise RuntimeRefusedError(f"ONNX Runtime cannot run {path}: {error}") from error
    return result


def session_outputs(path: str, feeds: list[dict[str, Array]]) -> list[dict[str, Array]]:
    """What `run_file` does in its child process; an error of ONNX Runtime may end the process."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        return [dict(zip(names, session.run(names, feed), strict=True)) for feed in feeds]
    except Exception as error:
        raise RuntimeRefusedError(f"ONNX Runtime cannot run {path}: {' '.join(str(error).split())}") from error
