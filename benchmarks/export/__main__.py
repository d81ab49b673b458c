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
    for name in sys.argv[1:] or DEFAULT:
        found = measured(name)
        print(
            f"{name}: bnfold {found['bnfold']:.2f} s, torch.onnx {found['torch_onnx']:.2f} s, "
            f"{found['ratio']:.1f} times as fast"
        )


def measured(name: str, rounds: int = ROUNDS) -> dict[str, float]:
    """Median CPU seconds of both for a net of the zoo, and the median of the paired ratios."""
    torch.set_num_threads(1)
    module = zoo.ARCHITECTURES[name]().eval()
    extent = 32 if module.conv1.stride == (1, 1) else 224
    example = torch.zeros(2, 3, extent, extent)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pairs = [(_seconds(_ours(module, example)), _seconds(_theirs(module, example))) for _ in range(rounds)]
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    return {"bnfold": ours, "torch_onnx": theirs, "ratio": statistics.median(b / a for a, b in pairs)}


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
