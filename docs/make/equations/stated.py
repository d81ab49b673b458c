"""What the rule of an operator states about one call, found by running it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir

from bnfold.gauge import relaxed, rules
from bnfold.gauge.equations import GROUND, Ids
from bnfold.gauge.requirements import Requirements, Statement
from bnfold.gauge.units import Candidate, Units
from bnfold.graph.facts import read_facts
from bnfold.graph.prepare import prepare
from bnfold.network import Network, Node
from bnfold.plan import Code
from docs.make.equations.case import Case


@dataclass(frozen=True)
class Stated:
    """The units around one call, and the equations between them.

    Attributes:
        node: the call.
        gauges: the units of its free operands, of constants that it reads as data, and of its outputs, by name.
        alike: by free operand, the axes along which its elements must share their units.
        mixing: why.
        structure: what holds whether an operator is removed or not.
        candidate: what else its removal asks for, if it may be removed.
        wishes: what it would like to hold, but can do without.
        texts: why, by the number that goes with every statement.
        removals: the numbers of those who ask because they are removed.
        opaque: whether its rule could tell nothing of these units.
    """

    node: Node
    gauges: Mapping[str, Ids]
    alike: Mapping[str, tuple[int, ...]]
    mixing: Sequence[str]
    structure: Requirements
    candidate: Candidate | None
    wishes: Requirements
    texts: Sequence[str]
    removals: frozenset[int]
    opaque: bool

    @property
    def kept(self) -> Requirements:
        """What a candidate asks for if it stays."""
        more = None if self.candidate is None else self.candidate.kept
        return self.structure if more is None else _together(self.structure, more)

    def why(self, requirements: Requirements) -> Sequence[str]:
        """The sentences of what is asked, in the order in which the rule gives them."""
        origins = {each.origin for statements in vars(requirements).values() for each in statements}
        return [self.texts[origin] for origin in sorted(origins) if origin not in self.removals]


def stated(case: Case, *, relax: bool = False) -> Stated:
    """Run the rule twice: on units that vary along all axes, and along one of those along which they may."""
    network = read(case)
    axes = {free.name: [axis for axis, extent in enumerate(free.shape) if extent > 1] for free in case.free}
    first = _run(case, network, axes, relax)
    if first.opaque:
        alike = {name: tuple(a for a in axes[name] if _run(case, network, {name: [a]}, relax).opaque) for name in axes}
        alike = {name: () if list(found) == axes[name] else found for name, found in alike.items()}
    else:
        alike = {name: _alike(first, name) for name in axes}
    kept = {}
    for name in axes:
        may = [axis for axis in axes[name] if axis not in alike[name]]
        kept[name] = [1] if 1 in may else may[-1:]
    return replace(_run(case, network, kept, relax), alike=alike, mixing=_mixing(first))


def read(case: Case) -> Network:
    """The facts of a call."""
    model = ir.from_proto(case.model())
    prepare(model)
    return read_facts(model).network


def _run(case: Case, network: Network, vary: Mapping[str, Sequence[int]], relax: bool) -> Stated:
    """The equations where the units of every free operand vary along some axes."""
    node = next(node for node in network.nodes if node.name == case.op)
    instead: dict[str, Callable[[Node, Units], None]] = {
        free.name: _source([extent if axis in vary.get(free.name, ()) else 1 for axis, extent in enumerate(free.shape)])
        for free in case.free
    }
    if relax:
        instead[node.name] = relaxed.TABLE[node.op].rule
    units = rules.read(network, instead=instead)
    sources = {free.name for free in case.free}
    of = {
        each.name: units.of(y) for each in network.nodes if each.name in sources for y in each.outputs if y is not None
    }
    of |= zip("k", units.operands.get(node.name, {}).values(), strict=False)
    written = [tensor for tensor in node.outputs if tensor is not None]
    names = ["y"] if len(written) == 1 else [f"y{'₁₂₃'[i]}" for i in range(len(written))]
    of |= {name: units.of(tensor) for name, tensor in zip(names, written, strict=True)}
    who = {node.name, *(tensor.name for tensor in network.outputs if case.public)}
    own = frozenset(i for i, demand in enumerate(units.demands) if demand.node in who)
    candidate = next((each for each in units.candidates if each.node is node), None)
    wishes = units.wishes.get(node.name, Requirements())
    texts = [demand.text for demand in units.demands]
    opaque = node.name in units.opaque
    removals = frozenset(i for i, demand in enumerate(units.demands) if demand.removal)
    return Stated(node, of, {}, (), _only(units.structure, own), candidate, _only(wishes, own), texts, removals, opaque)


def _source(shape: Sequence[int]) -> Callable[[Node, Units], None]:
    def rule(node: Node, units: Units) -> None:
        (y,) = (tensor for tensor in node.outputs if tensor is not None)
        units.gauges[y.name] = units.fresh(shape)

    return rule


def _only(requirements: Requirements, origins: frozenset[int]) -> Requirements:
    """What these ask for."""
    found = Requirements()
    for name, statements in vars(requirements).items():
        setattr(found, name, [statement for statement in statements if statement.origin in origins])
    return found


def _mixing(found: Stated) -> Sequence[str]:
    """Why elements of one operand must share their units."""
    members = [{int(i) for i in found.gauges[name].flat} for name in found.gauges if not name.startswith("y")]
    origins = {
        statement.origin
        for code in (Code.SCALE, Code.SHIFT)
        for statement in found.structure.statements(code)
        if any(a in ids and b in ids for a, b in _pairs(statement)[:1] for ids in members)
    }
    return [] if found.opaque else [found.texts[origin] for origin in sorted(origins)]


def _together(first: Requirements, second: Requirements) -> Requirements:
    both = first.twin()
    for name, statements in vars(second).items():
        getattr(both, name).extend(statements)
    return both


def _alike(found: Stated, name: str) -> tuple[int, ...]:
    """The axes of an operand along which all elements are asked to share their units."""
    gauge = found.gauges[name]
    scale, shift = (_ends(gauge, found.structure.statements(code)) for code in (Code.SCALE, Code.SHIFT))
    axes = [axis for axis, extent in enumerate(gauge.shape) if extent > 1]
    return tuple(axis for axis in axes if all((ends == ends.take([0], axis)).all() for ends in (scale, shift)))


def _ends(gauge: Ids, statements: Sequence[Statement]) -> Ids:
    """One number for all elements of a gauge that two-term equations tie to each other."""
    group = {int(i): int(i) for i in gauge.flat}

    def end(i: int) -> int:
        while group[i] != i:
            i = group[i]
        return i

    for statement in statements:
        for a, b in _pairs(statement):
            if a in group and b in group:
                group[end(a)] = end(b)
    return np.asarray([end(int(i)) for i in gauge.flat]).reshape(gauge.shape)


def _pairs(statement: Statement) -> list[tuple[int, int]]:
    if len(statement.ids) != 2:
        return []
    a, b = (np.broadcast_to(part, statement.size) for part in statement.ids)
    return [(int(i), int(j)) for i, j in zip(a, b, strict=True) if GROUND not in (i, j)]
