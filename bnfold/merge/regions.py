"""Every region of a network that is one linear map of one tensor.

What lies between a tensor s and a later tensor t is one linear map of s if all paths back from t reach s through linear
operators and sums. The shape of that map is found step by step, from t's producer and the maps of what it reads; the
numbers are not needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bnfold.merge.plan import Apart, MisfitError
from bnfold.merge.span import Span
from bnfold.merge.terms import Term
from bnfold.merge.window import Extents, Window
from bnfold.network import Node, Tensor

SUMS = frozenset({"Add", "Sub", "Sum"})
MAX_SPATIAL = 3
MAX_SOURCES = 64
"""For one tensor no more inputs of a region are tried than this, the nearest first."""


@dataclass(frozen=True)
class Region:
    """All that lies between two tensors.

    Attributes:
        source: the tensor it maps.
        window: the shape of the map; None if it multiplies every element with the same number.
        nodes: positions of its nodes in the network.
    """

    source: Tensor
    window: Window | None
    nodes: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Misfit:
    """A region that is no linear map of the kind that one operator computes."""

    source: Tensor
    code: Apart


class Regions:
    """The regions that end at each tensor, found in network order.

    Args:
        nodes: of the network.
        terms: what each node is as a linear map; None for all others.
    """

    def __init__(self, nodes: Sequence[Node], terms: Sequence[Term | None]) -> None:
        self._nodes = nodes
        self._terms = terms
        self._of: dict[tuple[str, str], list[Region]] = {}

    def visit(self, position: int) -> tuple[list[Region], list[Misfit]]:
        """The regions that end with the node at `position`, and why others do not; nodes must be visited in order."""
        node, term = self._nodes[position], self._terms[position]
        found: list[Region] = []
        misfits: list[Misfit] = []
        starts = [] if term is None and node.op not in SUMS else self._starts(node, term)
        for parts in starts:
            source = parts[0].source
            try:
                window = self._chain(parts[0], term) if term is not None else _sum(parts)
            except MisfitError as misfit:
                misfits.append(Misfit(source, misfit.code))
                continue
            nodes = frozenset[int]().union(*(part.nodes for part in parts))
            found.append(Region(source, window, nodes | {position}))
        y = node.outputs[0]
        if y is not None and found:
            self._of[y.name, node.body] = [Region(y, None), *found][:MAX_SOURCES]
        return found, misfits

    def _starts(self, node: Node, term: Term | None) -> list[tuple[Region, ...]]:
        """The regions that end at what the node reads: one of a linear operator, one per operand of a sum."""
        if term is not None:
            return [(region,) for region in self._until(term.x, node.body)]
        operands = [tensor for tensor in node.inputs if tensor is not None]
        variable = all(tensor.constant is None and tensor.floating for tensor in operands)
        if node.opaque or len(operands) < 2 or not variable or node.attributes.get("broadcast"):
            return []
        first, *others = (
            {region.source.name: region for region in self._until(tensor, node.body)} for tensor in operands
        )
        shared = [name for name in first if all(name in other for other in others)]
        return [(first[name], *(other[name] for other in others)) for name in shared]

    def _until(self, tensor: Tensor, body: str) -> list[Region]:
        """The regions that end at a tensor, as far as they lie in this body: another one may run more often."""
        found = self._of.get((tensor.name, body))
        return found or [Region(tensor, None)]

    def _chain(self, region: Region, term: Term) -> Window | None:
        first, second = region.window, term.window
        if second is None:
            return first
        if first is None:
            first = Window(second.axis, second.inputs, second.inputs, second.inputs, (Span(),) * len(second.spans))
        biased = second.pads and any(part.biased() for i in region.nodes if (part := self._terms[i]) is not None)
        return first.then(second, extents_of(region.source), biased=biased)


def _sum(parts: Sequence[Region]) -> Window | None:
    shapes = [part.window for part in parts]
    known = next((window for window in shapes if window is not None), None)
    if known is None:
        return None
    first, *others = (known.identity() if window is None else window for window in shapes)
    for window in others:
        first = first.plus(window, extents_of(parts[0].source))
    return first


def extents_of(source: Tensor) -> Extents:
    """The extents of a tensor from axis 2 on, where known."""
    return [source.extent(axis) for axis in range(2, len(source.shape or ()))] or [None] * MAX_SPATIAL
