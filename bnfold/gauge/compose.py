"""Affine operators that stay, one behind the other, become one: at most one pass over the tensor where that can be.

On axis 1 a BatchNormalization does it. Along any other axis a Mul and an Add do, or one of them, where that is fewer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bnfold.affine import Affine
from bnfold.affine_operators import DEFAULT_EPSILON, affine_of, compressed, elements
from bnfold.gauge.search import Search
from bnfold.gauge.units import Candidate
from bnfold.network import Computed, Node
from bnfold.plan import Form, Plan, Step
from bnfold.rewrite import along, ends_of_run, in_units, normalization


def runs(search: Search) -> Mapping[str, tuple[Node, ...]]:
    """Runs of operators that can be one, in order, by the name of the one whose place it takes.

    That is the last that stays and works per channel, or else the last that stays. A run starts and ends with
    operators that stay; what is removed between two of them belongs to it. Nobody else reads the tensors inside, and
    all constants and units lie along one axis.
    """
    kept = {id(candidate) for candidate in search.refused}
    readers = {candidate.x.name: candidate for candidate in search.units.candidates}
    used: set[str] = set()
    found = {}
    for candidate in search.units.candidates:
        if id(candidate) not in kept or candidate.node.name in used or not _fits([candidate]):
            continue
        run = [candidate]
        while (following := _sole_reader(search, run[-1], readers)) is not None and _fits([*run, following]):
            run.append(following)
        while id(run[-1]) not in kept:
            run.pop()
        used.update(member.node.name for member in run)
        stay = [member.node for member in run if id(member) in kept]
        host = [node for node in stay if _per_channel(node)] or stay
        found[host[-1].name] = tuple(member.node for member in run)
    return found


def _sole_reader(search: Search, candidate: Candidate, readers: Mapping[str, Candidate]) -> Candidate | None:
    name = candidate.y.name
    alone = len(search.units.readers.get(name, ())) == 1 and name not in search.units.outputs
    return readers.get(name) if alone else None


def _fits(run: Sequence[Candidate]) -> bool:
    """Whether constants and units vary along one axis at most."""
    arrays = [array for member in run for array in (member.affine.scale, member.x_gauge, member.y_gauge)]
    axes = {axis for array in arrays for axis, extent in enumerate(array.shape) if extent > 1}
    return len(axes) <= 1


def affine_of_run(nodes: Sequence[Node]) -> Affine:
    """The map that operators compute, each but the first reading the output of the one before."""
    affine = affine_of(nodes[0])
    for node in nodes[1:]:
        affine = affine.then(affine_of(node))
    return affine


def composed(nodes: Sequence[Node], stay: int, plan: Plan) -> Form | None:
    """What stands in the place of a run of which `stay` operators are left; None if nothing is fewer.

    A BatchNormalization is only made where one of the run works per channel: its parameters and its pass over the
    tensor are then no more than before.
    """
    if stay == 1:
        return None
    x, y = ends_of_run(nodes)
    scale, shift = in_units(affine_of_run(nodes), plan.unit(x.name), plan.unit(y.name))
    channels, per_channel = y.extent(1), any(map(_per_channel, nodes))
    on_axis_1 = all(axis == 1 for axis, extent in enumerate(scale.shape) if extent > 1)
    if channels is not None and per_channel and on_axis_1:
        parameters = normalization(along(scale, 1, channels), along(shift, 1, channels), DEFAULT_EPSILON)
        return (Step("BatchNormalization", parameters, attributes={"epsilon": DEFAULT_EPSILON}),)
    steps = [Step("Mul", {1: Computed.of(compressed(scale))})] if (scale != 1).any() else []
    if (shift != 0).any() or not steps:
        steps.append(Step("Add", {1: Computed.of(compressed(shift))}))
    return tuple(steps) if len(steps) < stay else None


def _per_channel(node: Node) -> bool:
    return (elements(node) or 1) > 1
