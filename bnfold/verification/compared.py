"""Outputs of two models side by side, each difference with what it may be."""

from collections.abc import Callable, Mapping, Sequence
from math import inf

from bnfold.verification.batches import Batch
from bnfold.verification.metrics import magnitude
from bnfold.verification.precision import Array
from bnfold.verification.sensitivity import Explained, Outputs, relative_error
from bnfold.verification.tolerance import Tolerances
from bnfold.verification.verdict import Allowed, Bounded, Place


def compared(
    batches: Sequence[Batch],
    references: Sequence[Outputs],
    candidates: Sequence[Outputs],
    bounds: Sequence[Mapping[str, float]],
    tolerances: Tolerances,
) -> list[Bounded]:
    """Every output on every batch; an output with a tolerance has that in the place of its bound."""
    found = []
    for batch, reference, candidate, bound in zip(batches, references, candidates, bounds, strict=True):
        for name, value in reference.items():
            other = candidate.get(name)
            error, allowed = judged(name, value, other, bound[name], tolerances)
            found.append(Bounded(error, allowed, Place(batch.name, name)))
    return found


def explained_by(moved: Explained, judge: Callable[[], list[Bounded]]) -> list[Bounded]:
    """A judgement under as many draws as it takes until everything is explained, or under all of them."""
    found = judge()
    while not all(item.holds for item in found) and moved.more():
        found = judge()
    return found


def judged(
    name: str, reference: Array, candidate: Array | None, bound: float, tolerances: Tolerances
) -> tuple[float, float]:
    """The relative error of an output and what is allowed; absolute both where the reference is 0 throughout."""
    if candidate is None:
        return inf, bound
    error = relative_error(reference, candidate)
    given = tolerances.of(name)
    if given is None:
        return error, bound
    scale = magnitude(reference)
    if not scale and reference.dtype.kind == "f" and reference.shape == candidate.shape and error == inf:
        error = magnitude(candidate) or inf
    return error, given.relative(scale)


def worst(found: Sequence[Bounded]) -> Bounded:
    """The one that uses most of what it may be."""
    return max(found, key=lambda item: item.usage)


def allowances(float64: Sequence[Bounded], own_type: Sequence[Bounded], tolerances: Tolerances) -> tuple[Allowed, ...]:
    """What every output was allowed, over all batches."""
    names = dict.fromkeys(item.place.output for item in (*float64, *own_type) if item.place is not None)
    return tuple(
        Allowed(name, _range(name, float64), _range(name, own_type), _given(name, tolerances)) for name in names
    )


def _range(name: str, found: Sequence[Bounded]) -> tuple[float, float] | None:
    bounds = [item.bound for item in found if item.place is not None and item.place.output == name]
    return (min(bounds), max(bounds)) if bounds else None


def _given(name: str, tolerances: Tolerances) -> dict[str, float] | None:
    given = tolerances.of(name)
    return None if given is None else given.to_json()
