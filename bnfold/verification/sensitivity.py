"""What rounding a model's weights explains, measured by moving every weight.

Storing exact weights in float32 moves each by at most half a unit in the last place. How far that moves an
output depends on the network, so it is measured: seeded draws move every weight by a uniform amount in that
range, and SAFETY times the largest movement seen is what a correctly rounded file may show. The largest counts over
all batches: on one batch a Relu close to its kink makes a draw in four move an output six times as far as the others.
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
    """Per batch and output, SAFETY times the largest relative movement of that output over all draws and batches.

    A draw that changes a shape or makes a value infinite says nothing and is left out.

    Args:
        model: the model whose weights are moved.
        draws: what to do with its parameters, once each.
        batches: inputs.
        base: its outputs for each batch with unmoved weights.
        advance: told how many elements of input went through a model.
    """
    bound = {name: 0.0 for outputs in base for name in outputs}
    for parameters in draws:
        moved = Reference(model, parameters)
        for batch, outputs in zip(batches, base, strict=True):
            for name, value in moved.run(batch.feeds).items():
                error = relative_error(outputs[name], value)
                if np.isfinite(error):
                    bound[name] = max(bound[name], SAFETY * error)
            advance(batch.elements)
        del moved  # its weights, before the next draw makes its own
    return [{name: bound[name] for name in outputs} for outputs in base]


def _half_ulp_noise(name: str, values: Array, dtype: Dtype, draw: int) -> Array:
    rng = np.random.default_rng([draw, zlib.crc32(name.encode())])
    noise = ulp(values, dtype)
    noise *= rng.random(values.shape, np.float32) - np.float32(0.5)
    return noise
