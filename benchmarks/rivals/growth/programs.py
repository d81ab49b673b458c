"""Each tool as a program that reads a file and writes another, by the way its documentation gives for large models.

Beyond 2 GB a model keeps its weights in a file of their own, so every program writes such a file there.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
LIMIT = 2 * 2**30
"""Bytes of the largest protobuf message."""

BASE = "load and save"
FX = "torch.fx fuse"
OPENVINO = "openvino convert"

SCRIPTS = {
    BASE: "import onnx; onnx.save(onnx.load(source), target, save_as_external_data=large)",
    "onnxsim": "import onnxsim; onnxsim.simplify(source, output_path=target)",
    "onnxslim": "import onnxslim; onnxslim.slim(source, target)",
    "onnxoptimizer": (
        "import onnx, onnxoptimizer; passes = onnxoptimizer.get_fuse_and_elimination_passes();"
        " model = onnxoptimizer.optimize(onnx.load(source), passes, fixed_point=True);"
        " onnx.save(model, target, save_as_external_data=large)"
    ),
    "onnxscript": (
        "import onnx_ir; from onnxscript import optimizer, rewriter; model = onnx_ir.load(source);"
        " optimizer.optimize(model); model = rewriter.rewrite(model);"
        " onnx_ir.save(model, target, external_data=target.rpartition('/')[2] + '.data' if large else None)"
    ),
    "onnxruntime": (
        "import onnxruntime as ort; options = ort.SessionOptions(); options.intra_op_num_threads = 1;"
        " options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC;"
        " options.optimized_model_filepath = target; data = target.rpartition('/')[2] + '.data';"
        " large and options.add_session_config_entry("
        "'session.optimized_model_external_initializers_file_name', data);"
        " ort.InferenceSession(source, options, providers=['CPUExecutionProvider'])"
    ),
    OPENVINO: ("import openvino; openvino.save_model(openvino.convert_model(source), target, compress_to_fp16=False)"),
    FX: (
        "import torch; from torch.fx.experimental.optimization import fuse;"
        " torch.save(fuse(torch.load(source, weights_only=False, mmap=True)), target)"
    ),
}
"""What each does with `source` and `target`; `large` tells whether the model is beyond the limit."""

NAMES = ("bnfold", *SCRIPTS)
ENDINGS = {OPENVINO: ".xml", FX: ".pt"}
START = "import sys; source, target, large = sys.argv[1], sys.argv[2], sys.argv[3] == 'large'; "


def output(name: str, folder: Path) -> Path:
    """Where a program writes."""
    return folder / f"written{ENDINGS.get(name, '.onnx')}"


def command(name: str, source: Path, target: Path, size: int) -> list[str]:
    """The command line of a program; bnfold without its proof, as the others have none."""
    if name == "bnfold":
        files = [str(source), "-o", str(target)]
        return [sys.executable, str(ROOT / "cli.py"), "fold", *files, "--force", "--no-bench", "--no-verify"]
    return [sys.executable, "-c", START + SCRIPTS[name], str(source), str(target), "large" if size > LIMIT else "small"]
