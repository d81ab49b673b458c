"""What a proof cannot go below: its passes in float64, and the matrix products in them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from bnfold.sources.onnx import load
from bnfold.verification import Reference, make_batches, specs_of

SIDE = 1024
PASSES = 6
"""Of a fold: two batches through the original and through the unrounded fold, one through its file, one through the
fold with moved weights."""


def floor(model: Path, rounds: int) -> dict[str, float]:
    """Multiply-adds of one pass, the processor seconds it takes, and multiply-adds a second of a large product."""
    read = load(model)
    reference, batch = Reference(read), make_batches(specs_of(read))[0]
    square = np.random.default_rng(0).normal(size=(SIDE, SIDE))
    product = _seconds(lambda: square @ square, rounds)
    return {
        "passes": PASSES,
        "pass": _seconds(lambda: reference.run(batch.feeds), rounds),
        "work": reference.work,
        "peak": SIDE**3 / product,
    }


def _seconds(run: Callable[[], object], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        started = time.process_time()
        run()
        taken.append(time.process_time() - started)
    return median(taken)
