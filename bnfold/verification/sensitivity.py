"""What rounding a model's weights explains, measured by moving every weight.

Storing exact weights in float32 moves each by at most half a unit in the last place. How far that moves an
output depends on the network, so it is measured: seeded draws move every weight by a uniform amount in that
range, and SAFETY times the largest movement seen is what a correctly rounded file may show. On ResNet-20 with
10 outputs the rounded file itself moved its outputs 0.9 to 1.2 times as far as single draws.

On one batch few draws can all be lucky: eight draws moved an output of the trained ResNet-20 v2 by 4e-8 to 4e-7. So
what other batches show counts as well, up to BORROWED times a batch's own.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import onnx_ir as ir

from bnfold.verification.batches import Batch
from bnfold.verification.metrics import compare
from bnfold.verification.precision import Array, Dtype, rounded_like, ulp
from bnfold.verification.reference import Parameters, Reference

SAFETY = 4.0
BORROWED = 4.0
DRAWS = 3
Outputs = dict[str, Array]


def relative_error(reference: Array, candidate: Array) -> float:
    """max|difference| / max|reference|; of integers and booleans the share of elements that differ."""
    if reference.dtype.kind in "biu" and reference.shape == candidate.shape:
        return float(np.mean(reference != candidate)) if reference.size else 0.0
    return compare(reference, candidate).max_rel


def every_weight(draw: int) -> Parameters:
    """Move every parameter of a finished file that looks like a result of rounding (see `rounded_like`)."""

    def moved(name: str, stored: Array) -> Array:
        exact = stored.astype(np.float64)
        noise = _half_ulp_noise(name, exact, stored.dtype, draw)
        return np.where(rounded_like(stored, stored.dtype), exact + noise, exact)

    return moved


def rewritten_weights(stored_types: Mapping[str, Dtype], default: Dtype, draw: int) -> Parameters:
    """Move the float64 parameters of an exact model that the file stores in a narrower type.

    Args:
        stored_types: type of each parameter in the file.
        default: type of a parameter that the file does not have under its name.
        draw: seed.
    """

    def moved(name: str, stored: Array) -> Array:
        narrow = stored_types.get(name, default)
        if stored.dtype != np.float64 or narrow == stored.dtype:
            return stored.astype(np.float64, copy=False)
        return stored + _half_ulp_noise(name, stored, narrow, draw)

    return moved


def explained(
    model: ir.Model,
    draws: Sequence[Parameters],
    batches: Sequence[Batch],
    base: Sequence[Outputs],
    advance: Callable[[float], None] = lambda _: None,
) -> list[dict[str, float]]:
    """Per batch and output, SAFETY times the largest relative movement over the draws.

    That movement is at least the largest of any batch, but for that it grows to no more than BORROWED times its own.

    A draw that changes a shape or makes a value infinite says nothing and is left out.

    Args:
        model: the model whose weights are moved.
        draws: what to do with its parameters, once each.
        batches: inputs.
        base: its outputs for each batch with unmoved weights.
        advance: told how many elements of input went through a model.
    """
    bounds = [dict.fromkeys(outputs, 0.0) for outputs in base]
    for parameters in draws:
        moved = Reference(model, parameters)
        for batch, outputs, bound in zip(batches, base, bounds, strict=True):
            for name, value in moved.run(batch.feeds).items():
                error = relative_error(outputs[name], value)
                if np.isfinite(error):
                    bound[name] = max(bound[name], SAFETY * error)
            advance(batch.elements)
        del moved  # its weights, before the next draw makes its own
    largest = {name: max(bound.get(name, 0.0) for bound in bounds) for bound in bounds for name in bound}
    return [{name: min(largest[name], BORROWED * own) for name, own in bound.items()} for bound in bounds]


def _half_ulp_noise(name: str, values: Array, dtype: Dtype, draw: int) -> Array:
    rng = np.random.default_rng([draw, zlib.crc32(name.encode())])
    noise = ulp(values, dtype)
    noise *= rng.random(values.shape, np.float32) - np.float32(0.5)
    return noise
