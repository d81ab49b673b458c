"""A layer of the folded model behind a Pad: what it reads outside is another number than 0, or a channel of ones.

A shift T cannot pass zeros: the original reads 0 outside its input, and 0 = S v + T says what the folded model must
read there. If v differs between channels, a further channel of ones carries the shift, and is 0 outside like all.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bnfold.proof.maps.layers import Linear
from bnfold.proof.reading import movement
from bnfold.proof.reading.network import Network


def without_pad(network: Network, layer: Linear) -> Linear:
    """The layer as one that reads what a constant Pad in front of it reads; the same layer where there is none.

    Raises:
        UnprovedError: how far it pads is not known.
    """
    node = network.writer.get(layer.source, (None, 0))[0]
    shape = None if node is None else network.shape(node.inputs[0])
    if node is None or shape is None or node.op != "Pad" or layer.kind[0] != "Conv":
        return layer
    before, after = movement.pads(network, node, len(shape))
    value = movement.setting(network, node, 2, "value")
    number = 0.0 if value is None else float(np.asarray(value).reshape(-1)[0])
    if node.attributes.get("mode", "constant") != "constant" or before[:2].any() or after[0] or (after < 0).any():
        return layer
    source = node.inputs[0]
    if after[1]:
        channels, spatial = shape[1], before[2:].any() or after[2:].any()
        if spatial or number != 1 or layer.kind[-1] != 1 or not isinstance(channels, int):
            return layer
        (weight, more), (room, more_room) = (np.split(a, [channels], axis=1) for a in (layer.weight, layer.room()))
        ones = more.sum(1, keepdims=True, dtype=np.float64), more_room.sum(1, keepdims=True)
        return replace(layer, source=source, weight=weight, room=lambda: room, ones=ones)
    if layer.padded or (before < 0).any():
        return layer
    error = network.room(node.input(2)).reshape(-1)[:1] if value is not None and node.input(2) else ()
    pads = zip(before[2:].tolist(), after[2:].tolist(), strict=True)
    return replace(
        layer, source=source, kind=(*layer.kind[:3], *pads, layer.kind[-1]), border=(number, float(sum(error)))
    )
