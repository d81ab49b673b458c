"""Seeded inputs that look like what a model meets, and inputs on which errors cannot hide."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from bnfold.verification.inputs import InputSpec, resolve
from bnfold.verification.precision import FLOATS, Array, Dtype

LARGE, TINY = 1e2, 1e-5
ESSENTIAL = ("normal", "frame")
"""What runs however large the network is: one image like any other, and one where borders are all there is."""
STRETCH = 1.5
"""How much larger the open dimensions behind the first are in the batch `resized`."""

Random = np.random.Generator
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Batch:
    """One set of inputs.

    Attributes:
        name: how they were made.
        feeds: an array per model input.
        optional: the model may refuse it, as one that can only take images of some sizes; then it is left out.
        spare: it may be left out where the network is large.
    """

    name: str
    feeds: dict[str, Array]
    optional: bool = False
    spare: bool = False

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return sum(array.size for array in self.feeds.values())


def _checkerboard(shape: tuple[int, ...], _: Random) -> Array:
    index = np.indices(shape)[-2:].sum(0) if shape else np.zeros((), int)
    return np.asarray(1.0 - 2.0 * (index % 2))


def _frame(shape: tuple[int, ...], rng: Random) -> Array:
    values = rng.normal(size=shape)
    inside: Any = tuple(slice(None) if axis < _spatial(shape) else slice(1, -1) for axis in range(len(shape)))
    values[inside] = 0.0
    return values


def _corners(shape: tuple[int, ...], rng: Random) -> Array:
    values = np.zeros(shape)
    first = _spatial(shape)
    for corner in product(*((0, -1) for _ in shape[first:])):
        at: Any = (*(slice(None) for _ in range(first)), *corner)
        values[at] = rng.normal(size=shape[:first])
    return values


def _per_channel(shape: tuple[int, ...], rng: Random) -> Array:
    lead = tuple(size if axis == 1 else 1 for axis, size in enumerate(shape))
    return np.broadcast_to(rng.normal(size=lead), shape)


def _spatial(shape: tuple[int, ...]) -> int:
    """The first axis that has a border: behind the channels, if there is one."""
    return min(2, max(len(shape) - 1, 0))


# Each with the number of samples where the model leaves it open.
KINDS: Mapping[str, tuple[int, Callable[[tuple[int, ...], Random], Any]]] = {
    "normal": (1, lambda shape, rng: rng.normal(size=shape)),
    "frame": (1, _frame),
    "uniform": (3, lambda shape, rng: rng.uniform(size=shape)),
    "large": (1, lambda shape, rng: LARGE * rng.normal(size=shape)),
    "corners": (1, _corners),
    "constant": (1, _per_channel),
    "zeros": (1, lambda shape, rng: np.zeros(shape)),
    "tiny": (1, lambda shape, rng: TINY * rng.normal(size=shape)),
    "ones": (2, lambda shape, rng: np.ones(shape)),
    "checkerboard": (2, _checkerboard),
}


def make_batches(specs: Sequence[InputSpec], *, seed: int = 0, shapes: Sequence[Shapes] = ()) -> list[Batch]:
    """Seeded batches.

    Float inputs:

        normal        normal(0, 1)
        large, tiny   normal times 100, normal times 1e-5
        frame         random at the border of the image, 0 inside
        corners       random at the corners of the image, 0 elsewhere
        constant      one random value per channel
        zeros, ones   all zero, all one
        checkerboard  +1 and -1 in turn over the last two axes
        uniform       uniform [0, 1]

    Inputs of bytes are images: the same patterns from black to white. Other integer inputs hold 0 to 7, boolean ones
    random values, in every batch. An open first axis has size 1, 2 or 3.
    Where other dimensions are open, the batch `resized` (normal) has them larger by half; a model may refuse it.

    Args:
        specs: the inputs.
        seed: of all random values.
        shapes: shapes by input name. The first entry is for all batches; each further one makes a batch
            `normal (2)`, `normal (3)` ... of its own.

    Raises:
        UsageError: as `resolve`.
    """
    first: Shapes = shapes[0] if shapes else {}
    batches = [
        _batch(kind, resolve(specs, first), kind, count, [seed, number], spare=kind not in ESSENTIAL)
        for number, (kind, (count, _)) in enumerate(KINDS.items())
    ]
    for number, more in enumerate(shapes[1:], 2):
        batches.append(
            _batch(f"normal ({number})", resolve(specs, {**first, **more}), "normal", 1, [seed, 100 + number])
        )
    stretched = resolve(specs, first, STRETCH)
    if stretched != resolve(specs, first):
        batches.append(_batch("resized", stretched, "normal", 2, [seed, 99], optional=True, spare=True))
    return batches


def _batch(
    name: str,
    specs: Sequence[InputSpec],
    kind: str,
    samples: int,
    seed: list[int],
    *,
    optional: bool = False,
    spare: bool = False,
) -> Batch:
    rng = np.random.default_rng(seed)
    feeds = {}
    for spec in specs:
        shape = tuple(size if isinstance(size, int) else samples for size in spec.shape)
        feeds[spec.name] = _fill(kind, shape, spec.dtype, rng)
    return Batch(name, feeds, optional, spare)


def _fill(kind: str, shape: tuple[int, ...], dtype: Dtype, rng: Random) -> Array:
    if dtype == np.bool_:
        return rng.integers(0, 2, shape).astype(dtype)
    _, make = KINDS[kind]
    if dtype == np.uint8:
        return _bytes(np.asarray(make(shape, rng)))
    if dtype not in FLOATS:
        return rng.integers(0, 8, shape).astype(dtype)
    return np.asarray(make(shape, rng)).astype(dtype)


def _bytes(values: Array) -> Array:
    """Images of bytes: the same pattern from black to white."""
    low, high = (float(f(values)) for f in (np.min, np.max))
    if low == high:
        return np.full(values.shape, 255 * (high > 0), np.uint8)
    return np.asarray(np.round((values - low) / (high - low) * 255), np.uint8)
