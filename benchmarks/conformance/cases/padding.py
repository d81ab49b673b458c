"""Pad: copies keep their units, zeros have no shift."""

from functools import partial

from benchmarks.conformance.case import Group
from benchmarks.conformance.graph import Graph

case = Group("through Pad")
ALL_SIDES = (0, 0, 1, 1, 0, 0, 1, 1)


def _stem(g: Graph, cout: int = 6) -> str:
    return g.conv(g.input(2, 4, 6, 8), 4, cout, 3)


def _copies(g: Graph, mode: str) -> None:
    g.out(g.bn(g.op("Pad", _stem(g), g.ints(*ALL_SIDES), mode=mode), 6))


case("Conv, Pad by reflection, BN", name="pad-reflect-bn")(partial(_copies, mode="reflect"))
case("Conv, Pad with the edge, BN", name="pad-edge-bn")(partial(_copies, mode="edge"))
case("Conv, Pad by wrapping round, BN", name="pad-wrap-bn", opset=19, ir_version=9)(partial(_copies, mode="wrap"))


@case("Conv, Pad with zeros, BN as output", 1, "the zeros would have to become -b / a")
def pad_zero_bn(g: Graph) -> None:
    g.out(g.bn(g.op("Pad", _stem(g), g.ints(*ALL_SIDES)), 6))


@case("Conv, Pad with zeros, Mul as output")
def pad_zero_mul(g: Graph) -> None:
    g.out(g.scale(g.op("Pad", _stem(g), g.ints(*ALL_SIDES), g.const(0.0)), 6))


@case("Conv, BN, Pad with zeros, Conv, BN")
def bn_pad_zero_conv_bn(g: Graph) -> None:
    y = g.op("Pad", g.op("Relu", g.bn(_stem(g), 6)), g.ints(*ALL_SIDES))
    g.out(g.bn(g.conv(y, 6, 4, 3), 4))


@case("BN of the input, Pad with zeros, Conv", 1, "zero padding has no shift")
def bn_pad_zero_conv(g: Graph) -> None:
    g.out(g.conv(g.op("Pad", g.bn(g.input(2, 4, 5, 7), 4), g.ints(*ALL_SIDES)), 4, 6, 3))


@case("BN of the input, Pad by reflection, Conv")
def bn_pad_reflect_conv(g: Graph) -> None:
    y = g.op("Pad", g.bn(g.input(2, 4, 5, 7), 4), g.ints(*ALL_SIDES), mode="reflect")
    g.out(g.conv(y, 4, 6, 3))


@case("Conv, Pad with ones, BN as output", 1, "the padded value is in the original units")
def pad_one_bn(g: Graph) -> None:
    g.out(g.bn(g.op("Pad", _stem(g), g.ints(*ALL_SIDES), g.const(1.0)), 6))


@case("Conv, Pad that crops, BN")
def pad_crop_bn(g: Graph) -> None:
    g.out(g.bn(g.op("Pad", _stem(g), g.ints(0, 0, -1, 0, 0, 0, -1, -2)), 6))


@case("Conv, Pad that crops channels, BN")
def pad_crop_channels_bn(g: Graph) -> None:
    g.out(g.bn(g.op("Pad", _stem(g), g.ints(0, -1, 0, 0, 0, -2, 0, 0)), 3))


@case("Conv, Pad with pads as attribute, Mul as output", opset=10, ir_version=5)
def pad_attribute_mul(g: Graph) -> None:
    g.out(g.scale(g.op("Pad", _stem(g), pads=list(ALL_SIDES)), 6))


@case("Conv, Pad with axes, Mul as output", opset=18)
def pad_axes_mul(g: Graph) -> None:
    g.out(g.scale(g.op("Pad", _stem(g), g.ints(1, 1), "", g.ints(-1)), 6))


@case("Conv, Pad of two channels with zeros, BN as output", 1, "the new channels are zero, and no layer writes them")
def pad_channels_bn(g: Graph) -> None:
    g.out(g.bn(g.op("Pad", _stem(g), g.ints(0, 1, 0, 0, 0, 1, 0, 0)), 8))


@case("Conv, Pad of two channels with zeros, Mul as output")
def pad_channels_mul(g: Graph) -> None:
    g.out(g.scale(g.op("Pad", _stem(g), g.ints(0, 1, 0, 0, 0, 1, 0, 0)), 8))


@case("shortcut option A: strided Slice, Pad of channels, Add with a Conv, BN, Relu")
def option_a_bn(g: Graph) -> None:
    x = g.op("Relu", g.bn(_stem(g, 4), 4))
    short = g.op("Slice", x, g.ints(0, 0), g.ints(99, 99), g.ints(2, 3), g.ints(2, 2))
    short = g.op("Pad", short, g.ints(0, 2, 0, 0, 0, 2, 0, 0))
    y = g.conv(x, 4, 8, 3, pad=1, strides=[2, 2])
    g.out(g.op("Relu", g.bn(g.op("Add", short, y), 8)))


@case("shortcut option A with the BN in the branch, twice")
def option_a_branch_bns(g: Graph) -> None:
    x = g.op("Relu", g.bn(_stem(g, 4), 4))
    for channels in (4, 6):
        short = g.op("Pad", x, g.ints(0, 1, 0, 0, 0, 1, 0, 0))
        y = g.bn(g.conv(x, channels, channels + 2, 3, pad=1), channels + 2)
        x = g.op("Relu", g.op("Add", short, y))
    g.out(x)
