"""Check that all forms compute the same, measure them against keeping the BN, and write docs/few-channels.md.

python -m benchmarks.few_channels             # measure, then write results.json and the page
python -m benchmarks.few_channels --page      # the page alone, from results.json
python -m benchmarks.few_channels --again     # measure again the rows of results.json that other programs disturbed
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import onnxruntime

from benchmarks.few_channels.forms import FORMS, Form, Size, Step
from benchmarks.few_channels.page import noisy, write_page
from bnfold.latency.bench import bench

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs/few-channels.md"
SHAPES = ((16, 32, 3), (16, 56, 1), (64, 8, 3), (64, 28, 3), (64, 56, 1), (256, 14, 3), (256, 28, 1))
REFUSED = (1, 4)
THREADS = (1, 2)
CLOSE = 1e-4


def _difference(form: Form, truth: np.ndarray, x: np.ndarray) -> float:
    """Largest difference from the truth in original units, relative to its largest value."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(form.model.SerializeToString(), options)
    y = session.run(None, {"input": x})[0][:, : len(form.gain)].astype(np.float64)
    y = (y - form.offset[:, None, None]) / form.gain[:, None, None]
    return float(np.abs(y - truth).max() / np.abs(truth).max())


def _reference(step: Step, x: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(FORMS["keep"](step).model.SerializeToString(), options)
    return session.run(None, {"input": x})[0].astype(np.float64)


def measure(size: Size, threads: int, seconds: float) -> dict[str, Any]:
    """All forms of one step, interleaved, against the first."""
    step = Step.random(size)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1, size.channels, size.extent, size.extent)).astype(np.float32)
    truth = _reference(step, x)
    with TemporaryDirectory() as folder:
        paths, differences = [], {}
        for index, (name, build) in enumerate(FORMS.items()):
            form = build(step)
            differences[name] = _difference(form, truth, x)
            assert differences[name] < CLOSE, f"{name} computes something else"
            paths.append(Path(folder, f"{index}.onnx"))
            onnx.save(form.model, paths[-1])
        result = bench(paths, [{"input": x}], levels=["all"], threads=[threads], seconds=seconds, names=list(FORMS))
    reference = result.contestants[0]
    return {
        "channels": size.channels,
        "extent": size.extent,
        "kernel": size.kernel,
        "refused": size.refused,
        "threads": threads,
        "keep_seconds": reference.run.p50,
        "control": result.comparisons[0].run.control.value,
        "forms": {c.candidate: c.run.to_json() | {"difference": differences[c.candidate]} for c in result.comparisons},
        "warnings": list(result.warnings),
        "environment": result.environment.to_json(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", action="store_true", help="write the page from the kept results")
    parser.add_argument("--seconds", type=float, default=6.0, help="measuring time of each row")
    parser.add_argument("--again", action="store_true", help="measure the noisy rows of the kept results again")
    arguments = parser.parse_args()
    kept = HERE / "results.json"
    old = json.loads(kept.read_text()) if arguments.page or arguments.again else []
    if not arguments.page:
        rows = []
        for threads, (channels, extent, kernel), refused in itertools.product(THREADS, SHAPES, REFUSED):
            place = len(rows)
            if arguments.again and not noisy(old[place]):
                rows.append(old[place])
                continue
            rows.append(measure(Size(channels, extent, kernel, refused), threads, arguments.seconds))
            speeds = {name: round(form["speedup"]["value"], 2) for name, form in rows[-1]["forms"].items()}
            print(threads, channels, extent, kernel, refused, round(rows[-1]["control"], 2), speeds, flush=True)
        kept.write_text(json.dumps(rows, indent=1) + "\n")
    PAGE.write_text(write_page(json.loads(kept.read_text())))


if __name__ == "__main__":
    main()
