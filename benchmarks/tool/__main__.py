"""Time and memory of the command, written to results.json, RESULTS.md and memory.svg.

python -m benchmarks.tool [--rounds 5] [--gigabytes 3] [--zoo PYTHON] [--quick]
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path
from typing import Any

from benchmarks.export.__main__ import DEFAULT
from benchmarks.export.__main__ import measured as exported
from benchmarks.startup.__main__ import measured as started
from benchmarks.tool.chart import draw
from benchmarks.tool.contestants import commands, verifying
from benchmarks.tool.floor import floor
from benchmarks.tool.measure import Run, run
from benchmarks.tool.models import large, remove, resnet50, single, size_of
from benchmarks.tool.page import page
from bnfold.latency.environment import environment

HERE = Path(__file__).parent
BUILD = HERE.parent.parent / "build"
MEGABYTES = (20, 50, 100, 200, 400, 800)
"""Of the models of the curve."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--gigabytes", type=float, default=3.0)
    parser.add_argument("--zoo", type=Path, help="interpreter that has onnxslim")
    parser.add_argument("--quick", action="store_true", help="a smoke test: one round, small models, no slow tools")
    arguments = parser.parse_args()
    rounds = 1 if arguments.quick else arguments.rounds
    interpreter = run([sys.executable, "-c", "import time; time.sleep(0.2)"]).anonymous
    results: dict[str, Any] = {
        "environment": environment().to_json(),
        "note": "Processor seconds are the fair number where other programs share the cores.",
        "interpreter": interpreter,
        "startup": started(rounds * 3),
        "export": {name: exported(name, rounds) for name in (DEFAULT[:1] if arguments.quick else DEFAULT)},
        "resnet50": _contest(rounds, arguments.zoo, interpreter, quick=arguments.quick),
        "floor": floor(resnet50(BUILD), rounds),
        "curve": [_point(size, interpreter) for size in (MEGABYTES[:2] if arguments.quick else MEGABYTES)],
        "large": _large(0.3 if arguments.quick else arguments.gigabytes, interpreter),
    }
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (HERE / "RESULTS.md").write_text(page(results))
    draw(results["curve"], HERE / "memory.svg")


def _contest(rounds: int, zoo: Path | None, interpreter: int, *, quick: bool) -> dict[str, object]:
    """Every contestant once a round, in random order; then bnfold's verdict on its own fold, as often."""
    model, output = resnet50(BUILD), BUILD / "tool.onnx"
    lines = commands(model, output, zoo)
    if quick:
        lines = {name: line for name, line in lines.items() if name in ("load and save", "bnfold, no proof", "bnfold")}
    runs: dict[str, list[Run]] = {name: [] for name in lines}
    for _ in range(rounds):
        for name in random.sample(list(lines), len(lines)):
            runs[name].append(run(lines[name]))
            print(name, runs[name][-1], flush=True)
    run(lines["bnfold, no proof"])  # whoever wrote last, the fold is what is judged
    judged = [run(verifying(model, output)) for _ in range(rounds)]
    print("verify", judged, flush=True)
    remove(output)
    return {
        "bytes": size_of(model),
        "runs": {name: [_above(each, interpreter) for each in found] for name, found in runs.items()},
        "verify": [_above(each, interpreter) for each in judged],
    }


def _point(megabytes: int, interpreter: int) -> dict[str, object]:
    """One point of the curve."""
    folder = BUILD / "curve"
    model, output = single(folder, megabytes), folder / "folded.onnx"
    try:
        lines = commands(model, output, None)
        found = {name: _above(run(lines[name]), interpreter) for name in ("load and save", "bnfold, no proof")}
        print(megabytes, "MB", found, flush=True)
        return {"bytes": size_of(model), **found}
    finally:
        remove(model)
        remove(output)


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
