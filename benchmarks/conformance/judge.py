"""What a tool made of a case: affine operators left, and whether it is still the same model."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx.reference import ReferenceEvaluator

from benchmarks.conformance.case import Case
from benchmarks.conformance.inputs import Feeds, feeds_of
from bnfold.graph.facts import read_facts
from bnfold.graph.prepare import prepare
from bnfold.sources.onnx import load
from bnfold.verification.operators import BatchNormalization, TrainingModeError
from bnfold.verification.reference import Reference
from bnfold.verification.runtime import RuntimeRefusedError, session_outputs

SEEDS = (0, 1)
LIMITS = {"float16": 2e-2, "bfloat16": 5e-2, "float32": 1e-4, "float64": 1e-4}


@dataclass(frozen=True)
class Judgement:
    """One tool on one case.

    Attributes:
        status: `least`, `more`, `wrong` or `refused`; `fewer` would mean that the case is.
        left: affine operators left; None if there is no valid model.
        note: what is wrong, or why it was refused.
        error: largest relative difference of an output from the float64 truth.
    """

    status: str
    left: int | None = None
    note: str = ""
    error: float | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data without empty fields."""
        return {key: value for key, value in asdict(self).items() if value not in (None, "")}


def affine_left(path: Path) -> int:
    """The neutral count: after constant evaluation, on the main graph, whatever tool wrote the model."""
    return sum(affine_counts(path))


def affine_counts(path: Path) -> tuple[int, int]:
    """The same, apart: operators with a value per channel, and those with a single one for the whole tensor."""
    model = load(path)
    prepare(model)
    return read_facts(model).affine_counts()


def judge(case: Case, original: Path, candidate: Path, *, on_runtime: bool) -> Judgement:
    """Compare the file a tool wrote with the case; `on_runtime` tells whether ONNX Runtime can run the case."""
    try:
        onnx.checker.check_model(str(candidate), full_check=True)
    except Exception as error:
        return Judgement("wrong", note=f"invalid model: {_line(error)}")
    before, after = onnx.load(original), onnx.load(candidate)
    changed = interface_change(before, after)
    left = affine_left(candidate)
    if changed:
        return Judgement("wrong", left, f"interface: {changed}")
    error, note = largest_error(case, original, candidate, on_runtime)
    if note:
        return Judgement("wrong", left, note, error)
    status = "least" if left == case.least else "more" if left > case.least else "fewer"
    return Judgement(status, left, error=error)


def interface_change(before: onnx.ModelProto, after: onnx.ModelProto) -> str:
    """What a caller would notice; empty if nothing."""
    old, new = _settable(before), _settable(after)
    lost = [name for name in old if new.get(name) != old[name]]
    if lost:
        return f"inputs changed ({', '.join(lost)})"
    if _required(before) != _required(after):
        return "other inputs are required"
    outputs = [[(v.name, v.type.tensor_type.elem_type) for v in model.graph.output] for model in (before, after)]
    if outputs[0] != outputs[1]:
        return "outputs changed"
    entries = [{entry.key: entry.value for entry in model.metadata_props} for model in (before, after)]
    return "" if entries[0].items() <= entries[1].items() else "metadata lost"


def _settable(model: onnx.ModelProto) -> dict[str, int]:
    """Inputs that a caller may set: before IR version 4 an initializer was none of them."""
    constants = {tensor.name for tensor in model.graph.initializer} if model.ir_version < 4 else set()
    return {v.name: v.type.tensor_type.elem_type for v in model.graph.input if v.name not in constants}


def _required(model: onnx.ModelProto) -> list[str]:
    """Inputs that a caller must set, in order."""
    constants = {tensor.name for tensor in model.graph.initializer}
    return [value.name for value in model.graph.input if value.name not in constants]


def largest_error(case: Case, original: Path, candidate: Path, on_runtime: bool) -> tuple[float | None, str]:
    """The largest relative error over all outputs and inputs, and what is wrong with it, if anything."""
    feeds = [feeds_of(onnx.load(original), seed) for seed in SEEDS]
    truths = _with_statistics(original, feeds) if case.trains else _float64(original, feeds)
    try:
        values = _outputs(case, candidate, feeds, on_runtime)
    except Exception as error:
        return None, f"does not run: {_line(error)}"
    worst, over = 0.0, False
    for truth, value in zip(truths, values, strict=True):
        for name, wanted in truth.items():
            got = np.asarray(value[name])
            if got.shape != wanted.shape:
                return None, f"shape of {name}: {list(got.shape)} instead of {list(wanted.shape)}"
            error = _relative(wanted, got)
            worst, over = max(worst, error), over or not error <= LIMITS.get(got.dtype.name, 0.0)
    return worst, f"values: relative error {worst:.1e}" if over else ""


def _relative(wanted: np.ndarray[Any, Any], got: np.ndarray[Any, Any]) -> float:
    wanted, got = wanted.astype(np.float64), got.astype(np.float64)
    scale = float(np.abs(wanted).max(initial=0)) or 1.0
    error = float(np.abs(got - wanted).max(initial=0)) / scale
    return error if np.isfinite(error) else float("inf")


def runs_on_runtime(path: Path) -> bool:
    """Whether ONNX Runtime runs a model; it may also end the process."""
    try:
        session_outputs(str(path), [feeds_of(onnx.load(path), SEEDS[0])])
    except RuntimeRefusedError:
        return False
    return True


def _outputs(case: Case, candidate: Path, feeds: list[Feeds], on_runtime: bool) -> list[dict[str, Any]]:
    if case.trains:
        return _with_statistics(candidate, feeds)
    if on_runtime:
        return session_outputs(str(candidate), feeds)
    return _float64(candidate, feeds, stored=True)


def _float64(path: Path, feeds: list[Feeds], *, stored: bool = False) -> list[dict[str, Any]]:
    model = load(path)
    reference = Reference(model)
    results = [reference.run(feed) for feed in feeds]
    if not stored:
        return results
    types = {value.name: (value.dtype or ir.DataType.FLOAT).numpy() for value in model.graph.outputs}
    return [{name: value.astype(types[name]) for name, value in result.items()} for result in results]


def _with_statistics(path: Path, feeds: list[Feeds]) -> list[dict[str, Any]]:
    """Outputs of a model in training mode; a normalization folded by its running statistics is far off."""
    model = onnx.load(path)
    names = [value.name for value in model.graph.output]
    evaluator = ReferenceEvaluator(model, new_ops=[_statistical()])
    return [dict(zip(names, evaluator.run(names, feed), strict=True)) for feed in feeds]


def _statistical() -> type[BatchNormalization]:
    """A BatchNormalization that normalizes by the batch where its operator set says so."""

    def run(self: Any, x: Any, scale: Any, bias: Any, mean: Any, var: Any, **attributes: Any) -> Any:
        try:
            return BatchNormalization._run(self, x, scale, bias, mean, var, **attributes)
        except TrainingModeError:
            axes = (0, *range(2, x.ndim))
            shape = (1, -1, *(1,) * (x.ndim - 2))
            y = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + attributes["epsilon"])
            y = y * scale.reshape(shape) + bias.reshape(shape)
            return (y.astype(x.dtype), *[mean, var, mean, var][: len(self.output) - 1])

    return type("BatchNormalization", (BatchNormalization,), {"_run": run})


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
