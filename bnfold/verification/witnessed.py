"""The ONNX model made of a PyTorch module against the module itself, which no comparison of two files can see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from bnfold.sources.onnx import load
from bnfold.verification.batches import Batch
from bnfold.verification.compared import compared, worst
from bnfold.verification.evaluator import Float64Error
from bnfold.verification.precision import Array
from bnfold.verification.reference import Reference
from bnfold.verification.tolerance import Tolerances
from bnfold.verification.verdict import Verification


class Witness(Protocol):
    """A module that says what the model made of it has to compute."""

    @property
    def bound(self) -> float:
        """What max|difference| / max|output| of a faithful model stays below."""

    def outputs(self, feeds: Mapping[str, Any]) -> Sequence[Array]:
        """Every output, in the model's order."""


def with_witness(found: Verification, original: Path, witness: Witness, batches: Sequence[Batch]) -> Verification:
    """The verification, and whether the model in `original` computes in float64 what its module does.

    Args:
        found: the verification of the fold, which compares files.
        original: the unfolded model.
        witness: the module.
        batches: inputs of both.
    """
    if found.algebra is None:
        return found
    try:
        reference = Reference(load(original))
        made = [reference.run(batch.feeds) for batch in batches]
    except Float64Error as error:
        sentence = f"The ONNX model was not compared with the module it was made of: {error}"
        return replace(found, sentences=(*found.sentences, sentence))
    seen = [dict(zip(outputs, witness.outputs(b.feeds), strict=True)) for b, outputs in zip(batches, made, strict=True)]
    bounds = [dict.fromkeys(outputs, witness.bound) for outputs in made]
    module = worst(compared(batches, seen, made, bounds, Tolerances()))
    found = replace(found, algebra=replace(found.algebra, module=module))
    if module.holds:
        return found
    sentence = (
        f"The ONNX model made of the module differs from it by {module.max_rel:.1e}, not the fold from that model: "
        "export the module yourself and fold the ONNX model."
    )
    return replace(found, verdict="different", sentences=(*found.sentences, sentence))
