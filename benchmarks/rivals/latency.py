"""Latency of what every tool made, all in turn: on ONNX Runtime at its full optimization, and on OpenVINO."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bnfold.isolation import Limits, call
from bnfold.latency.bench import bench
from bnfold.latency.sampler import interleave
from bnfold.latency.statistics import compare

Feeds = dict[str, np.ndarray]


def on_onnxruntime(paths: dict[str, Path], feeds: Feeds, seconds: float) -> dict[str, Any]:
    """Paired ratios original / tool; the original is the first path."""
    result = bench(list(paths.values()), [feeds], levels=("all",), seconds=seconds, names=list(paths))
    return {
        "original_ms": result.contestants[0].run.p50 * 1e3,
        "tools": {each.candidate: each.run.to_json() for each in result.comparisons},
        "warnings": list(result.warnings),
    }


def on_openvino(original: Path, folded: Path, feeds: Feeds, seconds: float) -> dict[str, Any]:
    """The original against what bnfold wrote, both compiled by OpenVINO for latency on one thread."""
    limits = Limits(timeout=600 + 10 * seconds)
    found: dict[str, Any] = call(
        f"{__name__}:_openvino", limits=limits, paths=(original, folded), feeds=feeds, seconds=seconds
    )
    return found


def _openvino(paths: tuple[Path, Path], feeds: Feeds, seconds: float) -> dict[str, Any]:
    import openvino

    core = openvino.Core()
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    actions = []
    for path in (paths[0], paths[1], paths[0]):
        request = core.compile_model(str(path), "CPU", settings).create_infer_request()
        actions.append(partial(request.infer, feeds))
    (first, second, control), _, _ = interleave(actions, seconds, np.random.default_rng(0))
    return {"original_ms": float(np.median(first)) * 1e3, **compare(first, second, control).to_json()}
