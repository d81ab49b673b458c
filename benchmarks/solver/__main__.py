"""Measure the solver, keep the numbers and draw them.

python -m benchmarks.solver                       # everything; writes results.json, and picture and figures into docs
python -m benchmarks.solver --norms 100 300       # a quick look that writes nothing
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.solver.chart import draw
from benchmarks.solver.measure import resnet50, synthetic
from benchmarks.solver.networks import CHANNELS, FAMILIES
from benchmarks.solver.page import rewrite
from bnfold.latency.environment import environment

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
NORMS = (100, 300, 1000, 3000, 10000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--norms", type=int, nargs="+", help=f"sizes to look at instead of {NORMS}")
    parser.add_argument("--families", nargs="+", choices=list(FAMILIES), default=list(FAMILIES))
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="where the exported ResNet-50 is kept")
    arguments = parser.parse_args()
    machine = environment()
    resnet = resnet50(arguments.build)
    for step, timing in resnet["steps"].items():
        print(f"ResNet-50 {step:6} {timing['processor']:8.3f} s processor {timing['wall']:8.3f} s wall", flush=True)
    points = []
    for family in arguments.families:
        for norms in arguments.norms or NORMS:
            point = synthetic(family, norms)
            points.append(point.to_json())
            print(
                f"{family:14} {norms:6} {point.solve.processor:8.3f} s processor {point.solve.wall:8.3f} s wall"
                f"  {point.removed} removed",
                flush=True,
            )
    if arguments.norms or len(arguments.families) < len(FAMILIES):
        return
    results = {
        "environment": machine.to_json(),
        "note": "Least of several runs. Where other programs share the cores, processor seconds are the fair number.",
        "channels": CHANNELS,
        "resnet50": resnet,
        "points": points,
    }
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    draw(results, ROOT / "docs/images/solver_growth.svg")
    rewrite(ROOT / "docs/how-it-works.md", results)


if __name__ == "__main__":
    main()
