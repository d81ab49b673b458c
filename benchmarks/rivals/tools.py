"""The tools, each in a process of its own, with the time and memory that it takes, start-up included."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.conformance.tools import TOOLS
from benchmarks.tool.measure import FailedRunError, Limits, Run, run

APPLY = (
    "import sys; from pathlib import Path; from benchmarks.conformance.tools import TOOLS;"
    " TOOLS[sys.argv[1]][0](Path(sys.argv[2]), Path(sys.argv[3]))"
)
NAMES = (*TOOLS, "torch.fx fuse")
FX = "torch.fx fuse"


RAISED = re.compile(r"[A-Za-z_][\w.]*: \S")
"""How the line of a traceback that names the exception starts."""


@dataclass(frozen=True)
class Outcome:
    """What a tool did with a file: what it took, or why there is no result.

    Attributes:
        run: None if there is no result, or if it was made in this process.
        error: why there is no result; empty if there is one.
        kind: of that error, as in FailedRunError; `refused` also where there is neither a file nor an error.
    """

    run: Run | None
    error: str = ""
    kind: str = ""


def versions() -> dict[str, str]:
    """Of every other tool, and of what runs the models."""
    return {name: version(name) for name in (*TOOLS, "torch", "openvino") if name != "bnfold"}


def apply(tool: str, source: Path, target: Path, limits: Limits | None = None) -> Outcome:
    """Let a tool write `target`; bnfold without its proof, as the others have none."""
    source.with_suffix(".objective").write_text("latency")
    return written([sys.executable, "-c", APPLY, tool, str(source), str(target)], target, limits)


def written(command: list[str], target: Path, limits: Limits | None = None) -> Outcome:
    """Run what is to write `target`."""
    target.unlink(missing_ok=True)
    try:
        took = run(command, limits)
    except FailedRunError as error:
        return Outcome(None, named(str(error)), error.kind)
    return Outcome(took) if target.exists() else Outcome(None, "no file and no error", "refused")


def named(complaint: str) -> str:
    """The line of what a process wrote to standard error that names the exception; its last one if none does."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()] or ["no message"]
    return next((line for line in reversed(lines) if RAISED.match(line)), lines[-1])[:200]


def fuse(module: object, shape: tuple[int, ...], target: Path) -> Outcome:
    """torch.fx's own fusion of a module, written like the original."""
    import torch
    from torch.fx.experimental.optimization import fuse as fused

    from bnfold.sources.module import write_module

    assert isinstance(module, torch.nn.Module)
    try:
        write_module(fused(module.eval()), target, {"input": shape})
    except Exception as error:
        return Outcome(None, f"{type(error).__name__}: {error}".splitlines()[0][:200], "refused")
    return Outcome(None)
