"""Both models in their own float type, each against the float64 truth: the original's own error is the tolerance.

    folded <= FACTOR * max(original, explained) + FLOOR_ULP * eps

per batch and output, all three as max|error| / max|truth|. `explained` is what rounding the weights alone
does to that output: without it a model with one or two output values may by luck be exact where the folded
one shows the usual noise. It counts up to LOST times the original's largest error on any batch (at least eps): a
model whose weights alone make it worse than that was folded badly. The floor covers inputs on which the original is
exact, such as all zeros.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from bnfold.verification.batches import Batch
from bnfold.verification.compared import judged
from bnfold.verification.precision import Array, Dtype, epsilon
from bnfold.verification.sensitivity import relative_error
from bnfold.verification.tolerance import Tolerances
from bnfold.verification.verdict import Bounded, Place, Rounding

FACTOR = 4.0
FLOOR_ULP = 8.0
# Share of integer outputs (a class, an index) that may flip where two scores are closer than rounding.
FLOOR_INTEGER = 1e-3
# Eight bits: two more than the solver lets a shift cost by the statistics of the training data.
LOST = 256.0
# An original this far from the truth cannot judge anything.
BLIND = 1e-2

Outputs = Mapping[str, Array]


@dataclass(frozen=True)
class Judged:
    """The place where the folded model uses most of its allowance, all places, and where nothing could be judged."""

    worst: Rounding
    places: tuple[Bounded, ...]
    blind: tuple[str, ...]


def judge(
    kind: Dtype,
    batches: Sequence[Batch],
    truths: Sequence[Outputs],
    explained: Sequence[Mapping[str, float]],
    original: Sequence[Outputs],
    folded: Sequence[Outputs],
    tolerances: Tolerances | None = None,
    by: str = "ONNX Runtime",
) -> Judged:
    """Hold the folded model's errors against the original's.

    Args:
        kind: the float type that both ran in.
        batches: inputs.
        truths: float64 outputs of the original per batch.
        explained: relative output movement that rounding the weights explains, per batch and output.
        original: outputs of the original.
        folded: outputs of the folded model.
        tolerances: what the user allows in the place of all this.
        by: what ran them.
    """
    eps, tolerances = epsilon(kind), tolerances or Tolerances()
    worst, usage, places, blind = Rounding(by=by, dtype=kind.name), -1.0, [], []
    owns = [
        {name: relative_error(exact, before[name]) for name, exact in truth.items()}
        for truth, before in zip(truths, original, strict=True)
    ]
    usual = {name: max([eps, *(own[name] for own in owns if own[name] < inf)]) for name in truths[0]}
    for batch, truth, moved, errors, after in zip(batches, truths, explained, owns, folded, strict=True):
        for name, exact in truth.items():
            own = errors[name]
            noise = min(moved.get(name, 0.0), LOST * usual[name])
            floor = FLOOR_INTEGER if exact.dtype.kind in "biu" else FLOOR_ULP * eps
            measured = FACTOR * max(own, noise) + floor
            error, allowed = judged(name, exact, after.get(name), measured, tolerances)
            if own > max(BLIND, 64 * eps):
                blind.append(f"{name} on batch {batch.name}")
            place = Place(batch.name, name)
            places.append(Bounded(error, allowed, place))
            used = places[-1].usage if allowed < inf else 0.0
            if used > usage:
                usage = used
                worst = Rounding(own, error, allowed, place, by=by, dtype=kind.name)
    return Judged(worst, tuple(places), tuple(blind))
