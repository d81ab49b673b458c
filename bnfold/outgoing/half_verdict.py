"""What float16 costs: the range of every tensor and the error of every output, against the original in float16.

Both models are converted alike and run on ONNX Runtime; each is compared with the original in float64. The folded one
may be FACTOR times as far from it as the original in float16 is, and some units in the last place of float16.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx_ir as ir

from bnfold import save
from bnfold.isolation import call
from bnfold.outgoing.half import LARGEST, Stays, to_half
from bnfold.sources.onnx import load
from bnfold.verification.batches import Batch
from bnfold.verification.evaluator import Float64Error
from bnfold.verification.precision import Array
from bnfold.verification.reference import Reference
from bnfold.verification.rounding import FACTOR, FLOOR_ULP
from bnfold.verification.runtime import run_file
from bnfold.verification.sensitivity import relative_error

EPSILON = float(np.finfo(np.float16).eps)
JUDGED = 3
"""Batches whose error is judged; the range is that of all."""


@dataclass(frozen=True)
class HalfOutput:
    """One output of the model in float16.

    Attributes:
        name: of the output.
        largest: its largest absolute value over all batches.
        error: max|difference| / max|reference| to the float64 truth, of the worst batch.
        original: the same of the original in float16.
        allowed: what the error may be.
    """

    name: str
    largest: float
    error: float
    original: float
    allowed: float

    @property
    def holds(self) -> bool:
        """Whether the error is a number and within what is allowed."""
        return self.error <= self.allowed

    def to_json(self) -> dict[str, Any]:
        """Plain data; numbers that are infinite or none are null."""
        numbers = {name: getattr(self, name) for name in ("largest", "error", "original", "allowed")}
        return {"name": self.name, **{key: value if isfinite(value) else None for key, value in numbers.items()}}


@dataclass(frozen=True)
class HalfReport:
    """The verdict on a conversion to float16.

    Attributes:
        outputs: one per output of floats.
        largest: name and largest absolute value of the activation with the widest range.
        stays: the nodes left in float32.
        nodes: how many nodes the model has.
    """

    outputs: tuple[HalfOutput, ...]
    largest: tuple[str, float]
    stays: tuple[Stays, ...]
    nodes: int

    @property
    def holds(self) -> bool:
        """Whether every output is as good as it can be in float16."""
        return all(output.holds for output in self.outputs)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "holds": self.holds,
            "outputs": [output.to_json() for output in self.outputs],
            "largest": {"tensor": self.largest[0], "value": self.largest[1], "limit": LARGEST},
            "float32": [{"node": stays.node, "reason": stays.reason} for stays in self.stays],
            "nodes": self.nodes,
        }


def convert_to_half(
    original: Path, folded: ir.Model, batches: Sequence[Batch], output: Path, *, external: bool = False
) -> HalfReport:
    """Write the folded model in float16 and judge it.

    Args:
        original: the unfolded model.
        folded: the folded model, with its exact constants.
        batches: inputs, at least one.
        output: the file to write.
        external: put the weights into a file of their own.

    Raises:
        SourceError: ONNX Runtime cannot run one of the models.
    """
    before = load(original)
    with TemporaryDirectory(prefix="bnfold-") as folder:
        reference = Path(folder, "original.onnx")
        save.write(to_half(before, _largest(before, batches))[0], reference)
        seen = _largest(folded, batches)
        converted, stays = to_half(folded, seen)
        save.write(converted, output, external=external)
        judged = batches[:JUDGED]
        feeds = [batch.feeds for batch in judged]
        truths = _truths(before, original, feeds)
        outputs = _judge(truths, run_file(reference, feeds), run_file(output, feeds), seen)
    widest = max(seen.items(), key=lambda item: item[1], default=("", 0.0))
    return HalfReport(outputs, widest, stays, len(converted.graph))


def _truths(model: ir.Model, path: Path, feeds: Sequence[dict[str, Array]]) -> list[dict[str, Array]]:
    """Outputs in float64; in float32, which float16 cannot tell from it, where an operator has no float64."""
    try:
        interpreter = Reference(model)
        return [interpreter.run(feed) for feed in feeds]
    except Float64Error:
        return run_file(path, feeds)


def _judge(
    truths: Sequence[Mapping[str, Array]],
    originals: Sequence[Mapping[str, Array]],
    founds: Sequence[Mapping[str, Array]],
    seen: Mapping[str, float],
) -> tuple[HalfOutput, ...]:
    outputs = []
    for name, first in truths[0].items():
        if first.dtype.kind != "f":
            continue
        error, own = (
            max(relative_error(truth[name], run[name]) for truth, run in zip(truths, runs, strict=True))
            for runs in (founds, originals)
        )
        outputs.append(HalfOutput(name, seen.get(name, 0.0), error, own, FACTOR * own + FLOOR_ULP * EPSILON))
    return tuple(outputs)


def _largest(model: ir.Model, batches: Sequence[Batch]) -> dict[str, float]:
    """The largest absolute value of every tensor that the model computes, on ONNX Runtime in its own type."""
    shown = model.clone()
    for name, value in model.graph.initializers.items():
        shown.graph.initializers[name].meta.update(value.meta)
    outputs = set(shown.graph.outputs)
    for node in shown.graph:
        shown.graph.outputs.extend(value for value in node.outputs if value.name and value not in outputs)
    with TemporaryDirectory(prefix="bnfold-") as folder:
        path = Path(folder, "shown.onnx")
        save.write(shown, path)
        feeds = [batch.feeds for batch in batches]
        found: dict[str, float] = call(f"{__name__}:largest_in_session", path=str(path), feeds=feeds)
    return found


def largest_in_session(path: str, feeds: list[dict[str, Array]]) -> dict[str, float]:
    """What `_largest` does in its child process."""
    from bnfold.verification.runtime import session_outputs

    found: dict[str, float] = {}
    for feed in feeds:
        for name, array in session_outputs(path, [feed])[0].items():
            if isinstance(array, np.ndarray) and array.dtype.kind == "f" and array.size:
                found[name] = max(found.get(name, 0.0), float(np.abs(array).max()))
    return found
