"""How many of the batches run: all of them on small networks, as many as fit a budget on large ones.

The proof for every input (`bnfold.proof`) does not sample; what runs here is its second witness, and two images that
are unlike each other already show what a wrong rewrite does. So the cost may decide how many more there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt, prod
from typing import Any

from bnfold.verification.batches import Batch

FOLD_BUDGET, FILES_BUDGET = 40e9, 60e9
"""Multiply-adds that the float64 interpreter may take, all its passes together: seconds behind a fold, whose other
witness is the proof; more where two finished files are judged, which have no other."""

ELEMENT = 10
"""Multiply-adds of a matrix product that take as long as reading and writing one element."""


@dataclass(frozen=True)
class Effort:
    """What runs.

    Attributes:
        batches: those that run, in their order.
        moved_on: how many of the first of them the weights are moved on.
        passes: passes through a model, in elements of input.
        note: a sentence on what was left out; empty if nothing was.
    """

    batches: list[Batch]
    moved_on: int
    passes: float
    note: str = ""


def choose(batches: Sequence[Batch], plain: int, moving: int, work: float, budget: float) -> Effort:
    """The batches that fit the budget, in their order; the first and those that are not spare run whatever they cost.

    Args:
        batches: what could run.
        plain: passes that every batch needs.
        moving: passes that a batch needs on which weights are moved, in addition.
        work: multiply-adds of one pass, per element of input.
        budget: multiply-adds of everything.
    """
    everything = float(sum(batch.elements for batch in batches) * (plain + moving))
    if everything * work <= budget:
        return Effort(list(batches), len(batches), everything)
    kept = {number for number, batch in enumerate(batches) if not batch.spare or number == 0}
    passes = float(batches[0].elements * moving + sum(batches[number].elements for number in kept) * plain)
    for number, batch in enumerate(batches):
        if number not in kept and (passes + batch.elements * plain) * work <= budget:
            passes += batch.elements * plain
            kept.add(number)
    left = len(batches) - len(kept)
    run = [batches[number] for number in sorted(kept)]
    names = ", ".join(batch.name for batch in run)
    note = (
        f"One pass of the float64 interpreter over the batch {batches[0].name} takes "
        f"{batches[0].elements * work:.1e} multiply-adds, so weights were moved on that batch alone"
        + (f", and only {names} ran; {left} more batches were left out" if left else "")
        + ". --thorough runs everything."
    )
    return Effort(run, 1, passes, note)


def work_of(op: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
    """What an operator took, in multiply-adds of a matrix product; bodies of loops count for what they return."""
    written: int = sum(getattr(output, "size", 0) for output in outputs)
    x, w = (inputs[0], inputs[1]) if len(inputs) > 1 else (None, None)
    if x is None or w is None or op not in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
        return ELEMENT * written
    contracted: int = x.shape[-1] if op == "MatMul" else prod(w.shape[1:])
    if op == "ConvTranspose":
        return ELEMENT * written + int(x.size) * contracted
    if op == "Gemm":  # (m, k) times (k, n), either transposed: mk * kn / mn is the square of k
        contracted = isqrt(x.size * w.size // max(1, written))
    return written * (ELEMENT + contracted)
