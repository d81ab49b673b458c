"""Write nets of bnfold.zoo as ONNX, in turn with torch.onnx.export: `python -m benchmarks.export [NAME...]`."""

from __future__ import annotations

import statistics
import sys
import time
import warnings
from collections.abc import Callable

import torch

from bnfold import zoo
from bnfold.fx.write import write_onnx

ROUNDS = 3
DEFAULT = ("resnet20", "resnet18", "resnet50")


def main() -> None:
    """Print CPU seconds of both, and the median of the paired ratios."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for name in sys.argv[1:] or DEFAULT:
        module = zoo.ARCHITECTURES[name]().eval()
        extent = 32 if module.conv1.stride == (1, 1) else 224
        example = torch.zeros(2, 3, extent, extent)
        pairs = [(_seconds(_ours(module, example)), _seconds(_theirs(module, example))) for _ in range(ROUNDS)]
        ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(b / a for a, b in pairs)
        print(f"{name}: bnfold {ours:.2f} s, torch.onnx {theirs:.2f} s, {ratio:.1f} times as fast")


def _ours(module: torch.nn.Module, example: torch.Tensor) -> Callable[[], object]:
    return lambda: write_onnx(module, [example], ["input"])


def _theirs(module: torch.nn.Module, example: torch.Tensor) -> Callable[[], object]:
    dynamic = ({0: torch.export.Dim("batch")},)
    return lambda: torch.onnx.export(
        module, (example,), dynamo=True, optimize=False, verbose=False, dynamic_shapes=dynamic
    )


def _seconds(run: Callable[[], object]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


if __name__ == "__main__":
    main()
