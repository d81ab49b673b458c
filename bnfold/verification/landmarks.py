"""Compare tensors that have the same name in two graphs, whatever units each graph stores them in.

A folded graph may store X' where the original computes X = S * X' + T per channel. So the best S and T are
fitted per channel, and what remains is the error. It is far sharper than comparing outputs: one weight
changed by 0.1 % stands out in the channel it feeds, long before the rounding of all other weights drowns it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from bnfold.verification.inputs import Batch
from bnfold.verification.precision import Array
from bnfold.verification.reference import Parameters, Reference
from bnfold.verification.sensitivity import SAFETY

# A tensor that the fit explains worse than this has only its name in common.
COMPARABLE = 1e-2
# Rounding of the float64 evaluation itself, relative to the largest value of the tensor.
FLOAT64_NOISE = 1e-11


@dataclass(frozen=True)
class Landmark:
    """A channel further off than rounding explains; both numbers relative to max|reference|."""

    tensor: str
    channel: int
    error: float
    bound: float


def common_names(reference: ir.Model, candidate: ir.Model) -> list[str]:
    """Names of tensors that nodes of both graphs compute, in the order of the candidate."""
    known = {v.name for node in reference.graph for v in node.outputs if node.op_type != "Constant"}
    return [
        v.name
        for node in candidate.graph
        for v in node.outputs
        if v.name and node.op_type != "Constant" and v.name in known
    ]


def first_unexplained(
    reference: ir.Model,
    candidate: ir.Model,
    batches: Sequence[Batch],
    reference_draws: Sequence[Parameters] = (),
    candidate_draws: Sequence[Parameters] = (),
    *,
    same_names: bool = False,
) -> Landmark | None:
    """The first common tensor with a channel that differs by more than moved weights explain, or None.

    Only the batches with the fewest values are used, because every tensor is held in memory. They share one
    fit, so an error has to look like a change of units on inputs of every magnitude to stay unseen.

    Args:
        reference: model that defines the truth.
        candidate: model under test.
        batches: inputs for both.
        reference_draws: ways to move the weights of `reference` within their rounding.
        candidate_draws: the same for `candidate`.
        same_names: a name means the same tensor in both graphs, so one that no units explain is an error;
            otherwise such a tensor is taken for another one and passed over.

    Raises:
        Float64Error: a model cannot be evaluated in float64.
    """
    names = common_names(reference, candidate)
    sizes = [sum(a.size for a in batch.feeds.values()) for batch in batches]
    used = [batch for batch, size in zip(batches, sizes, strict=True) if size == min(sizes)]
    a, b = (_tensors(Reference(model), used, names) for model in (reference, candidate))
    names = [name for name in names if _usable(a[name], b[name])]
    noise = {name: np.zeros((len(used), _channels(a[name][0]).shape[0])) for name in names}
    for model, base, draws in ((reference, a, reference_draws), (candidate, b, candidate_draws)):
        for parameters in draws:
            moved = _tensors(Reference(model, parameters), used, names)
            for name in names:
                rows = [_movement(x, y) for x, y in zip(base[name], moved[name], strict=True)]
                noise[name] = np.maximum(noise[name], rows)
    for name in names:
        found = _compare(name, a[name], b[name], noise[name], np.inf if same_names else COMPARABLE)
        if found is not None:
            return found
    return None


def _tensors(model: Reference, batches: Sequence[Batch], names: Sequence[str]) -> dict[str, list[Array]]:
    results = [model.run(batch.feeds, names) for batch in batches]
    return {name: [result[name] for result in results if name in result] for name in names}


def _usable(ours: Sequence[Array], theirs: Sequence[Array]) -> bool:
    """Whether both hold the same shapes of finite float values, not all zero, in every batch."""
    return len(ours) == len(theirs) > 0 and all(
        x.shape == y.shape and x.dtype.kind == "f" and bool(np.any(x)) and bool(np.all(np.isfinite(x + y)))
        for x, y in zip(ours, theirs, strict=True)
    )


def _compare(
    name: str, ours: Sequence[Array], theirs: Sequence[Array], noise: Array, comparable: float
) -> Landmark | None:
    scales = np.array([np.max(np.abs(x)) for x in ours])
    truth, residual = _fitted(ours, theirs, scales)
    if np.sqrt(np.mean(residual**2)) > comparable * np.sqrt(np.mean(truth**2)):
        return None
    starts = np.cumsum([0, *(_channels(x).shape[1] for x in ours[:-1])])
    error = np.maximum.reduceat(np.abs(residual), starts, axis=1).T
    # Over all channels: one that a Relu cut off in every draw may just be alive in the file.
    bound = np.broadcast_to(SAFETY * noise.max(axis=1, keepdims=True) + FLOAT64_NOISE, error.shape)
    batch, channel = np.unravel_index(np.argmax(error / bound), error.shape)
    if error[batch, channel] <= bound[batch, channel]:
        return None
    return Landmark(name, int(channel), float(error[batch, channel]), float(bound[batch, channel]))


def _channels(values: Array) -> Array:
    """(C, everything else): axis 1 first, or one row where there is no axis 1."""
    return np.moveaxis(values, 1, 0).reshape(values.shape[1], -1) if values.ndim > 1 else values.reshape(1, -1)


def _movement(base: Array, moved: Array) -> Array:
    """Largest movement per channel, relative to max|base|; 0 where it says nothing."""
    if base.shape != moved.shape:
        return np.zeros(len(_channels(base)))
    largest: Array = np.abs(_channels(moved) - _channels(base)).max(1) / np.max(np.abs(base))
    return np.where(np.isfinite(largest), largest, 0.0)


def _fitted(ours: Sequence[Array], theirs: Sequence[Array], scales: Array) -> tuple[Array, Array]:
    """The truth around its mean, and truth - (S * stored + T) with the least-squares S and T of each channel.

    Both (C, all elements of all batches), every batch divided by its scale.
    """
    x, y = (
        np.concatenate([_channels(v) / s for v, s in zip(side, scales, strict=True)], axis=1) for side in (theirs, ours)
    )
    weight = np.concatenate([np.full(_channels(v).shape[1], 1 / s) for v, s in zip(ours, scales, strict=True)])
    # T enters a batch as T / scale: project both sides off that direction, then fit S.
    direction = weight / np.sqrt(weight @ weight)
    x, y = (v - np.outer(v @ direction, direction) for v in (x, y))
    power = np.sum(x * x, axis=1, keepdims=True)
    slope = np.divide(np.sum(x * y, axis=1, keepdims=True), power, out=np.zeros_like(power), where=power > 0)
    return y, y - slope * x
