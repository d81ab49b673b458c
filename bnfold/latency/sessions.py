"""ONNX Runtime sessions that are set up alike, and errors that say what does not fit."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from bnfold.errors import SourceError, UsageError
from bnfold.latency.providers import CPU, Provider, require

Level = Literal["disabled", "basic", "all"]
LEVELS: tuple[Level, ...] = get_args(Level)
Feeds = Mapping[str, npt.NDArray[Any]]

_DTYPES = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
    "tensor(bool)": np.dtype(np.bool_),
    **{f"tensor({name})": np.dtype(name) for name in ("float16", "int8", "int16", "int32", "int64")},
    **{f"tensor({name})": np.dtype(name) for name in ("uint8", "uint16", "uint32", "uint64")},
}


def session_options(level: Level, threads: int) -> Any:
    """Return `onnxruntime.SessionOptions` for one sequential session with `threads` intra-op threads.

    Threads spin while a run lasts, as they do by default. They stop when it ends: otherwise the idle threads
    of one session would take the cores away from the next contestant.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    names = {"disabled": "ORT_DISABLE_ALL", "basic": "ORT_ENABLE_BASIC", "all": "ORT_ENABLE_ALL"}
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, names[level])
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.force_spinning_stop", "1")
    # Errors come back as exceptions; without this they are also printed.
    options.log_severity_level = 4
    return options


def open_session(path: Path, options: Any, provider: Provider = CPU) -> Any:
    """Return an `onnxruntime.InferenceSession` of the file; what the provider cannot run, the CPU does.

    Raises:
        SourceError: the file is missing, or ONNX Runtime cannot load it.
        UsageError: this ONNX Runtime has no such provider, or the provider does not start.
    """
    import onnxruntime

    require(provider)

    if not path.is_file():
        raise SourceError(f"There is no file {path}; check the path.")
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=_with_cpu(provider))
    except Exception as error:
        raise SourceError(f"ONNX Runtime cannot load {path}: {_reason(error)}.") from error
    # ONNX Runtime goes on with the CPU where a provider does not start, and only logs it.
    if provider.onnxruntime not in session.get_providers():
        raise UsageError(f"{provider.onnxruntime} does not start here; are its device, driver and libraries there?")
    return session


def _with_cpu(provider: Provider) -> list[str]:
    return list(dict.fromkeys([provider.onnxruntime, CPU.onnxruntime]))


def first_run(session: Any, feeds: Feeds, path: Path) -> None:
    """Run once, so that feeds that do not fit are found before anything is measured.

    Raises:
        UsageError: an input is missing, unknown, or of another dtype or shape, or the run fails.
    """
    inputs = {value.name: value for value in session.get_inputs()}
    optional = {value.name: value for value in session.get_overridable_initializers()}
    if missing := [name for name in inputs if name not in feeds]:
        raise UsageError(f"{path} needs the input {missing[0]!r}; given: {_listed(feeds)}.")
    for name, array in feeds.items():
        value = inputs.get(name) or optional.get(name)
        if value is None:
            raise UsageError(f"{path} has no input {name!r}; its inputs: {_listed(inputs)}.")
        dtype = _DTYPES.get(value.type, array.dtype)
        if array.dtype != dtype or not _shape_fits(array.shape, value.shape):
            expected = f"{dtype} [{', '.join(map(str, value.shape))}]"
            given = f"{array.dtype} {list(array.shape)}"
            raise UsageError(f"Input {name!r} of {path} is {expected}, but {given} was given.")
    try:
        session.run(None, feeds)
    except Exception as error:
        raise UsageError(f"{path} does not run on these inputs: {_reason(error)}.") from error


def _shape_fits(shape: tuple[int, ...], declared: list[Any]) -> bool:
    return len(shape) == len(declared) and all(
        not isinstance(extent, int) or extent == given for given, extent in zip(shape, declared, strict=True)
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


def _reason(error: Exception) -> str:
    """Return ONNX Runtime's message as the end of a sentence: one line, no error code, no repeated path."""
    text = " ".join(str(error).split())
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    text = re.sub(r"^Load model from .*? failed:", "", text)
    return text.rstrip(" .") or type(error).__name__
