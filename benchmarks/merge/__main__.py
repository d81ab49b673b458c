"""Count operators and measure latency: `python -m benchmarks.merge [NAME ...]` writes results.json and RESULTS.md.

It needs timm. Without names it measures the networks that were made to be merged, in about seven minutes; `all` is
every network. `--seconds 0` counts only and keeps earlier latencies; what is measured again replaces its record.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from benchmarks.merge.models import MEASURED, MODELS, Files, families, files
from benchmarks.merge.page import page
from bnfold.latency.bench import bench
from bnfold.latency.environment import environment
from bnfold.latency.ort_folds import left_by_onnxruntime

HERE = Path(__file__).parent
RESULTS, PAGE = HERE / "results.json", HERE / "RESULTS.md"
LAYERS = ("Conv", "Gemm", "MatMul")


def counted(path: Path) -> dict[str, Any]:
    """How many layers a file has, how many nodes in all, and of what type those are that ONNX Runtime makes of it."""
    model = ir.load(path)
    ops = _operators(model)
    run = left_by_onnxruntime(path, _operators, "all")
    return {"layers": sum(ops[op] for op in LAYERS), "nodes": sum(ops.values()), "run": run}


def _operators(model: ir.Model) -> Counter[str]:
    return Counter(node.op_type for node in model.graph)


def latency(found: Files, threads: int, seconds: float) -> dict[str, Any]:
    """Paired ratios original / candidate at ONNX Runtime's full optimization level."""
    feeds = {"input": np.random.default_rng(0).standard_normal(found.shape).astype(np.float32)}
    names = ("original", "bnfold", "timm")
    paths = [found.original, found.folded, found.timm]
    result = bench(paths, [feeds], levels=("all",), threads=[threads], seconds=seconds, names=names)
    return {
        "original_ms": result.contestants[0].run.p50 * 1e3,
        **{item.candidate: item.run.to_json() for item in result.comparisons},
        "warnings": list(result.warnings),
    }


def measured(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """The record of one network."""
    found = files(name, options.folder, options.size)
    record: dict[str, Any] = {
        "model": name,
        "input": list(found.shape),
        "original": counted(found.original),
        "bnfold": counted(found.folded),
        "timm": counted(found.timm),
    }
    if options.seconds:
        record["latency"] = {str(n): latency(found, n, options.seconds) for n in options.threads}
    return record


def main() -> None:
    """Measure the networks named on the command line, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.merge", description=__doc__)
    parser.add_argument("names", nargs="*", default=list(MEASURED))
    parser.add_argument("--folder", type=Path, default=Path("build/merge"), help="where exported files are kept")
    parser.add_argument("--seconds", type=float, default=60.0, help="per network and number of threads; 0 counts only")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--size", type=int, help="extent of the input; 0 is the smallest that works")
    options = parser.parse_args()
    data = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"models": []}
    for name in MODELS if options.names == ["all"] else options.names:
        earlier = {record["model"]: record for record in data["models"]}.get(name, {})
        record = {**earlier, **measured(name, options)}
        print(json.dumps(record), flush=True)
        data["models"] = [other for other in data["models"] if other["model"] != name] + [record]
        data["models"].sort(key=lambda each: MODELS.index(each["model"]) if each["model"] in MODELS else len(MODELS))
        data["families"] = families()
        data["environment"] = environment().to_json()
        RESULTS.write_text(json.dumps(data, indent=1) + "\n")
        PAGE.write_text(page(data))


if __name__ == "__main__":
    main()
