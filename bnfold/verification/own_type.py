"""Both models as stored, in their own float type: on ONNX Runtime, or emulated where it has no kernels for that.

Of float16 both: ONNX Runtime computes in float32 on the CPU and rounds only at the end of a row of operators, so what
overflows inside of it on other hardware shows in the emulation alone.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir

from bnfold.isolation import Limits
from bnfold.verification.case import Case
from bnfold.verification.emulation import Emulation
from bnfold.verification.evaluator import Float64Error
from bnfold.verification.inputs import specs_of
from bnfold.verification.precision import BFLOAT16, Array, Dtype
from bnfold.verification.runtime import RuntimeLostError, RuntimeRefusedError, run_file
from bnfold.verification.sensitivity import Outputs
from bnfold.verification.stored import model_type

Run = Callable[[Sequence[Mapping[str, Array]]], list[Outputs]]
RUNTIME, EMULATION = "ONNX Runtime", "emulation"
FLOAT16: Dtype = np.dtype(np.float16)
_ROWS = (
    "ONNX Runtime computes float16 in float32 on the CPU, so both models were also emulated with every tensor "
    "rounded to float16."
)


@dataclass(frozen=True)
class OwnType:
    """How both models run in one float type.

    Attributes:
        kind: the type.
        by: what runs them.
        original, folded: run a model on several sets of inputs.
        before: outputs of the original on the batches.
        note: a sentence on why it is not simply ONNX Runtime; empty otherwise.
        also: both models once more, emulated, where ONNX Runtime keeps more than the type holds.
    """

    kind: Dtype
    by: str
    original: Run
    folded: Run
    before: list[Outputs]
    note: str = ""
    also: "OwnType | None" = None


class Ahead:
    """Both models in their own type on the batches of a case, started while the float64 interpreter computes.

    Args:
        case: its batches known to run.
    """

    def __init__(self, case: Case) -> None:
        feeds = [batch.feeds for batch in case.batches]
        pool = ThreadPoolExecutor(1)
        self._original = pool.submit(own_type, case)
        self._after = pool.submit(lambda: self._original.result().folded(feeds))
        self._also = pool.submit(lambda: _also_folded(self._original.result(), feeds))
        pool.shutdown(wait=False)

    def original(self) -> OwnType:
        """How both run, and the original's outputs; raises as `own_type`."""
        return self._original.result()

    def folded(self) -> list[Outputs]:
        """The candidate's outputs.

        Raises:
            Float64Error: it must be emulated and cannot be.
            RuntimeRefusedError: ONNX Runtime refuses it, or was lost on it.
        """
        return self._after.result()

    def also(self) -> list[Outputs]:
        """The candidate's outputs, emulated, where `OwnType.also` is there.

        Raises:
            Float64Error: it cannot be emulated.
        """
        return self._also.result()


def _also_folded(ran: "OwnType", feeds: Sequence[Mapping[str, Array]]) -> list[Outputs]:
    return [] if ran.also is None else ran.also.folded(feeds)


def own_type(case: Case) -> OwnType:
    """The way to run both models that makes their errors comparable.

    A candidate in a narrower type than the original is held against the original converted to that type.

    Raises:
        Float64Error: a model must be emulated and cannot be.
        RuntimeLostError: ONNX Runtime crashed, hung or ran out of memory on the original.
    """
    wide, kind = model_type(case.original), model_type(case.folded)
    limits = case.settings.limits
    original, folded = (_on_runtime(path, limits) for path in (case.original_path, case.folded_path))
    feeds = [batch.feeds for batch in case.batches]
    if BFLOAT16 in {wide, kind, *(spec.dtype for spec in specs_of(case.original))}:
        return _emulated(case, kind, "ONNX Runtime has no bfloat16 convolution for the CPU")
    if kind.itemsize < wide.itemsize:
        original = _emulation(case.original, kind)
        note = f"The candidate is stored in {kind}, so it is held against the original converted to {kind} (emulated)."
        before = original(feeds)
        also = OwnType(kind, EMULATION, original, _emulation(case.folded), before, _ROWS)
        return OwnType(kind, RUNTIME, original, folded, before, note, also)
    try:
        emulated, why = _stored_everywhere(case, kind, feeds)
        return OwnType(wide, RUNTIME, original, folded, original(feeds), why, emulated)
    except RuntimeLostError:
        raise
    except RuntimeRefusedError as error:
        return _emulated(case, kind, str(error).rstrip("."))


def _stored_everywhere(case: Case, kind: Dtype, feeds: Sequence[Mapping[str, Array]]) -> tuple[OwnType | None, str]:
    """Both models with every tensor rounded to float16; None of other types, or with a sentence where that fails."""
    if kind != FLOAT16:
        return None, ""
    try:
        original = _emulation(case.original)
        return OwnType(kind, EMULATION, original, _emulation(case.folded), original(feeds), _ROWS), ""
    except Float64Error as error:
        return None, f"ONNX Runtime computes float16 in float32 on the CPU, and to emulate float16 failed: {error}"


def _emulated(case: Case, kind: Dtype, why: str) -> OwnType:
    note = f"{why}, so both models were emulated: every operator in float64, its result rounded to the stored type."
    narrowed = kind if kind.itemsize < model_type(case.original).itemsize else None
    original = _emulation(case.original, narrowed)
    before = original([batch.feeds for batch in case.batches])
    return OwnType(kind, EMULATION, original, _emulation(case.folded), before, note)


def _on_runtime(path: Path, limits: Limits) -> Run:
    return lambda feeds: run_file(path, feeds, limits)


def _emulation(model: ir.Model, narrowed: Dtype | None = None) -> Run:
    def run(feeds: Sequence[Mapping[str, Array]]) -> list[Outputs]:
        emulated = Emulation(model, narrowed)
        return [emulated.run(feed) for feed in feeds]

    return run
