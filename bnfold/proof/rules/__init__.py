"""What every operator passes on: from the units of its inputs to those of its output, one small function each.

A rule either returns, and then the claim about the output follows for every input of the network, or raises
`UnprovedError`. An operator without a rule must read and write original units only.
"""

from __future__ import annotations

from collections.abc import Mapping

from bnfold.proof.core.units import UnprovedError
from bnfold.proof.reading import movement
from bnfold.proof.rules.elementwise import add, clip, extremum, homogeneous, matmul, multiply
from bnfold.proof.rules.pair import Pair, Rule, opaque, same_call
from bnfold.proof.rules.shaping import concat, extents, moves, pad, part, reshape
from bnfold.proof.rules.windows import average_pool, max_pool, reduce_extremum, reduce_mean, reduce_sum, resize

TABLE: Mapping[str, Rule] = {
    "Abs": homogeneous,
    "Add": add,
    "AveragePool": average_pool,
    "Clip": clip,
    "Concat": concat,
    "DepthToSpace": moves(movement.depth_to_space),
    "Div": multiply,
    "Expand": reshape,
    "Flatten": reshape,
    "Gather": moves(movement.gather),
    "GlobalAveragePool": average_pool,
    "GlobalMaxPool": max_pool,
    "LeakyRelu": homogeneous,
    "MatMul": matmul,
    "Max": extremum,
    "MaxPool": max_pool,
    "Min": extremum,
    "Mul": multiply,
    "PRelu": homogeneous,
    "Pad": pad,
    "ReduceMax": reduce_extremum,
    "ReduceMean": reduce_mean,
    "ReduceMin": reduce_extremum,
    "ReduceSum": reduce_sum,
    "Relu": homogeneous,
    "Reshape": reshape,
    "Resize": resize,
    "SequenceAt": part,
    "Shape": extents,
    "Size": extents,
    "Slice": moves(movement.slice_),
    "SpaceToDepth": moves(movement.space_to_depth),
    "Split": part,
    "Squeeze": reshape,
    "Sub": add,
    "Sum": add,
    "Transpose": moves(movement.transpose),
    "Unsqueeze": reshape,
    "Upsample": resize,
}


def follows(pair: Pair) -> None:
    """Demand that the claim about a tensor follows from what is proved about the inputs of the node that writes it."""
    rule = TABLE.get(pair.node.op, opaque)
    if rule is not part:
        same_call(pair)
    if pair.node.attributes.get("broadcast"):  # opset 6 and older: operands meet at another axis than the last
        rule = opaque
    try:
        rule(pair)
    except UnprovedError as error:
        try:  # whatever a rule asks for: what reads and writes original units and is the same computes the same
            same_call(pair)
            opaque(pair)
        except UnprovedError:
            raise error from None
