"""Fold one exported network and print what came out as one line of JSON: `python -m benchmarks.zoo.measure NAME`."""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx_ir as ir

from benchmarks.zoo.agreement import in_float64, on_onnxruntime
from benchmarks.zoo.export import exported
from bnfold.gauge.solve import solve
from bnfold.graph.apply import apply_plan
from bnfold.graph.facts import read_facts
from bnfold.graph.prepare import prepare
from bnfold.graph.tensors import unrounded
from bnfold.plan import Decision
from bnfold.sources.onnx import load

FIRST = 3
"""So many of the operators that stay are recorded with their sentence, per reason."""


def measure(name: str, folder: Path, seconds: int) -> dict[str, Any]:
    """Everything the table and the record of one network need."""
    path, notes = exported(name, folder)
    prepared = _prepared(path)
    started = time.process_time()
    facts = read_facts(prepared)
    read_s, started = time.process_time() - started, time.process_time()
    plan = solve(facts.network)
    solve_s = time.process_time() - started
    feeds = {"input": np.random.default_rng(0).standard_normal(notes["input"]).astype(np.float32)}
    folded = _prepared(path)
    apply_plan(folded, read_facts(folded), plan)
    exact = unrounded(folded)
    with TemporaryDirectory() as scratch:
        file = Path(scratch, "folded.onnx")
        ir.save(folded, file)
        runtime = _attempt(lambda: on_onnxruntime(path, file, feeds))
    before, after = facts.affine_counts(), read_facts(folded).affine_counts()
    return {
        "model": name,
        "status": "done",
        **notes,
        "nodes": len(facts.network.nodes),
        "affine": [before[0], after[0]],
        "scalar": [before[1], after[1]],
        "kept": _kept([decision for decision in plan.decisions if not decision.scalar]),
        "kept_scalars": _kept([decision for decision in plan.decisions if decision.scalar]),
        "float64": in_float64(load(path), exact, feeds, seconds),
        "onnxruntime": runtime,
        "read_s": round(read_s, 2),
        "solve_s": round(solve_s, 2),
    }


def _prepared(path: Path) -> ir.Model:
    model = load(path)
    prepare(model)
    return model


def _kept(decisions: Sequence[Decision]) -> dict[str, Any]:
    """Per reason: how many operators stay, and the first ones by name."""
    stay = [(decision, decision.reason) for decision in decisions if decision.reason is not None]
    counts = Counter(reason.code.value for _, reason in stay)
    return {
        code: {
            "count": count,
            "first": [
                f"{decision.op} {decision.node}: {reason.sentence}"
                for decision, reason in stay
                if reason.code.value == code
            ][:FIRST],
        }
        for code, count in counts.items()
    }


def _attempt(run: Any) -> dict[str, Any]:
    try:
        result: dict[str, Any] = run()
    except Exception as error:  # a runtime that refuses a file is a finding to record, not the end of the lane
        return {"failed": " ".join(str(error).split())[:300]}
    return result


def main() -> None:
    """Measure the network named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--folder", type=Path, required=True, help="where exported files are kept")
    parser.add_argument("--float64-seconds", type=int, default=60)
    options = parser.parse_args()
    print(json.dumps(measure(options.name, options.folder, options.float64_seconds)))


if __name__ == "__main__":
    main()
