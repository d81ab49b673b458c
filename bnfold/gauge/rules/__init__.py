"""What every operator demands of the units around it: one table, one small function per operator family.

A rule reads the gauges of its inputs from `units`, writes those of its outputs, and adds equations in between. It knows
nothing of graphs, files or torch. An operator without a rule keeps the original units on all sides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bnfold.affine_operators import RefusedError
from bnfold.gauge.rules import activation, affine, arithmetic, linear, movement, pooling
from bnfold.gauge.units import Demand, Units
from bnfold.network import Network, Node, OpaqueError

Rule = Callable[[Node, Units], None]

TABLE: Mapping[str, Rule] = {
    "BatchNormalization": affine.batch_normalization,
    "Conv": linear.conv,
    "ConvTranspose": linear.conv_transpose,
    "Gemm": linear.gemm,
    "MatMul": linear.matmul,
    "Add": arithmetic.add,
    "Sub": arithmetic.add,
    "Sum": arithmetic.add,
    "Mul": arithmetic.multiply,
    "Div": arithmetic.multiply,
    "Neg": arithmetic.negate,
    "Max": arithmetic.extremum,
    "Min": arithmetic.extremum,
    "Abs": activation.homogeneous,
    "Relu": activation.homogeneous,
    "LeakyRelu": activation.homogeneous,
    "PRelu": activation.prelu,
    "Clip": activation.clip,
    "MaxPool": pooling.max_pool,
    "GlobalMaxPool": pooling.max_pool,
    "AveragePool": pooling.average_pool,
    "GlobalAveragePool": pooling.average_pool,
    "ReduceMean": pooling.reduce_mean,
    "ReduceMax": pooling.reduce_max,
    "ReduceMin": pooling.reduce_max,
    "ReduceSum": pooling.reduce_sum,
    "Identity": movement.identity,
    "Dropout": movement.dropout,
    "Transpose": movement.transpose,
    "Reshape": movement.reshape,
    "Flatten": movement.reshape,
    "Squeeze": movement.reshape,
    "Unsqueeze": movement.reshape,
    "Expand": movement.expand,
    "Concat": movement.concat,
    "Split": movement.split,
    "Slice": movement.slice_,
    "Gather": movement.gather,
    "DepthToSpace": movement.depth_to_space,
    "SpaceToDepth": movement.space_to_depth,
    "Pad": movement.pad,
    "Resize": movement.resize,
    "Upsample": movement.resize,
}


READS_SHAPE_ONLY: Mapping[str, int] = {"Shape": 0, "Size": 0, "CastLike": 1}
"""Operators that read only the shape or type of this input, and so demand nothing of its units."""


def read(network: Network, pinned: frozenset[str] = frozenset(), instead: Mapping[str, Rule] | None = None) -> Units:
    """Walk the network once and collect what every operator demands.

    Args:
        network: the facts.
        pinned: names of nodes around which all units stay as they are.
        instead: by node name, rules that take the place of those of the table.
    """
    units = Units(network)
    for node in network.nodes:
        rule = (instead or {}).get(node.name, TABLE.get(node.op))
        aligned = node.attributes.get("broadcast")  # opset 6 and older: operands meet at another axis than the last
        if rule is None or node.opaque or aligned or node.name in pinned:
            _keep_units(node, units)
            continue
        try:
            rule(node, units)
        except RefusedError as refusal:
            units.refused[node.name] = refusal.code
            _keep_units(node, units)
        except OpaqueError:
            _keep_units(node, units)
    for tensor in network.outputs:
        gauge = units.of(tensor)
        units.demands.append(Demand(tensor.name, "is an output of the model, which must not change"))
        units.original(len(units.demands) - 1, gauge)
    return units


def _keep_units(node: Node, units: Units) -> None:
    units.opaque.add(node.name)
    units.operands.pop(node.name, None)
    units.wishes.pop(node.name, None)
    needs = units.demand(node, "is no linear or per-channel operator and needs its input unchanged")
    for index, tensor in enumerate(node.inputs):
        if tensor is not None and READS_SHAPE_ONLY.get(node.op) != index:
            units.original(needs, units.of(tensor))
    for tensor in node.outputs:
        if tensor is not None:
            units.gauges.pop(tensor.name, None)
