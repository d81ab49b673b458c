"""What a tool left of a network, and how right it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

from benchmarks.conformance.judge import affine_left
from benchmarks.zoo.agreement import relative
from bnfold.sources.onnx import load
from bnfold.verification.reference import Reference
from bnfold.verification.runtime import session_outputs

WRONG = 1e-4
"""A larger relative error of an output in float64 is no rounding of weights to float32."""


def feeds_of(path: Path, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Seeded normal values for the only input."""
    (name,) = [value.name for value in load(path).graph.inputs]
    return {str(name): np.random.default_rng(0).standard_normal(shape).astype(np.float32)}


def truth(path: Path, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Outputs of the original in float64."""
    return _float64(path, feeds)


def judged(path: Path, feeds: dict[str, np.ndarray], expected: list[np.ndarray]) -> dict[str, Any]:
    """Counts, and the largest relative error of an output: as stored in float64, and in float32 on ONNX Runtime."""
    onnx.checker.check_model(str(path))
    in_float32 = [np.asarray(value) for value in session_outputs(str(path), [feeds])[0].values()]
    error = max(relative(a, b) for a, b in zip(expected, _float64(path, feeds), strict=True))
    return {
        "affine": affine_left(path),
        "nodes": sum(node.op_type != "Constant" for node in ir.load(path).graph),
        "bytes": path.stat().st_size,
        "error_float64": error,
        "error_float32": max(relative(a, b) for a, b in zip(expected, in_float32, strict=True)),
        "wrong": not error <= WRONG,
    }


def _float64(path: Path, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    model = load(path)
    names = [str(value.name) for value in model.graph.outputs]
    found = Reference(model).run(feeds, set(names))
    return [np.asarray(found[name]) for name in names]
