"""Speeds that must not fall, as ratios of what ran in turn in one process."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import onnx

import bnfold
from bnfold.latency.bench import bench

ROUNDS = 3
SECONDS = 6.0
BOUNDS = {
    "latency, resnet20v2_digits": 0.97,
    "latency, ocr_detection": 0.97,
    "fold of resnet50v2 against loading and saving it": 0.05,
}
"""The least ratio of each. A fold that costs twenty times a load has lost its way, whatever the machine does."""


def speeds(folder: Path) -> dict[str, float]:
    """Upper ends of the intervals of latency ratios, and the median ratio of processor seconds."""
    return {
        "latency, resnet20v2_digits": _latency(folder, "resnet20v2_digits", (1, 1, 8, 8)),
        "latency, ocr_detection": _latency(folder, "ocr_detection", (1, 3, 96, 96)),
        "fold of resnet50v2 against loading and saving it": _tool(folder / "resnet50v2.onnx"),
    }


def _latency(folder: Path, name: str, shape: tuple[int, ...]) -> float:
    """Original over folded, on ONNX Runtime at full optimization; the upper end, so that noise alone fails nothing."""
    paths = [folder / f"{name}.onnx", folder / f"{name}.folded.onnx"]
    given = onnx.load(paths[0]).graph.input[0].name
    feeds = {given: np.random.default_rng(0).standard_normal(shape).astype(np.float32)}
    (found,) = bench(paths, [feeds], levels=("all",), seconds=SECONDS).comparisons
    return found.run.speedup.high


def _tool(path: Path) -> float:
    """Processor seconds to load and save over those of a fold without proof."""
    target = path.with_suffix(".again.onnx")
    ratios = []
    for _ in range(ROUNDS):
        copied = _processor(lambda: onnx.save(onnx.load(path), target))
        folded = _processor(lambda: bnfold.fold(path, output=target, force=True, verify=False))
        ratios.append(copied / folded)
    return median(ratios)


def _processor(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
