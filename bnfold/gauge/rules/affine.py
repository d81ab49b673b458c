"""The operators this project removes: y = a * x + b per channel.

Removed, its input and output are one stored tensor, so S_y = a S_x and T_y = a T_x + b. Kept, it is rewritten:
a' = gain_y * a * S_x and b' = gain_y * (a T_x + b) + offset_y, as far as its constants have room for that.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bnfold.affine import Affine
from bnfold.affine_operators import affine_of
from bnfold.gauge.equations import Ids
from bnfold.gauge.requirements import Requirements
from bnfold.gauge.units import Candidate, Statistics, Units
from bnfold.network import Node, Tensor


def batch_normalization(node: Node, units: Units) -> None:
    """BatchNormalization in inference mode; its channels lie on axis 1 (a rank-1 input has one channel)."""
    affine = affine_of(node)
    x, y = node.inputs[0], node.outputs[0]
    assert x is not None
    assert y is not None
    parameters = [tensor.value() for tensor in node.inputs[1:5] if tensor is not None]
    gamma, beta, mean, variance = (np.asarray(parameter, np.float64) for parameter in parameters)
    shape = affine.scale.shape
    axes = (1,) if len(shape) > 1 else ()
    gauge = units.along(units.demand(node, "works per channel"), units.of(x), *axes)
    units.statistics[x.name] = Statistics(mean.reshape(shape), np.sqrt(np.abs(variance)).reshape(shape))
    units.statistics[y.name] = Statistics(beta.reshape(shape), np.abs(gamma).reshape(shape))
    units.gauges[y.name] = units.fresh(shape, free=True)
    units.candidates.append(candidate(node, units, x, y, gauge, affine, keepable=True))


def arithmetic(node: Node, units: Units) -> None:
    """Add, Sub, Mul, Div with a constant operand."""
    affine = affine_of(node)
    x = next(tensor for tensor in node.inputs if tensor is not None and tensor.constant is None)
    y = node.outputs[0]
    assert y is not None
    gauge = units.of(x)
    shape = np.broadcast_shapes(gauge.shape, affine.scale.shape)
    fits = affine.scale.size == 1 or shape == affine.scale.shape
    units.gauges[y.name] = out = units.fresh(shape, free=True)
    kept = None
    if node.op == "Sub" and node.inputs[0] is not x:  # removed it needs S_y = -S_x, kept S_y = S_x
        origin = units.demand(node, "subtracts from a constant, which keeps the size of the scale")
        units.structure.size(origin, out, gauge)
        kept = Requirements()
        kept.scale(origin, out, [gauge])
    elif node.op in ("Add", "Sub"):
        origin = units.demand(node, "adds a constant, which keeps the scale")
        units.structure.scale(origin, out, [gauge], affine.scale)
    else:
        origin = units.demand(node, "multiplies the shift with its constant")
        units.structure.shift(origin, out, [(affine.scale, gauge)])
        if not fits:  # a constant along another axis stays as it is, whatever the scale
            kept = Requirements()
            kept.scale(origin, out, [gauge])
    keepable = fits or node.op in ("Mul", "Div")
    units.candidates.append(replace(candidate(node, units, x, y, gauge, affine, keepable=keepable), kept=kept))


def candidate(
    node: Node, units: Units, x: Tensor, y: Tensor, gauge: Ids, affine: Affine, *, keepable: bool
) -> Candidate:
    """What removing this map from x, of these units, to y, whose units are known, demands."""
    out = result = units.of(y)
    dead = affine.scale == 0
    requirements = Requirements()
    origin = units.demand(node, "is removed too", removal=True)
    source, scale, shift, size = gauge, affine.scale, affine.shift, affine.magnitude
    if dead.any():
        alive = np.broadcast_to(~dead, out.shape)
        result = out[alive]
        source, scale, shift, size = (np.broadcast_to(part, out.shape)[alive] for part in (source, scale, shift, size))
    requirements.scale(origin, result, [source], scale)
    requirements.shift(origin, result, [(scale, source)], shift, size)
    return Candidate(node, x, y, gauge, out, affine, dead, keepable, requirements)
