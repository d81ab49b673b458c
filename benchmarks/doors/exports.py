"""The export from a trace beside torch.onnx's: the same outputs in float64, and CPU time."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from torch import nn

from bnfold.fx.write import write_onnx
from bnfold.sources.torch_onnx import export
from bnfold.verification.reference import Reference


def compared(module: nn.Module, extent: int) -> dict[str, Any]:
    """The largest relative difference of the two files' outputs, and the seconds of each."""
    example = torch.zeros(2, 3, extent, extent)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, seconds = _timed(lambda: write_onnx(module, [example], ["input"]))
        theirs, other = _timed(lambda: export(module, [example], ["input"]))
    images = np.random.default_rng(0).normal(size=(1, 3, extent, extent))
    (a,), (b,) = (list(Reference(model).run({"input": images}).values()) for model in (ours, theirs))
    return {
        "input": [3, extent, extent],
        "difference": float(np.abs(a - b).max() / np.abs(b).max()),
        "bnfold_cpu_s": round(seconds, 2),
        "torch_onnx_cpu_s": round(other, 2),
        "ratio": round(other / seconds, 1),
    }


def _timed(run: Callable[[], ir.Model]) -> tuple[ir.Model, float]:
    started = time.process_time()
    model = run()
    return model, time.process_time() - started
