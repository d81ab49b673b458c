"""Compare today's folds with the recorded ones: `python -m benchmarks.gate`; `--update` records today's.

Counts (nodes, affine operators, multiply-adds, ulp) must be the recorded ones, also where they got better: a gain is
recorded with the change that made it. Speeds are ratios of what ran in turn, with bounds that a noisy machine keeps.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.gate.counts import MODELS, counts
from benchmarks.gate.speeds import BOUNDS, speeds

RECORD = Path(__file__).with_name("expected.json")


def differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """A sentence for every count that is another."""
    sentences = []
    for model in sorted(expected.keys() | found.keys()):
        before, now = expected.get(model, {}), found.get(model, {})
        sentences += [
            f"{model}: {name} is {now.get(name)}, recorded is {before.get(name)}."
            for name in sorted(before.keys() | now.keys())
            if before.get(name) != now.get(name)
        ]
    return sentences


def too_slow(ratios: dict[str, float]) -> list[str]:
    """A sentence for every ratio below its bound."""
    return [
        f"{name}: {ratio:.2f}x, at least {BOUNDS[name]:g}x is wanted."
        for name, ratio in ratios.items()
        if ratio < BOUNDS[name]
    ]


def main() -> None:
    """Print what got worse, or better; exit code 1 if anything is not as recorded."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__)
    parser.add_argument("--update", action="store_true", help="record today's counts")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="gate-") as folder:
        found = {name: counts(write, Path(folder, f"{name}.onnx")) for name, write in MODELS.items()}
        if options.update:
            RECORD.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
        ratios = speeds(Path(folder))
    for name, ratio in ratios.items():
        print(f"{name}: {ratio:.2f}x, at least {BOUNDS[name]:g}x")
    sentences = differences(json.loads(RECORD.read_text()), found) + too_slow(ratios)
    print(*(sentences or [f"All counts of {len(found)} models are as recorded."]), sep="\n")
    sys.exit(bool(sentences))


if __name__ == "__main__":
    main()
