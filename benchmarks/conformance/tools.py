"""Apply one tool to a folder of models, each in a child process of its own. Runs where the tool is installed.

    python tools.py TOOL MODELS OUTPUTS SECONDS

Needs `onnx` and the tool, nothing of bnfold unless that is the tool. The tool is imported once and then forked, so that
a crash or a hang costs one model. For every MODELS/*.onnx it writes OUTPUTS/*.onnx, or says why not in
OUTPUTS/outcomes.json. MODELS/*.objective says what bnfold is asked for; the others have no such choice.
"""

import contextlib
import json
import multiprocessing
import re
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import onnx

Apply = Callable[[Path, Path], None]


def _bnfold(source: Path, target: Path) -> None:
    objective = source.with_suffix(".objective").read_text()
    import_module("bnfold").fold(source, output=target, objective=objective, verify=False)


def _onnxsim(source: Path, target: Path) -> None:
    simplified, _ = import_module("onnxsim").simplify(onnx.load(source))
    onnx.save(simplified, target)


def _onnxslim(source: Path, target: Path) -> None:
    onnx.save(import_module("onnxslim").slim(onnx.load(source)), target)


def _onnxoptimizer(source: Path, target: Path) -> None:
    optimizer = import_module("onnxoptimizer")
    passes = optimizer.get_fuse_and_elimination_passes()
    onnx.save(optimizer.optimize(onnx.load(source), passes, fixed_point=True), target)


def _onnxscript(source: Path, target: Path) -> None:
    model = import_module("onnxscript.optimizer").optimize(onnx.load(source))
    onnx.save(import_module("onnxscript.rewriter").rewrite(model), target)


def _onnxruntime(source: Path, target: Path) -> None:
    runtime = import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    runtime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


TOOLS: dict[str, tuple[Apply, str]] = {
    "bnfold": (_bnfold, "fold, its own verification switched off"),
    "onnxsim": (_onnxsim, "simplify"),
    "onnxslim": (_onnxslim, "slim"),
    "onnxoptimizer": (_onnxoptimizer, "all fuse and elimination passes, to a fixed point"),
    "onnxscript": (_onnxscript, "optimizer.optimize, then rewriter.rewrite with its default rules"),
    "onnxruntime": (_onnxruntime, "offline optimization at level BASIC, CPU"),
}

MODULES = {
    "bnfold": ("bnfold.pipeline", "onnx.reference"),
    "onnxscript": ("onnxscript.optimizer", "onnxscript.rewriter"),
}
"""What is imported before the forks, where that is not the tool's own name alone."""


def _child(apply: Apply, source: Path, target: Path, note: Path) -> None:
    try:
        with contextlib.redirect_stdout(sys.stderr):
            apply(source, target)
    except BaseException as error:
        text = " ".join(str(error).split()).replace(f"{source.parent}/", "")
        note.write_text(re.sub(r" at 0x[0-9a-f]+", "", f"{type(error).__name__}: {text}")[:300])


def outcome(apply: Apply, source: Path, target: Path, seconds: float) -> str:
    """`ok`, `refused: ...` for an error that was raised, `crash: ...` for one that was not."""
    note = target.with_suffix(".txt")
    note.unlink(missing_ok=True)
    target.unlink(missing_ok=True)
    child = multiprocessing.get_context("fork").Process(target=_child, args=(apply, source, target, note))
    child.start()
    child.join(seconds)
    if child.is_alive():
        child.kill()
        child.join()
        return f"crash: no end after {seconds:g} s"
    if child.exitcode:
        return f"crash: exit code {child.exitcode}"
    if note.exists():
        target.unlink(missing_ok=True)
        return f"refused: {note.read_text()}"
    return "ok" if target.exists() else "crash: no file and no error"


def main(tool: str, models: Path, outputs: Path, seconds: float) -> None:
    """Apply `tool` to every model of a folder."""
    apply, _ = TOOLS[tool]
    for module in MODULES.get(tool, (tool,)):
        import_module(module)
    outputs.mkdir(parents=True, exist_ok=True)
    outcomes = {
        source.stem: outcome(apply, source, outputs / source.name, seconds) for source in sorted(models.glob("*.onnx"))
    }
    result = {"version": version(tool), "onnx": version("onnx"), "outcomes": outcomes}
    (outputs / "outcomes.json").write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4]))
