"""What pooling, reductions and interpolation pass on."""

from __future__ import annotations

import math

from bnfold.proof.core.units import WIDE, Units, demand, no_shift, positive, same
from bnfold.proof.maps.layers import meets_padding
from bnfold.proof.reading import movement
from bnfold.proof.rules.pair import Pair
from bnfold.proof.rules.settings import same_settings


def max_pool(pair: Pair) -> None:
    """The largest of some positions of a channel; padding is minus infinity. Its second output, where, stays."""
    x = pair.x().along((0, 1))
    positive(x)
    same(pair.y, Units.of(1, 0) if pair.tensor != pair.node.outputs[0] else x)


def average_pool(pair: Pair) -> None:
    """The mean of some positions of a channel; zeros that are counted in forbid a shift."""
    x, attributes = pair.x().along((0, 1)), pair.node.attributes
    same(pair.y, x)
    if attributes.get("count_include_pad", 0) and meets_padding(pair.node, attributes["kernel_shape"], pair.source()):
        no_shift(x)


def _reduced(pair: Pair) -> tuple[Units, list[int]]:
    """The input's units after a reduction, and the axes it reduces."""
    same_settings(pair, 1)
    rank = len(movement.shape_of(pair.original, pair.node.inputs[0]))
    given = movement.setting(pair.original, pair.node, 1, "axes")
    axes = [] if given is None else [int(axis) % rank for axis in given.reshape(-1)]
    if not axes and not pair.node.attributes.get("noop_with_empty_axes", 0):
        axes = list(range(rank))
    kept = [axis for axis in range(rank) if axis not in axes]
    x = pair.x().along(kept)
    if not pair.node.attributes.get("keepdims", 1):
        x = x.map(lambda array: array.reshape([array.shape[axis] for axis in kept]))
    return x, axes


def reduce_mean(pair: Pair) -> None:
    """ReduceMean."""
    same(pair.y, _reduced(pair)[0])


def reduce_extremum(pair: Pair) -> None:
    """ReduceMax, ReduceMin."""
    x, _ = _reduced(pair)
    same(pair.y, x)
    positive(x)


def reduce_sum(pair: Pair) -> None:
    """ReduceSum over n elements: the shift is counted n times."""
    x, axes = _reduced(pair)
    shape = movement.shape_of(pair.original, pair.node.inputs[0])
    known = [extent for axis in axes if isinstance(extent := shape[axis], int)]
    if len(known) < len(axes):
        no_shift(x)
    same(pair.y, Units(x.scale, x.shift * WIDE(math.prod(known))))


def resize(pair: Pair) -> None:
    """Resize, Upsample off the axes on which units vary; the weights of cubic ones sum to 1 only nearly."""
    same_settings(pair, 1)
    attributes, x = pair.node.attributes, pair.x()
    same(pair.y, x)
    if x.identical:
        return
    demand(attributes.get("coordinate_transformation_mode") != "tf_crop_and_resize", "it extrapolates")
    if attributes.get("mode", "nearest") == "cubic":
        no_shift(x)
    for axis in range(x.scale.ndim):
        demand(x.scale.shape[axis] == 1 or _left_alone(pair, axis), "it mixes channels")


def _left_alone(pair: Pair, axis: int) -> bool:
    """Whether a Resize returns an axis as it is."""
    node, network = pair.node, pair.original
    source, target = movement.shape_of(network, node.inputs[0]), movement.shape_of(network, pair.tensor)
    given = node.attributes.get("scales") or network.constants.get(node.input(1 if len(node.inputs) == 2 else 2))
    axes = [int(a) % len(source) for a in node.attributes.get("axes") or range(len(source))]
    stretched = given is not None and len(given) and axis in axes and given[axes.index(axis)] != 1
    plain = node.attributes.get("keep_aspect_ratio_policy", "stretch") == "stretch"
    return plain and not stretched and source[axis] == target[axis] and isinstance(source[axis], int)
