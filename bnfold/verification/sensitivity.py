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
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Moving:
    """A model whose weights are moved: what each draw does to them, and its outputs per batch with unmoved ones."""

    model: ir.Model
    draws: Sequence[Parameters]
    base: Sequence[Outputs]


class Explained:
    """What rounding explains, measured by as many draws as a judgement needs.

    A bound only grows with more draws. So what one draw explains all of them would explain, and the verdict of a
    judgement that asks for `more` until it holds is the one that all draws lead to.

    Args:
        models: whose weights are moved, in turn.
        batches: inputs of all.
        advance: told how many elements of input went through a model.
    """

    def __init__(
        self, models: Sequence[Moving], batches: Sequence[Batch], advance: Callable[[float], None] = lambda _: None
    ) -> None:
        self._batches, self._advance = batches, advance
        self._seen = [[dict.fromkeys(outputs, 0.0) for outputs in moving.base] for moving in models]
        turns = zip(*(moving.draws for moving in models), strict=True)
        self._left = (draw for turn in turns for draw in zip(models, turn, self._seen, strict=True))

    @property
    def bounds(self) -> list[dict[str, float]]:
        """Per batch and output, SAFETY times the largest relative movement so far, of the model that moved most.

        The movement is at least the largest of any batch, but for that it grows to no more than BORROWED times its own.
        """
        found = [_pooled(seen) for seen in self._seen]
        return [
            {name: max(bounds.get(name, 0.0) for bounds in batch) for name in batch[0]}
            for batch in zip(*found, strict=True)
        ]

    def more(self) -> bool:
        """Make one more draw; False if there is none left.

        A draw that changes a shape or makes a value infinite says nothing and is left out.

        Raises:
            Float64Error: the model cannot be evaluated with it.
        """
        turn = next(self._left, None)
        if turn is None:
            return False
        moving, parameters, seen = turn
        moved = Reference(moving.model, parameters).run_each([batch.feeds for batch in self._batches])
        for batch, base, found, largest in zip(self._batches, moving.base, moved, seen, strict=True):
            for name, value in found.items():
                error = relative_error(base[name], value)
                if np.isfinite(error):
                    largest[name] = max(largest[name], SAFETY * error)
            self._advance(batch.elements)
        return True


def _pooled(seen: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    largest = {name: max(batch.get(name, 0.0) for batch in seen) for batch in seen for name in batch}
    return [{name: min(largest[name], BORROWED * own) for name, own in batch.items()} for batch in seen]


def _half_ulp_noise(name: str, values: Array, dtype: Dtype, draw: int) -> Array:
    rng = np.random.default_rng([draw, zlib.crc32(name.encode())])
    noise = ulp(values, dtype)
    noise *= rng.random(values.shape, np.float32) - np.float32(0.5)
    return noise
