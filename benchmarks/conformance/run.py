"""Apply every tool to every case and write what came of it.

    python -m benchmarks.conformance.run [--rivals PYTHON] [--folder FOLDER] [--only TOOL ...]

bnfold runs in this interpreter, the others in PYTHON, where
`pip install onnx onnxruntime onnxsim onnxslim onnxoptimizer onnxscript` was done.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx

from benchmarks.conformance.apart import SECONDS, apart
from benchmarks.conformance.case import Case
from benchmarks.conformance.cases import CASES
from benchmarks.conformance.judge import Judgement, judge, runs_on_runtime
from benchmarks.conformance.page import write_page
from benchmarks.conformance.tools import TOOLS

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"


def run_tool(tool: str, python: str, models: Path, outputs: Path, on_runtime: dict[str, bool]) -> dict[str, Any]:
    """Apply a tool in its interpreter, judge in this one: version, and a judgement per case."""
    command = [python, str(HERE / "tools.py"), tool, str(models), str(outputs), str(SECONDS)]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent.parent)} if tool == "bnfold" else dict(os.environ)
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    made = json.loads((outputs / "outcomes.json").read_text())
    results = {}
    for case in CASES:
        outcome = made["outcomes"][case.name]
        if outcome == "ok":
            files = (folder / f"{case.name}.onnx" for folder in (models, outputs))
            judged = apart(_judged, case, *files, on_runtime[case.name])
            judged = judged or Judgement("wrong", note="ends the process that runs it, or hangs")
        else:
            kind, _, text = outcome.partition(": ")
            judged = Judgement("refused" if kind == "refused" else "wrong", note=outcome if kind == "crash" else text)
        results[case.name] = judged.to_json()
    return {"version": made["version"], "onnx": made["onnx"], "how": TOOLS[tool][1], "cases": results}


def _judged(case: Case, original: Path, candidate: Path, on_runtime: bool) -> Judgement:
    try:
        return judge(case, original, candidate, on_runtime=on_runtime)
    except Exception as error:
        return Judgement("wrong", note=f"cannot be read: {type(error).__name__}: {error}"[:200])


def main() -> None:
    """Run, keep results.json, and write the page."""
    parser = argparse.ArgumentParser(description="Run the conformance matrix.")
    parser.add_argument("--rivals", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--folder", type=Path, help="where models are kept (default: a temporary folder)")
    parser.add_argument("--only", nargs="*", default=list(TOOLS), choices=list(TOOLS), metavar="TOOL")
    options = parser.parse_args()
    old = json.loads(RESULTS.read_text())["tools"] if RESULTS.exists() else {}
    with TemporaryDirectory(prefix="conformance-") as temporary:
        folder = options.folder or Path(temporary)
        models = folder / "models"
        models.mkdir(parents=True, exist_ok=True)
        for case in CASES:
            onnx.save(case.model(), models / f"{case.name}.onnx")
            (models / f"{case.name}.objective").write_text(case.objective)
        on_runtime = {case.name: bool(apart(runs_on_runtime, models / f"{case.name}.onnx")) for case in CASES}
        for tool in options.only:
            python = sys.executable if tool == "bnfold" else options.rivals
            old[tool] = run_tool(tool, python, models, folder / tool, on_runtime)
    results = {
        "not_on_onnxruntime": [name for name, runs in on_runtime.items() if not runs],
        "judged_with": {name: version(name) for name in ("onnx", "onnxruntime", "numpy")},
        "cases": {
            case.name: {
                "group": case.group,
                "description": case.description,
                "least": case.least,
                "why": case.why,
                "objective": case.objective,
            }
            for case in CASES
        },
        "tools": {tool: old[tool] for tool in TOOLS if tool in old},
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    write_page(results, HERE.parent.parent / "docs" / "conformance.md")


if __name__ == "__main__":
    main()
