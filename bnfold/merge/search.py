"""Choose the regions to merge: those that cost no more as one operator, and of those that overlap the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bnfold.merge.cost import layer_cost, node_cost
from bnfold.merge.plan import Apart, Cost, Merge, MergePlan, NearMiss
from bnfold.merge.regions import SUMS, Misfit, Region, Regions
from bnfold.merge.terms import LAYERS, read
from bnfold.network import Network, Node


def find_merges(network: Network, withdrawn: Mapping[str, Apart] | None = None) -> MergePlan:
    """Decide which linear operators become one.

    Args:
        network: the facts.
        withdrawn: nodes that must stay as they are, by name, with the reason that the report will give. A merge is
            withdrawn by any of its nodes.

    Returns:
        Merges that do not overlap, each of which costs no more than what it replaces.
    """
    return _Search(network, withdrawn or {}).plan()


class _Search:
    def __init__(self, network: Network, withdrawn: Mapping[str, Apart]) -> None:
        self._nodes = network.nodes
        self._withdrawn = withdrawn
        self._terms = [read(node) for node in network.nodes]
        self._outputs = {tensor.name for tensor in network.outputs}
        self._readers: dict[str, set[int]] = {}
        for position, node in enumerate(network.nodes):
            for tensor in node.inputs:
                if tensor is not None:
                    self._readers.setdefault(tensor.name, set()).add(position)
        self._chosen: dict[int, tuple[frozenset[int], Merge]] = {}

    def plan(self) -> MergePlan:
        regions = Regions(self._nodes, self._terms)
        misses = []
        for position, node in enumerate(self._nodes):
            found, misfits = regions.visit(position)
            answers = [(region, self._consider(region)) for region in found if self._is_candidate(region)]
            if not any(isinstance(answer, Merge) for _, answer in answers):
                misses += self._near_miss(node, [(region.source.name, code) for region, code in answers], misfits)
        merges = {id(merge): merge for _, (_, merge) in sorted(self._chosen.items())}
        taken = {name for merge in merges.values() for name in merge.nodes}
        return MergePlan(tuple(merges.values()), tuple(miss for miss in misses if miss.node not in taken))

    def _is_candidate(self, region: Region) -> bool:
        """Whether there are several operators, and a layer among them that can hold the others."""
        return len(region.nodes) > 1 and any(self._nodes[i].op in LAYERS for i in region.nodes)

    def _consider(self, region: Region) -> Merge | Apart:
        """Choose the region, unless it must not or need not be merged."""
        positions = sorted(region.nodes)
        nodes = [self._nodes[i] for i in positions]
        withdrawn = next((self._withdrawn[node.name] for node in nodes if node.name in self._withdrawn), None)
        if withdrawn is not None:
            return withdrawn
        if any(self._is_read_outside(node, region.nodes) for node in nodes[:-1]):
            return Apart.READERS
        merge = self._merge(region, positions)
        if merge.after.multiply_adds > merge.before.multiply_adds or merge.after.weights > merge.before.weights:
            return Apart.DEARER
        self._choose(region.nodes, merge)
        return merge

    def _is_read_outside(self, node: Node, region: frozenset[int]) -> bool:
        names = [tensor.name for tensor in node.outputs if tensor is not None]
        return any(name in self._outputs or not self._readers.get(name, set()) <= region for name in names)

    def _merge(self, region: Region, positions: Sequence[int]) -> Merge:
        window = region.window
        assert window is not None
        nodes = [self._nodes[i] for i in positions]
        costs = [node_cost(self._nodes[i], self._terms[i]) for i in positions]
        layers = [(cost.weights, i, node) for i, (node, cost) in enumerate(zip(nodes, costs, strict=True))]
        _, _, host = max(layer for layer in layers if layer[2].op in LAYERS)
        y = nodes[-1].outputs[0]
        assert y is not None
        biased = any(term.biased() for i in positions if (term := self._terms[i]) is not None)
        op = "Conv" if window.spans else "Gemm" if window.axis == 1 and biased else "MatMul"
        return Merge(
            nodes=tuple(node.name for node in nodes),
            ops=tuple(node.op for node in nodes),
            input=region.source.name,
            output=y.name,
            into=host.name,
            op=op,
            window=window,
            biased=biased,
            before=sum(costs, Cost(0, 0)),
            after=layer_cost(y, window),
        )

    def _choose(self, region: frozenset[int], merge: Merge) -> None:
        """Take the merge in the place of those that overlap it, if it saves no less than all of them."""
        rivals = {id(rival): (nodes, rival) for i in region if i in self._chosen for nodes, rival in [self._chosen[i]]}
        if sum(_saving(rival) for _, rival in rivals.values()) > _saving(merge):
            return
        for nodes, _ in rivals.values():
            for i in nodes:
                del self._chosen[i]
        self._chosen.update(dict.fromkeys(region, (region, merge)))

    def _near_miss(
        self, node: Node, refused: Sequence[tuple[str, Merge | Apart]], misfits: Sequence[Misfit]
    ) -> list[NearMiss]:
        """Why a sum of branches of one tensor, or a layer behind a layer, stays; the reason of the nearest input."""
        reasons = [(source, code) for source, code in refused if isinstance(code, Apart)]
        reasons = [(misfit.source.name, misfit.code) for misfit in misfits] + reasons
        if node.op not in SUMS:
            follows = node.op in LAYERS and self._follows_a_layer(node)
            reasons = [(source, code) for source, code in reasons if follows and code is not Apart.READERS]
        return [NearMiss(node.name, node.op, *reasons[0])] if reasons else []

    def _follows_a_layer(self, node: Node) -> bool:
        x = node.inputs[0]
        written = (tensor for other in self._nodes if other.op in LAYERS for tensor in other.outputs)
        return x is not None and any(tensor is not None and tensor.name == x.name for tensor in written)


def _saving(merge: Merge) -> int:
    return merge.before.multiply_adds - merge.after.multiply_adds
