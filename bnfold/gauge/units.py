"""The units of every tensor, as ids of unknowns, and the equations that operators demand between them.

X = S * X' + T: X is what the original network computes, X' what the folded one stores, S and T are the unknowns. The
gauge of a tensor is an integer array that broadcasts against the tensor and names the unknown of every element. Moving
data moves ids; only operators that compute need equations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bnfold.affine import Affine
from bnfold.gauge.equations import GROUND, Equations, Ids, concatenated
from bnfold.gauge.linear_system import LinearSystem
from bnfold.network import Network, Node, OpaqueError, Tensor
from bnfold.plan import Code

MAX_FRESH = 1 << 14  # unknowns of one tensor that vary along several axes; attention maps would need millions
MAX_GAUGE = 1 << 22  # a gauge that needs more ids than this is not worth solving; its tensors keep their units


@dataclass(frozen=True)
class Demand:
    """Who asks for an equation and why; `text` continues the sentence that names the node."""

    node: str
    text: str
    removal: bool = False


class Requirements:
    """Equations in the three systems, written the way operators state them."""

    def __init__(self) -> None:
        self._batches: dict[Code, list[Equations]] = {Code.SCALE: [], Code.SIGN: [], Code.SHIFT: []}

    def scale(self, origin: int, y: Ids, terms: Sequence[Ids], factor: ArrayLike = 1.0) -> None:
        """S_y = factor * product of the S of `terms`; factor is never 0."""
        logarithm = np.log(np.abs(np.asarray(factor, np.float64)))
        negative = np.asarray(factor) < 0
        columns = [(1.0, y), *((-1.0, term) for term in terms)]
        self._add(Code.SCALE, origin, columns, logarithm, 1 + np.abs(logarithm))
        self._add(Code.SIGN, origin, [(1.0, ids) for _, ids in columns], negative, 0.0)

    def positive(self, origin: int, ids: Ids) -> None:
        """S > 0."""
        self._add(Code.SIGN, origin, [(1.0, ids)], 0.0, 0.0)

    def shift(
        self,
        origin: int,
        y: Ids,
        terms: Sequence[tuple[ArrayLike, Ids]],
        offset: ArrayLike = 0.0,
        magnitude: ArrayLike = 0.0,
    ) -> None:
        """T_y = offset + sum of coefficient * T over `terms`."""
        columns: list[tuple[ArrayLike, Ids]] = [(1.0, y)]
        columns += [(-np.asarray(coefficient, np.float64), ids) for coefficient, ids in terms]
        self._add(Code.SHIFT, origin, columns, offset, magnitude)

    def _add(
        self,
        code: Code,
        origin: int,
        columns: Sequence[tuple[ArrayLike, Ids]],
        right: ArrayLike,
        magnitude: ArrayLike,
    ) -> None:
        parts = (right, *(part for column in columns for part in column))
        shapes = {shape for part in parts if (shape := getattr(part, "shape", ()))}
        shape = shapes.pop() if len(shapes) == 1 else np.broadcast_shapes(*shapes)
        ids, coefficients = np.empty((len(columns), *shape), np.int64), np.empty((len(columns), *shape))
        rights, magnitudes = np.empty(shape), np.empty(shape)
        for k, (coefficient, unknowns) in enumerate(columns):
            ids[k], coefficients[k] = unknowns, coefficient
        rights[...], magnitudes[...] = right, magnitude
        n = rights.size
        self._batches[code].append(
            Equations(
                ids.reshape(len(columns), n),
                coefficients.reshape(len(columns), n),
                rights.reshape(n),
                magnitudes.reshape(n),
                np.full(n, origin),
            )
        )

    def batches(self, code: Code) -> list[Equations]:
        """The equations of one system."""
        return self._batches[code]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A per-channel affine operator that could be removed: y = affine(x), with its gauges.

    Attributes:
        dead: where the scale is exactly 0, so that y does not depend on x; shaped like the affine map.
        keepable: whether the node, kept, can be rewritten for any units that the equations allow.
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
    opaque: set[str] = field(default_factory=set)
    statistics: dict[str, Statistics] = field(default_factory=dict)
    operands: dict[str, dict[int, Ids]] = field(default_factory=dict)
    gauges: dict[str, Ids] = field(default_factory=dict)
    _count: int = GROUND + 1
    _free: list[Ids] = field(default_factory=list)
    _systems: dict[Code, LinearSystem] | None = None

    def __post_init__(self) -> None:
        self.readers: dict[str, list[Node]] = {}
        for node in self.network.nodes:
            for tensor in node.inputs:
                if tensor is not None:
                    self.readers.setdefault(tensor.name, []).append(node)
        self.outputs = {tensor.name for tensor in self.network.outputs}
        self.linear_outputs: set[str] = set()

    def demand(self, node: Node, text: str, *, removal: bool = False) -> int:
        """Register who asks; the number goes with every equation asked for."""
        self.demands.append(Demand(node.name, text, removal))
        return len(self.demands) - 1

    def of(self, tensor: Tensor) -> Ids:
        """The gauge of a tensor; original units (the ground) for what no rule has written."""
        gauge = self.gauges.get(tensor.name)
        return self.ground(0 if tensor.shape is None else len(tensor.shape)) if gauge is None else gauge

    def ground(self, rank: int) -> Ids:
        """The gauge of a tensor in original units."""
        return np.full((1,) * rank, GROUND, np.int64)

    def fresh(self, shape: Sequence[int], *, free: bool = False) -> Ids:
        """New unknowns; `free` ones are tied to little else and are the first to be solved for."""
        size = int(np.prod(shape, dtype=np.int64))
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
        axes = tuple(axis % gauge.ndim for axis in axes) if gauge.ndim else ()
        index = tuple(slice(None) if axis in axes else slice(0, 1) for axis in range(gauge.ndim))
        kept = gauge[index]
        if kept.size != gauge.size:
            self.same(origin, gauge, kept)
        return kept

    def same(self, origin: int, a: Ids, b: Ids) -> None:
        """Equal units, element by element after broadcasting."""
        a, b = np.broadcast_arrays(a, b)
        a, b = a[a != b], b[a != b]
        if a.size:
            self.structure.scale(origin, a, [b])
            self.structure.shift(origin, a, [(1.0, b)])

    def same_scale(self, origin: int, a: Ids, b: Ids) -> None:
        """Equal S, element by element after broadcasting."""
        a, b = np.broadcast_arrays(a, b)
        a, b = a[a != b], b[a != b]
        if a.size:
            self.structure.scale(origin, a, [b])

    def no_shift(self, origin: int, ids: Ids) -> None:
        """T = 0."""
        ids = np.unique(ids[ids != GROUND])
        if ids.size:
            self.structure.shift(origin, ids, [])

    def positive(self, origin: int, ids: Ids) -> None:
        """S > 0."""
        ids = np.unique(ids[ids != GROUND])
        if ids.size:
            self.structure.positive(origin, ids)

    def original(self, origin: int, ids: Ids) -> None:
        """S = 1, T = 0."""
        ids = np.unique(ids[ids != GROUND])
        if ids.size:
            self.structure.scale(origin, ids, [])
            self.structure.shift(origin, ids, [])

    def systems(self) -> dict[Code, LinearSystem]:
        """The three systems, holding the structure's equations."""
        if self._systems is None:
            self._systems = self._solved_structure()
        return {code: system.copy() for code, system in self._systems.items()}

    def _solved_structure(self) -> dict[Code, LinearSystem]:
        free = np.zeros(self._count, np.bool_)
        for ids in self._free:
            free[ids] = True
        systems = {
            Code.SCALE: LinearSystem(self._count, free),
            Code.SIGN: LinearSystem(self._count, free, modulus=2),
            Code.SHIFT: LinearSystem(self._count, free),
        }
        for code, system in systems.items():
            batch = concatenated(self.structure.batches(code))
            contradiction = None if batch is None else system.add(batch)
            assert contradiction is None, "original units satisfy every operator"
            system.flatten()
        return systems
