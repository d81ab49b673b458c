"""torch.fx's fusion of one network of the zoo, written as ONNX: `python -m benchmarks.rivals.zoo.fused NAME TARGET`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch

from benchmarks.rivals.tools import fuse
from benchmarks.zoo.models import build
from benchmarks.zoo.randomize import randomize


def main(name: str, shape: str, target: str) -> None:
    """Build the network with the weights that its file has, and fuse it."""
    torch.manual_seed(0)
    module = build(name)
    randomize(module)
    unfinished = Path(target).with_suffix(".part.onnx")
    outcome = fuse(module, tuple(json.loads(shape)), unfinished)
    if outcome.error:
        sys.exit(outcome.error)
    os.replace(unfinished, target)


if __name__ == "__main__":
    main(*sys.argv[1:])
