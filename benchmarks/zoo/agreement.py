"""Do the original and the folded network compute the same? In float64 with unrounded weights, and on ONNX Runtime."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime

from bnfold.verification.evaluator import Float64Error
from bnfold.verification.reference import Reference

LIMIT = 1e-10
"""Largest relative difference of a tensor in float64 that rounding explains."""


class TooSlowError(BaseException):
    """The time allowed is over; no Exception, for an operator may not take it for its own failure."""


def in_float64(original: ir.Model, exact: ir.Model, feeds: dict[str, np.ndarray], seconds: int) -> dict[str, Any]:
    """The largest relative difference over all tensors that both models name, and where it lies."""
    started = time.perf_counter()
    names = _computed(original) & _computed(exact)
    try:
        with _at_most(seconds):
            expected = Reference(original).run(feeds, names)
            got = Reference(exact).run(feeds, names)
    except TooSlowError:
        return {"skipped": f"took longer than {seconds} s"}
    except Float64Error as error:
        return {"skipped": str(error)}
    worst, place = 0.0, None
    for name in expected:
        difference = relative(expected[name], got[name])
        if not difference <= worst:
            worst, place = difference, name
    at_outputs = max(relative(expected[value.name], got[value.name]) for value in original.graph.outputs)
    seconds_taken = round(time.perf_counter() - started, 1)
    return {
        "outputs": at_outputs,
        "relative": worst,
        "tensor": place,
        "tensors": len(expected),
        "seconds": seconds_taken,
    }


def on_onnxruntime(original: Path, folded: Path, feeds: dict[str, np.ndarray]) -> dict[str, Any]:
    """The largest relative difference of an output between two files, run as stored."""
    before, after = _run(original, feeds), _run(folded, feeds)
    return {"relative": max(relative(a, b) for a, b in zip(before, after, strict=True))}


def relative(expected: Any, got: Any) -> float:
    """max|difference| / max|expected| of an array or a sequence of arrays.

    Infinite where the shapes differ, or the places of what is not finite.
    """
    if isinstance(expected, list):
        return max((relative(a, b) for a, b in zip(expected, got, strict=True)), default=0.0)
    if expected.shape != got.shape:
        return float("inf")
    if not np.issubdtype(expected.dtype, np.floating):
        return 0.0 if np.array_equal(expected, got) else float("inf")
    finite = np.isfinite(expected)
    if not np.array_equal(finite, np.isfinite(got)):
        return float("inf")
    size = float(np.abs(expected[finite]).max(initial=0.0))
    difference = float(np.abs(expected[finite] - got[finite]).max(initial=0.0))
    return difference / size if size else difference


def _computed(model: ir.Model) -> set[str]:
    return {value.name for node in model.graph for value in node.outputs if value.name}


def _run(path: Path, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return list(session.run(None, feeds))


@contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TooSlowError

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
