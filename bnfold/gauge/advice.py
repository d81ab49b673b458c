"""What would let an operator go, told from the demand that it contradicts and the node that makes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bnfold.gauge.units import Demand
from bnfold.plan import Code

BY_DEMAND: Mapping[str, str] = {
    "pads with zeros, which a shift would change": "pad in front of this operator instead of in {node}",
    "counts zero padding in, which a shift would change": "let {node} leave its padding out (count_include_pad=0)",
    "sums a varying number of inputs, which a shift would change": "put this operator behind {node}",
    "sums a number of elements that is not known": "fix the extents that {node} sums over",
    "passes no shift": (
        "let a convolution or linear layer without padding be all that reads {node}, or put this operator behind one"
    ),
    "adds tensors, which must have the same scale": "let the branches that {node} adds share one BN behind it",
    "multiplies or divides tensors, which may have no shift": "put this operator behind {node}",
    "is no linear or per-channel operator and needs its input unchanged": (
        "let a convolution or linear layer stand between this operator and {node}"
    ),
    "is an output of the model, which must not change": "leave {node} out of the outputs of the model",
    "has a quantized weight, in which channels share a scale": "quantize the weight of {node} per channel",
    "has no bias, and an Add of its own would cost more than it saves": "give {node} a bias",
    "is removed too": "only one of this operator and {node} can go; withdraw {node} to keep that one instead",
}
"""By what a rule says that its node does; `{node}` is that node."""

FEW = 4


def advice(code: Code, demand: Demand, channels: Sequence[int]) -> str | None:
    """What a user could change at this very place; None where no more can be said than of the code in general.

    Args:
        code: the system that contradicted.
        demand: what the removal contradicts.
        channels: in which channels.
    """
    if code is Code.SIGN:
        named = ", ".join(map(str, channels[:FEW]))
        more = f" and {len(channels) - FEW} more" if len(channels) > FEW else ""
        where = f"channel{'s' if len(channels) > 1 else ''} {named}{more}" if channels else "all channels"
        return f"train with a positive scale in {where}, which {demand.node} lets pass"
    found = BY_DEMAND.get(demand.text)
    return None if found is None else found.format(node=demand.node)
