"""Weights stored as integers times scales: units change the scales, and the integers stay as they are.

A linear layer multiplies its weight by S_x / S_y per pair of input and output channel. That can go into the scales only
where it is the same for all elements that share one, and positive, as runtimes expect of a scale.
"""

from __future__ import annotations

import numpy as np

from bnfold.gauge.equations import Ids
from bnfold.gauge.units import Units
from bnfold.network import Node, Tensor


def bind(node: Node, units: Units, weight: Tensor, x: Ids, y: Ids, *, contracted: int, groups: int = 1) -> None:
    """Ask of the units what keeps the integers of a quantized weight as they are; of other weights nothing.

    Args:
        node, units: where, and what the equations go to.
        weight: the first two axes lead to the input and the output channels, the first of them through all groups.
        x, y: units of the input and output channels, as many as there are or one for all.
        contracted: the axis of the weight that leads to the input channels, 0 or 1.
        groups: how many.
    """
    quantization = weight.quantization
    if quantization is None:
        return
    units.quantized.add(node.name)
    assert weight.constant is not None
    shape, blocks = weight.constant.shape, quantization.blocks_for(1 - contracted)
    outer, inner = (x, y) if contracted == 0 else (y, x)
    outer = np.broadcast_to(outer.reshape(-1), (shape[0],))
    inner = np.broadcast_to(inner.reshape(-1), (groups * shape[1],)).reshape(groups, shape[1])
    shares = units.demand(node, "has a quantized weight, in which channels share a scale")
    joined = np.flatnonzero(_continues(shape[0], blocks[0]))
    units.same_scale(shares, outer[joined], outer[joined + 1])
    beside = np.flatnonzero(_continues(shape[1], blocks[1]))
    units.same_scale(shares, inner[:, beside], inner[:, beside + 1])
    size = shape[0] // groups
    spanned = (joined[(joined + 1) % size == 0] + 1) // size
    units.same_scale(shares, inner[spanned - 1], inner[spanned])
    positive = units.demand(node, "has a quantized weight, whose scales must be positive")
    units.positive(positive, x)
    units.positive(positive, y)


def _continues(extent: int, block: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether the next index lies in the same block, for all indices but the last."""
    index = np.arange(max(extent - 1, 0))
    return np.asarray(index // block == (index + 1) // block)
