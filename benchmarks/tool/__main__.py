"""Time and memory of the command, written to results.json and RESULTS.md.

python -m benchmarks.tool [--rounds 5] [--gigabytes 3] [--zoo PYTHON] [--quick]
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path

from benchmarks.tool.contestants import commands
from benchmarks.tool.measure import Run, run
from benchmarks.tool.models import large, remove, resnet50, size_of
from benchmarks.tool.page import page
from bnfold.latency.environment import environment

HERE = Path(__file__).parent
BUILD = HERE.parent.parent / "build"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--gigabytes", type=float, default=3.0)
    parser.add_argument("--zoo", type=Path, help="interpreter that has onnxslim")
    parser.add_argument("--quick", action="store_true", help="without the proof and the slow tools")
    arguments = parser.parse_args()
    interpreter = run([sys.executable, "-c", "import time; time.sleep(0.2)"]).anonymous
    results = {
        "environment": environment().to_json(),
        "note": "Processor seconds are the fair number where other programs share the cores.",
        "interpreter": interpreter,
        "resnet50": _contest(arguments, interpreter),
        "large": _large(arguments.gigabytes, interpreter),
    }
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (HERE / "RESULTS.md").write_text(page(results))


def _contest(arguments: argparse.Namespace, interpreter: int) -> dict[str, object]:
    """Every contestant once a round, in random order."""
    model, output = resnet50(BUILD), BUILD / "tool.onnx"
    lines = commands(model, output, arguments.zoo)
    if arguments.quick:
        lines = {name: line for name, line in lines.items() if name in ("load and save", "bnfold, no proof")}
    runs: dict[str, list[Run]] = {name: [] for name in lines}
    for _ in range(arguments.rounds):
        for name in random.sample(list(lines), len(lines)):
            runs[name].append(run(lines[name]))
            print(name, runs[name][-1], flush=True)
    remove(output)
    return {
        "bytes": size_of(model),
        "runs": {name: [_above(single, interpreter) for single in found] for name, found in runs.items()},
    }


def _large(gigabytes: float, interpreter: int) -> dict[str, object]:
    model, output = large(BUILD / "large", gigabytes), BUILD / "large" / "folded.onnx"
    try:
        found = run(commands(model, output, None)["bnfold, no proof"])
        print("large", found, flush=True)
        return {"bytes": size_of(model), "run": _above(found, interpreter)}
    finally:
        remove(model)
        remove(output)


def _above(found: Run, interpreter: int) -> dict[str, float]:
    """With the memory counted above the interpreter's own."""
    return {**found.to_json(), "anonymous": found.anonymous - interpreter}


if __name__ == "__main__":
    main()
