"""Both files on ONNX Runtime, each against the float64 truth: the original's own error is the tolerance.

    folded <= FACTOR * max(original, explained) + FLOOR_ULP * eps

per batch and output, all three as max|error| / max|truth|. `explained` is what rounding the weights alone
does to that output: without it a model with one or two output values may by luck be exact where the folded
one shows the usual noise. The floor covers inputs on which the original is exact, such as all zeros.
"""

from collections.abc import Mapping, Sequence
from math import inf

import onnx_ir as ir

from bnfold.verification.inputs import Batch
from bnfold.verification.precision import Array, epsilon
from bnfold.verification.sensitivity import relative_error
from bnfold.verification.stored import model_type
from bnfold.verification.verdict import Place, Rounding

FACTOR = 4.0
FLOOR_ULP = 8.0
# Share of integer outputs (a class, an index) that may flip where two scores are closer than rounding.
FLOOR_INTEGER = 1e-3
# An original this far from the truth cannot judge anything.
BLIND = 1e-2

Outputs = Mapping[str, Array]


def judge(
    model: ir.Model,
    batches: Sequence[Batch],
    truths: Sequence[Outputs],
    explained: Sequence[Mapping[str, float]],
    original: Sequence[Outputs],
    folded: Sequence[Outputs],
) -> tuple[Rounding, list[str]]:
    """The place where the folded model uses most of its allowance, and what could not be judged.

    Args:
        model: the original, for its float type.
        batches: inputs.
        truths: float64 outputs of the original per batch.
        explained: relative output movement that rounding the weights explains, per batch and output.
        original: outputs of the original's file on ONNX Runtime.
        folded: outputs of the folded file.
    """
    eps = epsilon(model_type(model))
    worst, usage, blind = Rounding(), -1.0, []
    for batch, truth, moved, before, after in zip(batches, truths, explained, original, folded, strict=True):
        for name, exact in truth.items():
            own = relative_error(exact, before[name])
            error = relative_error(exact, after[name]) if name in after else inf
            floor = FLOOR_INTEGER if exact.dtype.kind in "biu" else FLOOR_ULP * eps
            if own > max(BLIND, 64 * eps):
                blind.append(f"{name} on batch {batch.name}")
            allowed = FACTOR * max(own, moved.get(name, 0.0)) + floor
            used = error / allowed if allowed < inf else 0.0
            if used > usage:
                usage = used
                worst = Rounding(own, error, allowed, Place(batch.name, name))
    if not blind:
        return worst, []
    places = ", ".join(blind[:3]) + (" and others" if len(blind) > 3 else "")
    return worst, [
        f"ONNX Runtime computes the original itself far from its exact result ({places}), "
        "so rounding cannot be judged there."
    ]
