"""The tools, each in a process of its own, with the time and memory that it takes, start-up included."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.conformance.tools import TOOLS
from benchmarks.tool.measure import Run, run

ROOT = Path(__file__).parents[2]
APPLY = (
    "import sys; from pathlib import Path; from benchmarks.conformance.tools import TOOLS;"
    " TOOLS[sys.argv[1]][0](Path(sys.argv[2]), Path(sys.argv[3]))"
)
NAMES = (*TOOLS, "torch.fx fuse")
FX = "torch.fx fuse"


@dataclass(frozen=True)
class Outcome:
    """What a tool did with a file: what it took, or why there is no result."""

    run: Run | None
    error: str = ""


def versions() -> dict[str, str]:
    """Of every other tool, and of what runs the models."""
    return {name: version(name) for name in (*TOOLS, "torch", "openvino") if name != "bnfold"}


def apply(tool: str, source: Path, target: Path) -> Outcome:
    """Let a tool write `target`; bnfold without its proof, as the others have none."""
    source.with_suffix(".objective").write_text("latency")
    target.unlink(missing_ok=True)
    try:
        took = run([sys.executable, "-c", APPLY, tool, str(source), str(target)])
    except RuntimeError as error:
        return Outcome(None, str(error).strip().splitlines()[-1][:200])
    return Outcome(took) if target.exists() else Outcome(None, "no file and no error")


def fuse(module: object, shape: tuple[int, ...], target: Path) -> Outcome:
    """torch.fx's own fusion of a module, written like the original."""
    import torch
    from torch.fx.experimental.optimization import fuse as fused

    from bnfold.sources.module import write_module

    assert isinstance(module, torch.nn.Module)
    try:
        write_module(fused(module.eval()), target, {"input": shape})
    except Exception as error:
        return Outcome(None, f"{type(error).__name__}: {error}".splitlines()[0][:200])
    return Outcome(None)
