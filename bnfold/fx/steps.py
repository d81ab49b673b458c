"""The steps of a form as calls in a traced graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx

Constants = Mapping[int, Any]
"""By input index: a node that holds the constant, or a number or list of integers."""

Build = Callable[[fx.Graph, fx.Node, Constants, Mapping[str, Any]], fx.Node]


def _function(target: Callable[..., torch.Tensor]) -> Build:
    """A call with the constants as further arguments."""

    def build(graph: fx.Graph, x: fx.Node, constants: Constants, _: Mapping[str, Any]) -> fx.Node:
        return graph.call_function(target, (x, *(constants[index] for index in sorted(constants))))

    return build


def _clip(graph: fx.Graph, x: fx.Node, constants: Constants, _: Mapping[str, Any]) -> fx.Node:
    return graph.call_function(torch.clamp, (x, constants.get(1), constants.get(2)))


def _reshape(graph: fx.Graph, x: fx.Node, constants: Constants, _: Mapping[str, Any]) -> fx.Node:
    return graph.call_function(torch.reshape, (x, tuple(constants[1])))


def _pad(graph: fx.Graph, x: fx.Node, constants: Constants, _: Mapping[str, Any]) -> fx.Node:
    """Torch counts the widths from the last axis on."""
    half = len(constants[1]) // 2
    pairs = zip(reversed(constants[1][:half]), reversed(constants[1][half:]), strict=True)
    widths = [width for pair in pairs for width in pair]
    return graph.call_function(F.pad, (x, widths, "constant", constants.get(2, 0.0)))


def _conv(graph: fx.Graph, x: fx.Node, constants: Constants, attributes: Mapping[str, Any]) -> fx.Node:
    """Padding that differs before and behind goes into a call of its own."""
    spatial = len(attributes["kernel_shape"])
    ones = [1] * spatial
    pads: Sequence[int] = attributes.get("pads") or [0] * (2 * spatial)
    before, behind = list(pads[:spatial]), list(pads[spatial:])
    if before != behind:
        x = _pad(graph, x, {1: [0, 0, *before, 0, 0, *behind]}, {})
        before = [0] * spatial
    convolve = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[spatial]
    strides, dilations = (list(attributes.get(name) or ones) for name in ("strides", "dilations"))
    arguments = (x, constants[1], constants.get(2), strides, before, dilations, attributes.get("group", 1))
    return graph.call_function(convolve, arguments)


def _batch_norm(graph: fx.Graph, x: fx.Node, constants: Constants, attributes: Mapping[str, Any]) -> fx.Node:
    weight, bias, mean, variance = (constants[index] for index in (1, 2, 3, 4))
    return graph.call_function(F.batch_norm, (x, mean, variance, weight, bias, False, 0.0, attributes["epsilon"]))


STEPS: Mapping[str, Build] = {
    "Add": _function(torch.add),
    "BatchNormalization": _batch_norm,
    "Clip": _clip,
    "Conv": _conv,
    "Max": _function(torch.maximum),
    "Min": _function(torch.minimum),
    "Mul": _function(torch.mul),
    "Pad": _pad,
    "Reshape": _reshape,
}
