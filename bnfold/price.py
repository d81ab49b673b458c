"""What a fold added and what it took away: operators by kind, channels, and multiply-adds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bnfold.network import Network, Node, Tensor


@dataclass(frozen=True)
class Price:
    """The difference between two networks.

    Attributes:
        added: operators of which there are more, with how many more.
        removed: operators of which there are fewer, with how many fewer.
        channels: input channels that convolutions got in addition.
        multiply_adds_before, multiply_adds_after: of all layers with constant weights, per sample; a spatial extent
            that is not known counts as 1.
    """

    added: Mapping[str, int]
    removed: Mapping[str, int]
    channels: int
    multiply_adds_before: int
    multiply_adds_after: int

    def to_json(self) -> dict[str, Any]:
        """The price as JSON-ready data."""
        return {
            "added": dict(self.added),
            "removed": dict(self.removed),
            "channels": self.channels,
            "multiply_adds": {"before": self.multiply_adds_before, "after": self.multiply_adds_after},
        }


def price_of(before: Network, after: Network) -> Price:
    """The price of turning one network into the other."""
    old, new = (Counter(node.op for node in network.nodes) for network in (before, after))
    widths = {node.name: _inputs(node) for node in before.nodes if node.op == "Conv"}
    more = [_inputs(node) - widths[node.name] for node in after.nodes if node.name in widths]
    return Price(
        dict(sorted((new - old).items())),
        dict(sorted((old - new).items())),
        sum(width for width in more if width > 0),
        *(sum(map(multiply_adds, network.nodes)) for network in (before, after)),
    )


def multiply_adds(node: Node) -> int:
    """How many multiply-adds a layer with constant weights takes per sample."""
    y, x = node.outputs[0], node.inputs[0] if node.inputs else None
    weights = [tensor for tensor in node.inputs[:2] if tensor is not None and tensor.constant is not None]
    if len(weights) != 1 or y is None or x is None:
        return 0
    shape = [extent if isinstance(extent, int) else 1 for extent in weights[0].shape or ()]
    if node.op == "Conv":
        return _size(y) * math.prod(shape[1:])
    if node.op == "ConvTranspose":
        return _size(x) * math.prod(shape[1:])
    if node.op == "Gemm":
        return _size(y) * shape[1 if node.attributes.get("transB", 0) else 0]
    if node.op == "MatMul":
        return _size(y) * shape[-1 if weights[0] is node.inputs[0] else -2]
    return 0


def _inputs(node: Node) -> int:
    weight = node.input(1)
    inputs = None if weight is None else weight.extent(1)
    return inputs or 0


def _size(tensor: Tensor) -> int:
    """Elements per sample."""
    return math.prod(dim for dim in (tensor.shape or ())[1:] if isinstance(dim, int))
