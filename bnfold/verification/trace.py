"""Compare every tensor that two graphs have in common, from the inputs to the outputs.

A name means the same tensor in both graphs; `X.folded`, as bnfold names it, is X in other units. Two errors are
measured per tensor. The direct one takes the candidate's values as they are, or in the units that the plan of a fold
states. The other one allows any units per channel (see `fit`), for a tool may have changed them without saying so; not
those of an output, of course.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from math import inf
from typing import Any

import numpy as np
import onnx_ir as ir

from bnfold.plan import Unit
from bnfold.verification.batches import Batch
from bnfold.verification.fit import channels, residual
from bnfold.verification.precision import Array
from bnfold.verification.reference import Parameters, Reference
from bnfold.verification.sensitivity import SAFETY

# Rounding of the float64 evaluation itself, relative to the largest value of the tensor.
FLOAT64_NOISE = 1e-11
BATCHES, ELEMENTS = 3, 2 * 3 * 224 * 224
"""Every tensor is held in memory, so only the first of the smallest batches are used, and of large images only two."""
FOLDED = ".folded"

Advance = Callable[[float], None]


@dataclass(frozen=True)
class Site:
    """One tensor of both graphs; errors are relative to its largest value in the reference.

    Attributes:
        tensor: its name in the reference.
        stored: its name in the candidate.
        node: the candidate's node that computes it.
        error: what no units explain, in the worst channel; infinite where the shapes differ or a value is not finite in
            one model only.
        direct: the error of the values as they are, in the worst channel.
        bound: what rounding explains of either.
        channel: the worst channel of `error`.
        direct_channel: the worst channel of `direct`.
    """

    tensor: str
    stored: str
    node: str
    error: float
    direct: float
    bound: float
    channel: int = 0
    direct_channel: int = 0

    @property
    def holds(self) -> bool:
        """Whether rounding explains the error, in whatever units."""
        return self.error <= self.bound

    @property
    def unchanged(self) -> bool:
        """Whether rounding explains the direct error."""
        return self.direct <= self.bound

    def to_json(self) -> dict[str, Any]:
        """Plain data; an infinite number is null."""
        return {
            "tensor": self.tensor,
            "stored": self.stored,
            "node": self.node,
            "error": self.error if self.error < inf else None,
            "direct": self.direct if self.direct < inf else None,
            "bound": self.bound,
            "channel": self.channel,
        }


def common_tensors(reference: ir.Model, candidate: ir.Model) -> dict[str, str]:
    """Names of tensors that nodes of both graphs compute, as they are called in each, in the order of the candidate."""
    known = {v.name for node in reference.graph for v in node.outputs if node.op_type != "Constant"}
    found: dict[str, str] = {}
    for node in candidate.graph:
        for value in node.outputs if node.op_type != "Constant" else ():
            name = value.name or ""
            meant = name if name in known else name.rstrip("'").removesuffix(FOLDED)
            if meant in known:
                found.setdefault(meant, name)
    return found


def title(node: ir.Node | None) -> str:
    """What a node is called: its name, or its operator and what it computes."""
    if node is None:
        return ""
    return node.name or f"{node.op_type} ({node.outputs[0].name})"


def trace(
    reference: ir.Model,
    candidate: ir.Model,
    batches: Sequence[Batch],
    reference_draws: Sequence[Parameters] = (),
    candidate_draws: Sequence[Parameters] = (),
    *,
    units: Mapping[str, Unit] | None = None,
    advance: Advance = lambda _: None,
) -> list[Site]:
    """The sites of all common tensors, in the order of the candidate.

    Args:
        reference: model that defines the truth.
        candidate: model under test.
        batches: inputs for both.
        reference_draws: ways to move the weights of `reference` within their rounding; as many as it takes until
            everything is explained, for a bound only grows with more.
        candidate_draws: the same for `candidate`.
        units: the units that the candidate stores its tensors in, by their names in the reference; those without are
            in the original ones. None where nothing is known.
        advance: told how many elements of input went through a model.

    Raises:
        Float64Error: a model cannot be evaluated in float64.
    """
    pairs = common_tensors(reference, candidate)
    run = _Runner(traced(batches), advance)
    ours, theirs = run(Reference(reference), list(pairs)), run(Reference(candidate), list(pairs.values()))
    pairs = {name: stored for name, stored in pairs.items() if _floats(ours[name]) and _floats(theirs[stored])}
    writers = {v.name: node for node in candidate.graph for v in node.outputs}
    outputs = {value.name for value in reference.graph.outputs}
    stated = {name: {} if name in outputs else units for name in pairs}
    sites = [
        _site(name, stored, title(writers[stored]), ours[name], theirs[stored], stated[name])
        for name, stored in pairs.items()
    ]
    moving = (reference, ours, dict(zip(pairs, pairs, strict=True))), (candidate, theirs, pairs)
    for turn in zip_longest(reference_draws, candidate_draws):
        for (model, base, names), parameters in zip(moving, turn, strict=True):
            if parameters is None or all(site.holds for site in sites):
                continue
            moved = run(Reference(model, parameters), list(names.values()))
            for number, site in enumerate(sites):
                stored = names[site.tensor]
                noise = max(_movement(x, y) for x, y in zip(base[stored], moved[stored], strict=True))
                sites[number] = replace(site, bound=max(site.bound, SAFETY * noise + FLOAT64_NOISE))
    return sites


def traced(batches: Sequence[Batch]) -> list[Batch]:
    """The batches that `trace` uses, all of the same shapes."""
    smallest = min(batches, key=lambda batch: batch.elements)
    shapes = {name: array.shape for name, array in smallest.feeds.items()}
    same = [batch for batch in batches if {name: array.shape for name, array in batch.feeds.items()} == shapes]
    return same[: min(BATCHES, max(1, ELEMENTS // max(1, smallest.elements)))]


class _Runner:
    """Runs models on the same batches."""

    def __init__(self, batches: Sequence[Batch], advance: Advance) -> None:
        self._batches, self._advance = batches, advance

    def __call__(self, model: Reference, names: Sequence[str]) -> dict[str, list[Array]]:
        results = []
        runs = model.run_each([batch.feeds for batch in self._batches], names)
        for batch, found in zip(self._batches, runs, strict=True):
            results.append(found)
            self._advance(batch.elements)
        return {name: [result[name] for result in results if name in result] for name in names}


def _floats(values: Sequence[Array]) -> bool:
    return bool(values) and all(value.dtype.kind == "f" and value.size for value in values)


def _site(
    name: str,
    stored: str,
    node: str,
    ours: Sequence[Array],
    theirs: Sequence[Array],
    units: Mapping[str, Unit] | None,
) -> Site:
    """A site whose bound is that without any rounding of weights."""
    bound = FLOAT64_NOISE
    unit = (units or {}).get(name)
    if unit is not None and [x.shape for x in ours] == [y.shape for y in theirs]:
        ours, theirs = in_units(ours, theirs, unit)
    cleaned = [_without_equal(x, y) for x, y in zip(ours, theirs, strict=False)]
    if any(pair is None for pair in cleaned) or len(ours) != len(theirs):
        return Site(name, stored, node, inf, inf, bound)
    ours, theirs = [p[0] for p in cleaned if p], [p[1] for p in cleaned if p]
    scales = np.array([np.max(np.abs(x)) or np.max(np.abs(y)) or 1.0 for x, y in zip(ours, theirs, strict=True)])
    direct = np.max([np.abs(channels(x - y)).max(1) / s for x, y, s in zip(ours, theirs, scales, strict=True)], axis=0)
    error = direct if units is not None else np.minimum(direct, np.abs(residual(ours, theirs, scales)).max(1))
    channel, other = int(np.argmax(error)), int(np.argmax(direct))
    return Site(name, stored, node, float(error[channel]), float(direct[other]), bound, channel, other)


def in_units(ours: Sequence[Array], theirs: Sequence[Array], unit: Unit) -> tuple[list[Array], list[Array]]:
    """The candidate's values in original units; what is dead or blank there says nothing and is 0 on both sides."""
    told = unit.gain != 0
    if unit.blank is not None:
        told &= ~unit.blank
    gain = np.where(told, unit.gain, 1.0)
    return [np.where(told, x, 0.0) for x in ours], [np.where(told, (y - unit.offset) / gain, 0.0) for y in theirs]


def _without_equal(x: Array, y: Array) -> tuple[Array, Array] | None:
    """Both with what is not finite in the same way set to 0; None where they cannot be compared."""
    if x.shape != y.shape:
        return None
    odd = ~(np.isfinite(x) & np.isfinite(y))
    if not odd.any():
        return x, y
    if not np.array_equal(x[odd], y[odd], equal_nan=True):
        return None
    return np.where(odd, 0.0, x), np.where(odd, 0.0, y)


def _movement(base: Array, moved: Array) -> float:
    """Largest movement of a tensor, relative to max|base|; 0 where it says nothing.

    Over all channels: one that a Relu cut off in every draw may just be alive in the file.
    """
    scale = np.max(np.abs(base), initial=0.0)
    if base.shape != moved.shape or not scale:
        return 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        largest = float(np.max(np.abs(moved - base)) / scale)
    return largest if np.isfinite(largest) else 0.0
