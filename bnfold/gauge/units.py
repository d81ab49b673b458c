"""The units of every tensor, as ids of unknowns, and the equations that operators demand between them.

X = S * X' + T: X is what the original network computes, X' what the folded one stores, S and T are the unknowns. The
gauge of a tensor is an integer array that broadcasts against the tensor and names the unknown of every element. Moving
data moves ids; only operators that compute need equations.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnfold.affine import Affine
from bnfold.gauge.equations import GROUND, Ids
from bnfold.gauge.linear_system import LinearSystem
from bnfold.gauge.requirements import SYSTEMS, Requirements, by_width, compiled
from bnfold.network import Network, Node, OpaqueError, Tensor
from bnfold.plan import Code

MAX_FRESH = 1 << 14  # unknowns of one tensor that vary along several axes; attention maps would need millions
MAX_GAUGE = 1 << 22  # a gauge that needs more ids than this is not worth solving; its tensors keep their units


class Demand(NamedTuple):
    """Who asks for an equation and why; `text` continues the sentence that names the node."""

    node: str
    text: str
    removal: bool = False


@dataclass(frozen=True, eq=False)
class Candidate:
    """A per-channel affine operator that could be removed: y = affine(x), with its gauges.

    Attributes:
        dead: where the scale is exactly 0, so that y does not depend on x; shaped like the affine map.
        keepable: whether the node, kept, can be rewritten for any units that the equations and `kept` allow.
        kept: what it demands only if it stays.
    """

    node: Node
    x: Tensor
    y: Tensor
    x_gauge: Ids
    y_gauge: Ids
    affine: Affine
    dead: NDArray[np.bool_]
    keepable: bool
    requirements: Requirements
    kept: Requirements | None = None


@dataclass(frozen=True)
class Statistics:
    """Where the values of a tensor lie, as its batch normalization knows: mean and spread, shaped like its gauge."""

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]


@dataclass
class Units:
    """What the rules write into while the network is walked once, front to back."""

    network: Network
    demands: list[Demand] = field(default_factory=list)
    structure: Requirements = field(default_factory=Requirements)
    candidates: list[Candidate] = field(default_factory=list)
    refused: dict[str, Code] = field(default_factory=dict)
    linear: set[str] = field(default_factory=set)
    quantized: set[str] = field(default_factory=set)
    opaque: set[str] = field(default_factory=set)
    statistics: dict[str, Statistics] = field(default_factory=dict)
    operands: dict[str, dict[int, Ids]] = field(default_factory=dict)
    wishes: dict[str, Requirements] = field(default_factory=dict)
    gauges: dict[str, Ids] = field(default_factory=dict)
    _count: int = GROUND + 1
    _free: list[Ids] = field(default_factory=list)
    _demanded: dict[tuple[str, int, int], Ids] = field(default_factory=dict)
    _systems: dict[Code, LinearSystem] | None = None

    def __post_init__(self) -> None:
        self.readers: dict[str, list[Node]] = {}
        for node in self.network.nodes:
            for tensor in node.inputs:
                if tensor is not None:
                    self.readers.setdefault(tensor.name, []).append(node)
        self.outputs: set[str] = {tensor.name for tensor in self.network.outputs}
        self.linear_outputs: set[str] = set()

    def demand(self, node: Node, text: str, *, removal: bool = False) -> int:
        """Register who asks; the number goes with every equation asked for."""
        self.demands.append(Demand(node.name, text, removal))
        return len(self.demands) - 1

    @contextmanager
    def wish(self, node: Node) -> Iterator[None]:
        """Set the equations stated meanwhile aside: a relaxed node would like them to hold, but can do without."""
        structure, self.structure = self.structure, self.wishes.setdefault(node.name, Requirements())
        try:
            yield
        finally:
            self.structure = structure

    def of(self, tensor: Tensor) -> Ids:
        """The gauge of a tensor; original units (the ground) for what no rule has written."""
        gauge = self.gauges.get(tensor.name)
        return self.ground(0 if tensor.shape is None else len(tensor.shape)) if gauge is None else gauge

    def ground(self, rank: int) -> Ids:
        """The gauge of a tensor in original units."""
        return np.full((1,) * rank, GROUND, np.int64)

    def fresh(self, shape: Sequence[int], *, free: bool = False) -> Ids:
        """New unknowns; `free` ones are tied to little else and are the first to be solved for."""
        size = math.prod(shape)
        if size > MAX_FRESH and sum(extent > 1 for extent in shape) > 1:
            raise OpaqueError
        ids = np.arange(self._count, self._count + size)
        self._count += size
        if free:
            self._free.append(ids)
        return ids.reshape(shape)

    def operand(self, node: Node, index: int, room: Sequence[int]) -> Ids:
        """The gauge of a constant that a node reads as data: a private copy can have any units of this shape."""
        ids = self.fresh(room, free=True)
        self.operands.setdefault(node.name, {})[index] = ids
        return ids

    def along(self, origin: int, gauge: Ids, *axes: int) -> Ids:
        """The gauge with extent 1 on all other axes; elements that differ only there must share their units."""
        if len(axes) == 1 and gauge.ndim and gauge.size == gauge.shape[axes[0]]:
            return gauge
        axes = tuple(axis % gauge.ndim for axis in axes) if gauge.ndim else ()
        index = tuple(slice(None) if axis in axes else slice(0, 1) for axis in range(gauge.ndim))
        kept = gauge[index]
        if kept.size != gauge.size:
            self.same(origin, gauge, kept)
        return kept

    def same(self, origin: int, a: Ids, b: Ids) -> None:
        """Equal units, element by element after broadcasting."""
        a, b = _unequal(a, b)
        if a.size:
            self.structure.scale(origin, a, [b])
            self.structure.shift(origin, a, [(1.0, b)])

    def same_scale(self, origin: int, a: Ids, b: Ids) -> None:
        """Equal S, element by element after broadcasting."""
        a, b = _unequal(a, b)
        if a.size:
            self.structure.scale(origin, a, [b])

    def no_shift(self, origin: int, ids: Ids) -> None:
        """T = 0."""
        if self._is_new("no shift", ids) and (ids := _distinct(ids)).size:
            self.structure.shift(origin, ids, [])

    def positive(self, origin: int, ids: Ids) -> None:
        """S > 0."""
        if self._is_new("positive", ids) and (ids := _distinct(ids)).size:
            self.structure.positive(origin, ids)

    def original(self, origin: int, ids: Ids) -> None:
        """S = 1, T = 0."""
        if self._is_new("original", ids) and (ids := _distinct(ids)).size:
            self.structure.scale(origin, ids, [])
            self.structure.shift(origin, ids, [])

    def _is_new(self, demanded: str, gauge: Ids) -> bool:
        """Whether this is demanded of this array for the first time, in earnest or as one node's wish.

        The array is kept, so that its id stays its own.
        """
        key = (demanded, id(self.structure), id(gauge))
        new = key not in self._demanded
        self._demanded[key] = gauge
        return new

    def systems(self) -> dict[Code, LinearSystem]:
        """The systems that have something to say, holding the structure's equations.

        Original units satisfy every operator, so only removals bring negative factors: without any, all scales are
        positive and there is no system of signs.
        """
        if self._systems is None:
            self._systems = self._solved_structure()
        return {code: system.copy() for code, system in self._systems.items()}

    def _solved_structure(self) -> dict[Code, LinearSystem]:
        free = np.zeros(self._count, np.bool_)
        for ids in self._free:
            free[ids] = True
        signs = any((candidate.affine.scale < 0).any() for candidate in self.candidates)
        systems = {
            code: LinearSystem(self._count, free, modulus=2 if code == Code.SIGN else None)
            for code in SYSTEMS
            if signs or code != Code.SIGN
        }
        for code, system in systems.items():
            for statements in by_width(self.structure.statements(code)):
                contradiction = system.add(compiled(code, statements))
                assert contradiction is None, "original units satisfy every operator"
            system.flatten()
        return systems


def _unequal(a: Ids, b: Ids) -> tuple[Ids, Ids]:
    """The elements that differ, after broadcasting."""
    if a.shape != b.shape:
        a, b = np.broadcast_arrays(a, b)
    differ = a != b
    return a[differ], b[differ]


def _distinct(ids: Ids) -> Ids:
    """The unknowns of a gauge, each named once."""
    ids = ids.reshape(-1)
    ascending = ids.size and ids[0] != GROUND and bool((ids[1:] > ids[:-1]).all())
    return ids if ascending else np.unique(ids[ids != GROUND])
