"""Fold ResNets with random weights, check their certificates, and keep how long that takes.

python -m benchmarks.certificate                      # all; writes results.json
python -m benchmarks.certificate --models resnet50    # a quick look that writes nothing
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import bnfold
from bnfold import zoo
from bnfold.latency.environment import environment
from bnfold.proof.certificate import read as read_certificate
from bnfold.proof.checker import check
from bnfold.proof.reading.network import read
from bnfold.sources.module import write_module

HERE = Path(__file__).parent
MODELS = ("resnet18", "resnet50", "resnet50v2", "resnet152")
REPEATS = 3


def least(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """What `work` returns, and its least wall-clock and processor seconds of several runs."""
    walls, processors, result = [], [], None
    for _ in range(REPEATS):
        wall, processor = time.perf_counter(), time.process_time()
        result = work()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return result, {"wall": round(min(walls), 3), "processor": round(min(processors), 3)}


def randomize(module: torch.nn.Module) -> torch.nn.Module:
    """The module in eval mode, its batch normalizations far from the identity."""
    torch.manual_seed(0)
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            with torch.no_grad():
                part.weight.uniform_(0.5, 1.5)
                part.bias.normal_(0, 0.2)
                part.running_mean.normal_(0, 0.2)  # type: ignore[union-attr, operator]
                part.running_var.uniform_(0.5, 2)  # type: ignore[union-attr, operator]
    return module.eval()


def measure(name: str, folder: Path) -> dict[str, Any]:
    """Fold one network, then time reading both files and checking the certificate."""
    folder.mkdir(parents=True, exist_ok=True)
    source, folded, certificate = (folder / f"{name}{end}" for end in (".onnx", ".folded.onnx", ".json"))
    if not source.exists():
        write_module(randomize(getattr(zoo, name)()), source, {"image": (1, 3, 224, 224)})
    bnfold.fold(source, output=folded, certificate=certificate, verify=False, force=True)
    claims = read_certificate(certificate, source, folded)
    networks, reading = least(lambda: (read(source), read(folded)))
    proof, checking = least(lambda: check(*networks, claims))
    return {
        "model": name,
        "proved": proof.proved,
        "tensors": proof.tensors,
        "weights": proof.measured.checked,
        "max_ulp": proof.measured.worst[1],
        "certificate_bytes": certificate.stat().st_size,
        "read": reading,
        "check": checking,
    }


def main() -> None:
    """Measure, print, and keep the numbers if all were measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--build", type=Path, default=HERE.parent.parent / "build" / "certificate")
    options = parser.parse_args()
    rows = []
    for name in options.models:
        rows.append(measure(name, options.build))
        print(json.dumps(rows[-1]), flush=True)
    if options.models == list(MODELS):
        note = "Least of several runs. Where other programs share the cores, processor seconds are the fair number."
        data = {"environment": environment().to_json(), "note": note, "models": rows}
        (HERE / "results.json").write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
