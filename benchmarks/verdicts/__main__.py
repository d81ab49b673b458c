"""Count verdicts on models whose truth is known: a model against a copy of itself, and against one with 5 % more work.

    python -m benchmarks.verdicts

The model is a chain of equal convolutions, so one of 20 more is a true slowdown of 5 %. Every trial is what
`bnfold bench` does for one setting: blocks in random order, an A/A control, an interval and a verdict.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bnfold.latency.environment import environment
from bnfold.latency.sampler import Contestant, sample
from bnfold.latency.statistics import MARGIN, compare

HERE = Path(__file__).parent
LAYERS, CHANNELS, SIDE = 20, 48, 14
TRUTHS = {"the same model": LAYERS, "5 % more work": LAYERS + 1}


def chain(path: Path, layers: int) -> Path:
    """Save `layers` convolutions of 3x3, one after the other."""
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(CHANNELS, CHANNELS, 3, 3)).astype(np.float32) / np.float32(3 * CHANNELS**0.5)
    nodes = [helper.make_node("Conv", [f"t{i}", "w"], [f"t{i + 1}"], pads=[1, 1, 1, 1]) for i in range(layers)]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, CHANNELS, SIDE, SIDE])
        for name in ("t0", f"t{layers}")
    ]
    graph = helper.make_graph(nodes, "chain", values[:1], values[1:], [numpy_helper.from_array(weight, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def trial(reference: Path, candidate: Path, seconds: float, seed: int) -> dict[str, Any]:
    """One comparison; its verdict and ratio."""
    feeds = {"t0": np.random.default_rng(seed).normal(size=(1, CHANNELS, SIDE, SIDE)).astype(np.float32)}
    who = [Contestant("reference", reference), Contestant("candidate", candidate)]
    found = sample(who, feeds, seconds=seconds, seed=seed)
    first, second = (samples.runs for samples in found.samples)
    compared = compare(first, second, found.control.runs, seed=seed)
    return {**compared.speedup.to_json(), "verdict": compared.verdict}


def page(results: dict[str, Any]) -> str:
    """The results as markdown."""
    machine, seconds = results["environment"], results["seconds"]
    lines = [
        "# How often a verdict is wrong",
        "",
        f"Measured by `python -m benchmarks.verdicts` on {machine['cpu']}, {machine['usable_cores']} cores,"
        f" ONNX Runtime {machine['versions']['onnxruntime']}, {seconds:g} s a trial; load average before:"
        f" {machine['load_average'][0]:.1f}. Single trials: [results.json](results.json).",
        "",
        "| the candidate is | trials | faster | no difference | slower | median ratio | widest interval |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for truth, trials in results["trials"].items():
        counts = Counter(each["verdict"] for each in trials)
        ratio = median(each["value"] for each in trials)
        widest = max(each["high"] / each["low"] - 1 for each in trials)
        cells = " | ".join(str(counts[verdict]) for verdict in ("faster", "no difference", "slower"))
        lines.append(f"| {truth} | {len(trials)} | {cells} | {ratio:.3f}x | {widest:.1%} |")
    lines += ["", f"A difference below {MARGIN:.0%} is never called one.", ""]
    return "\n".join(lines)


def main() -> None:
    """Run the trials in random order of truths and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=100, help="of each truth")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each trial")
    options = parser.parse_args()
    machine = environment()
    trials: dict[str, list[dict[str, Any]]] = {truth: [] for truth in TRUTHS}
    with tempfile.TemporaryDirectory() as folder:
        reference = chain(Path(folder, "reference.onnx"), LAYERS)
        candidates = {truth: Path(folder, f"{layers}.onnx") for truth, layers in TRUTHS.items()}
        for truth, layers in TRUTHS.items():
            if layers == LAYERS:
                shutil.copy(reference, candidates[truth])
            else:
                chain(candidates[truth], layers)
        for seed in range(options.trials):
            for truth, candidate in candidates.items():
                trials[truth].append(trial(reference, candidate, options.seconds, seed))
    results = {"environment": machine.to_json(), "seconds": options.seconds, "trials": trials}
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (HERE / "RESULTS.md").write_text(page(results))
    print(page(results))


if __name__ == "__main__":
    main()
