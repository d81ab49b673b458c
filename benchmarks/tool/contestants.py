"""Programs that read a model and write another, each a process of its own, start-up included."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

LOAD_AND_SAVE = "import onnx, sys; onnx.save(onnx.load(sys.argv[1]), sys.argv[2])"
ONNXSLIM = "import onnxslim, sys; onnxslim.slim(sys.argv[1], sys.argv[2])"
ONNXSIM = "import onnx, onnxsim, sys; onnx.save(onnxsim.simplify(sys.argv[1])[0], sys.argv[2])"


def commands(model: Path, output: Path, zoo: Path | None) -> dict[str, list[str]]:
    """Command lines by name; onnxslim needs the zoo lane's interpreter."""
    files = [str(model), str(output)]
    fold = [sys.executable, str(ROOT / "cli.py"), "fold", files[0], "-o", files[1], "--force", "--no-bench"]
    found = {
        "load and save": [sys.executable, "-c", LOAD_AND_SAVE, *files],
        "bnfold, no proof": [*fold, "--no-verify"],
        "bnfold": fold,
        "onnxsim": [sys.executable, "-c", ONNXSIM, *files],
    }
    if zoo is not None:
        found["onnxslim"] = [str(zoo), "-c", ONNXSLIM, *files]
    return found


def verifying(reference: Path, candidate: Path) -> list[str]:
    """The command line that judges a file."""
    return [sys.executable, str(ROOT / "cli.py"), "verify", str(reference), str(candidate)]
