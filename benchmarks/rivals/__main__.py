"""Compare bnfold with every other tool on the same files: `python -m benchmarks.rivals [NAME ...]`.

It needs the environment that `make bench` makes. Records are kept per model in results.json, so a run can be resumed or
repeated for some models; docs/rivals.md and its pictures are written from all of them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.rivals import tools
from benchmarks.rivals.judged import feeds_of, judged, truth
from benchmarks.rivals.latency import on_onnxruntime, on_openvino
from benchmarks.rivals.models import MODELS, Model
from benchmarks.rivals.page import write_page
from benchmarks.rivals.pictures import draw
from benchmarks.rivals.weights import errors
from bnfold.latency.environment import environment

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
RESULTS = HERE / "results.json"
TEXTBOOK = "resnet50"
"""The model whose weights are compared one by one."""


def record(model: Model, folder: Path, seconds: float) -> dict[str, Any]:
    """Everything about one model."""
    place = folder / model.name.replace(" ", "-").replace("/", "-")
    place.mkdir(parents=True, exist_ok=True)
    original = place / "original.onnx"
    if not original.exists():
        model.write(original)
    feeds = feeds_of(original, model.shape)
    expected = truth(original, feeds)
    found: dict[str, Any] = {"original": judged(original, feeds, expected), "tools": {}}
    right = {"original": original}
    for tool in tools.NAMES:
        target = place / f"{tool.replace(' ', '-')}.onnx"
        if tool == tools.FX:
            if model.module is None:
                continue
            outcome = tools.fuse(model.module(), model.shape, target)
        else:
            outcome = tools.apply(tool, original, target)
        entry: dict[str, Any] = {"error": outcome.error} if outcome.error else judged(target, feeds, expected)
        if outcome.run is not None:
            entry |= outcome.run.to_json()
        if model.name == TEXTBOOK and not outcome.error:
            entry["ulp"] = errors(original, target)
        found["tools"][tool] = entry
        if not outcome.error and not entry["wrong"]:
            right[tool] = target
    if seconds:
        found["onnxruntime"] = on_onnxruntime(right, feeds, seconds)
        found["openvino"] = on_openvino(original, right["bnfold"], feeds, seconds / 3)
    return found


def main() -> None:
    """Measure, keep, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rivals", description=__doc__)
    parser.add_argument("names", nargs="*", help="models; all by default")
    parser.add_argument("--seconds", type=float, default=45.0, help="of latency per model; 0 leaves it out")
    parser.add_argument("--folder", type=Path, default=Path("build/rivals"), help="where files are kept")
    parser.add_argument("--missing", action="store_true", help="only models that have no record yet")
    options = parser.parse_args()
    data = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"models": {}}
    for model in MODELS:
        if (options.names and model.name not in options.names) or (options.missing and model.name in data["models"]):
            continue
        data["models"][model.name] = record(model, options.folder, options.seconds)
        data |= {"environment": environment().to_json(), "versions": tools.versions()}
        RESULTS.write_text(json.dumps(data, indent=1) + "\n")
        print(model.name, flush=True)
    write_page(data, DOCS / "rivals.md")
    draw(data, DOCS / "images")


if __name__ == "__main__":
    main()
