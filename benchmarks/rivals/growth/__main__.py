"""Time and memory of every tool by size of the model: `python -m benchmarks.rivals.growth [--megabytes N ...]`.

It needs the environment that `make bench` makes, three times the largest size in memory and five times on disk. The
record is written after every run, so that a run can be ended and continued with --missing; docs/rivals-growth.md and
its picture are written from it.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.conformance.apart import apart
from benchmarks.rivals.growth.chart import draw
from benchmarks.rivals.growth.models import normalizations, pickled, written
from benchmarks.rivals.growth.page import write_page
from benchmarks.rivals.growth.programs import FX, NAMES, command, output
from benchmarks.rivals.tools import named
from benchmarks.tool.measure import FailedRunError, Limits, run
from bnfold.latency.environment import environment

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
DOCS = HERE.parents[2] / "docs"
MEGABYTES = (10, 30, 100, 300, 1000, 3000)
PACKAGES = ("onnx", "onnxsim", "onnxslim", "onnxoptimizer", "onnxscript", "onnxruntime", "openvino", "torch")


def main() -> None:
    """Measure, keep, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rivals.growth", description=__doc__)
    parser.add_argument("--megabytes", type=int, nargs="*", default=list(MEGABYTES), help="sizes of the model")
    parser.add_argument("--tools", nargs="*", default=list(NAMES), choices=NAMES, metavar="TOOL")
    parser.add_argument("--rounds", type=int, default=3, help="how often each runs, in random order")
    parser.add_argument("--seconds", type=float, default=900, help="of processor time that a tool may take")
    parser.add_argument("--gigabytes", type=float, default=16, help="of memory that a tool may take")
    parser.add_argument("--folder", type=Path, default=Path("build/growth"), help="where models are written")
    parser.add_argument("--missing", action="store_true", help="only what has no record yet")
    options = parser.parse_args()
    limits = Limits(options.seconds, 10 * options.seconds, 1e9 * options.gigabytes)
    data: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"points": {}}
    data |= {"limits": {"processor": options.seconds, "gigabytes": options.gigabytes}}
    for megabytes in options.megabytes:
        point = data["points"].setdefault(str(megabytes), {"programs": {}})
        wanted = [name for name in options.tools if not (options.missing and done(point, name, options.rounds))]
        if not wanted:
            continue
        if not options.missing:
            point["programs"] = {name: found for name, found in point["programs"].items() if name not in wanted}
        try:
            model, point["bytes"] = written(options.folder, megabytes)
            point["normalizations"] = normalizations(model)
            for line in measured(model, point, wanted, options.rounds, limits):
                data |= {"environment": environment().to_json(), "versions": {name: version(name) for name in PACKAGES}}
                RESULTS.write_text(json.dumps(data, indent=1) + "\n")
                print(line, flush=True)
        finally:
            shutil.rmtree(options.folder, ignore_errors=True)
    write_page(data, DOCS / "rivals-growth.md")
    draw(data, DOCS / "images" / "rivals_growth.svg")


def done(point: dict[str, Any], name: str, rounds: int) -> bool:
    """Whether a program needs no further run at this size; one that failed once is not tried again."""
    found = point["programs"].get(name, {"runs": []})
    return "fails" in found or len(found["runs"]) >= rounds


def measured(model: Path, point: dict[str, Any], names: list[str], rounds: int, limits: Limits) -> Iterator[str]:
    """Add runs of every program to the record in random order, so many rounds; a line after each."""
    for _ in range(rounds):
        for name in random.sample(names, len(names)):
            if not done(point, name, rounds):
                found = point["programs"].setdefault(name, {"runs": []})
                once(model, point["bytes"], name, limits, found)
                yield f"{point['bytes'] / 1e6:.0f} MB {name}: {found}"


def once(model: Path, size: int, name: str, limits: Limits, found: dict[str, Any]) -> None:
    """Add one run of a program, in a folder that is empty before and afterwards."""
    folder = model.parent / "written"
    folder.mkdir()
    target = output(name, folder)
    source = model
    if name == FX:
        source = model.with_suffix(".pt")
        if not source.exists():  # in a child, so that this process does not keep the memory that others are short of
            apart(pickled, model, source, seconds=3600)
    try:
        found["runs"].append(run(command(name, source, target, size), limits).to_json())
        if not target.exists():
            found |= {"fails": "refused", "why": "no file and no error"}
        elif target.suffix == ".onnx":
            found["normalizations"] = normalizations(target)
    except FailedRunError as error:
        found |= {"fails": error.kind, "why": named(str(error))}
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
