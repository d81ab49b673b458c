"""Which nodes take up what a removed operator did: those it reaches through tensors that changed their units."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from bnfold.gauge.units import Units
from bnfold.network import Network, Node
from bnfold.plan import Unit


def absorbers(
    network: Network, units: Units, changed: Mapping[str, Unit], rewritten: frozenset[str]
) -> Callable[[Node], tuple[str, ...]]:
    """A function from a removed node to the names of the rewritten nodes around it, in network order.

    The walk starts at the node's input and output and goes, through nodes that pass units on, from one tensor with
    changed units to the next; it ends at linear layers and at what was rewritten.
    """
    writer = {tensor.name: node for node in network.nodes for tensor in node.outputs if tensor is not None}
    position = {node.name: index for index, node in enumerate(network.nodes)}

    def into(node: Node) -> tuple[str, ...]:
        found: set[str] = set()
        ends = [tensor for tensor in (*node.inputs[:2], *node.outputs[:1]) if tensor is not None]
        queue = deque(tensor.name for tensor in ends if tensor.constant is None)
        seen = set(queue)
        while queue:
            name = queue.popleft()
            if name not in changed:
                continue
            around = [writer[name]] if name in writer else []
            for other in (*around, *units.readers.get(name, ())):
                if other.name in rewritten:
                    found.add(other.name)
                elif other.name not in units.opaque:
                    tensors = [t.name for t in (*other.inputs, *other.outputs) if t is not None]
                    queue += [tensor for tensor in tensors if tensor not in seen]
                    seen.update(tensors)
        return tuple(sorted(found, key=position.__getitem__))

    return into
