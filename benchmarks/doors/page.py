"""The results as a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

INTRODUCTION = """# PyTorch models through the doors

Made by `python -m benchmarks.doors` with torch {torch}, torchvision {torchvision} and timm {timm}, through the real
command with `--no-bench`: random weights and running statistics, those that a package ships excepted, on small images.
*module* is the largest difference in float64 between the PyTorch model and the ONNX model made of it, *algebra* that
between this and the folded one with unrounded weights.

| model | form | BN etc. | left | proof | module | algebra | CPU s |
|---|---|--:|--:|---|--:|--:|--:|
"""
EXPORTS = """
## The export beside torch.onnx's

Both from the same module; the largest relative difference of the outputs in float64, and CPU time.

| model | input | difference | bnfold, CPU s | torch.onnx, CPU s | ratio |
|---|---|--:|--:|--:|--:|
"""


def page(results: Mapping[str, Any]) -> str:
    """Markdown: one row a fold, one an export."""
    folds = "".join(f"| {_row(name, fold)} |\n" for name, fold in results["folds"].items())
    exports = "".join(f"| {_export(name, found)} |\n" for name, found in results["exports"].items())
    return INTRODUCTION.format(**results["versions"]) + folds + EXPORTS + exports


def _row(name: str, fold: Mapping[str, Any]) -> str:
    model, _, form = name.partition(", ")
    if "failed" in fold:
        return f"{model} | {form} | | | {fold['failed']} | | | {fold['cpu_s']}"
    numbers = [f"{fold[key]:.1e}" if fold[key] is not None else "" for key in ("module", "algebra")]
    return " | ".join(map(str, (model, form, fold["before"], fold["left"], fold["verdict"], *numbers, fold["cpu_s"])))


def _export(name: str, found: Mapping[str, Any]) -> str:
    shape = "x".join(map(str, found["input"]))
    seconds = (f"{found['bnfold_cpu_s']}", f"{found['torch_onnx_cpu_s']}", f"{found['ratio']}")
    return " | ".join((name, shape, f"{found['difference']:.1e}", *seconds))
