"""The numbers of a region: it is run once, on linear maps instead of tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bnfold.merge.maps import LinearMap
from bnfold.merge.plan import Merge
from bnfold.merge.regions import extents_of
from bnfold.merge.terms import read
from bnfold.merge.window import Extents
from bnfold.network import Computed, Network, Node, Tensor


def merged_constants(network: Network, merge: Merge) -> Mapping[int, Computed]:
    """What the constants of a merged operator are, by input index; they are computed when asked for.

    Args:
        network: the facts that the merge was found in.
        merge: one of its merges.

    Returns:
        float64, without rounding in between: the weight at index 1 (of a Conv [Cout, Cin / group, *kernel], of a Gemm
        or MatMul [Cin, Cout]) and, if it has one, the bias [Cout] at index 2.
    """
    names, window = set(merge.nodes), merge.window
    nodes = [node for node in network.nodes if node.name in names]

    def whole() -> LinearMap:
        return linear_map(nodes, merge.input).like(window)

    weight = Computed(window.weight_shape, lambda: whole().weight)
    if merge.op != "Conv":
        weight = Computed(window.weight_shape[::-1], lambda: whole().weight.T)
    return {1: weight, 2: Computed((window.outputs,), lambda: whole().bias)} if merge.biased else {1: weight}


def linear_map(nodes: Sequence[Node], source: str) -> LinearMap:
    """What a region computes.

    Args:
        nodes: its nodes, in network order.
        source: the tensor that all of it starts from.

    Returns:
        The map from that tensor to the output of the last node.

    Raises:
        MisfitError: the region is no linear map of the kind that one operator computes.
    """
    x = next(tensor for node in nodes for tensor in node.inputs if tensor is not None and tensor.name == source)
    maps = {source: LinearMap.scalar(1.0)}
    for node in nodes:
        y = node.outputs[0]
        assert y is not None
        maps[y.name] = result = _mapped(node, maps, extents_of(x))
    return result


def _mapped(node: Node, maps: Mapping[str, LinearMap], extents: Extents) -> LinearMap:
    term = read(node)
    if term is not None:
        return maps[term.x.name].then(term.map(), extents)
    first, *others = (maps[_name(tensor)] for tensor in node.inputs)
    for other in others:
        first = first.plus(-other if node.op == "Sub" else other, extents)
    return first


def _name(tensor: Tensor | None) -> str:
    assert tensor is not None
    return tensor.name
