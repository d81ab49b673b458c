"""What a model can be written as, by the ending of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bnfold import sources
from bnfold.errors import UsageError

PYTORCH = (".pt2", ".safetensors")
"""Outputs that hold a folded PyTorch model."""


def check_suffix(target: Path, source: Any) -> None:
    """Raise `UsageError` if no model can be written to a file that ends so; says what this one can be written as."""
    if target.suffix.lower() in (".onnx", *PYTORCH):
        return
    if isinstance(source, str | Path):
        of_pytorch = Path(source).suffix.lower() in sources.CHECKPOINTS
    else:
        of_pytorch = not sources.is_onnx(source)
    more = f", {' or '.join(PYTORCH)}" if of_pytorch else ""
    raise UsageError(f"The output {target} must end in .onnx{more}.")
