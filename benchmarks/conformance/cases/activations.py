"""Elementwise functions: which units pass them."""

from functools import partial

import numpy as np

from benchmarks.conformance.case import Group
from benchmarks.conformance.graph import Graph

case = Group("around activations")
SHIFT = "the shift passes neither the activation behind it nor the padding in front"


def _stem(g: Graph) -> str:
    return g.conv(g.input(2, 4, 5, 7), 4, 6, 3)


@case("Conv, BN, Relu")
def conv_bn_relu(g: Graph) -> None:
    g.out(g.op("Relu", g.bn(_stem(g), 6)))


@case("Conv, Relu, BN, Conv without padding")
def relu_bn_conv(g: Graph) -> None:
    g.out(g.conv(g.bn(g.op("Relu", _stem(g)), 6), 6, 4, 3))


@case("Conv, Relu, BN, padded Conv", 1, SHIFT)
def relu_bn_conv_padded(g: Graph) -> None:
    g.out(g.conv(g.bn(g.op("Relu", _stem(g)), 6), 6, 4, 3, pad=1))


@case("Conv, Relu, Mul of both signs, padded Conv")
def relu_mul_conv_padded(g: Graph) -> None:
    g.out(g.conv(g.scale(g.op("Relu", _stem(g)), 6, values=g.mixed(6)), 6, 4, 3, pad=1))


@case("Conv, Relu, BN, Relu", 1, "its shift lies between two Relus")
def relu_bn_relu(g: Graph) -> None:
    y = g.op("Relu", g.bn(g.op("Relu", _stem(g)), 6))
    g.out(g.conv(y, 6, 4, 3))


@case("Conv, Relu, BN as output of the model", 1, "the Relu passes no shift and the output is fixed")
def relu_bn_output(g: Graph) -> None:
    g.out(g.bn(g.op("Relu", _stem(g)), 6))


@case("Conv, Relu, positive Mul as output of the model")
def relu_mul_output(g: Graph) -> None:
    g.out(g.scale(g.op("Relu", _stem(g)), 6))


@case("Conv, Relu, Mul of both signs as output of the model", 1, "a Relu passes no negative scale")
def relu_mul_output_negative(g: Graph) -> None:
    g.out(g.scale(g.op("Relu", _stem(g)), 6, values=g.mixed(6)))


HOMOGENEOUS = {"leaky": {"alpha": 0.1}, "leaky-negative": {"alpha": -0.5}, "leaky-steep": {"alpha": 2.0}}


def _leaky(g: Graph, alpha: float) -> None:
    g.out(g.scale(g.op("LeakyRelu", _stem(g), alpha=alpha), 6))


for key, options in HOMOGENEOUS.items():
    text = f"Conv, LeakyRelu with alpha {options['alpha']}, positive Mul as output"
    case(text, name=f"{key}-mul-output")(partial(_leaky, **options))


@case("Conv, LeakyRelu, Mul of both signs as output", 1, "a LeakyRelu passes no negative scale")
def leaky_mul_output_negative(g: Graph) -> None:
    g.out(g.scale(g.op("LeakyRelu", _stem(g), alpha=0.1), 6, values=g.mixed(6)))


@case("Conv, PRelu with a constant slope, positive Mul as output")
def prelu_mul_output(g: Graph) -> None:
    g.out(g.scale(g.op("PRelu", _stem(g), g.const(g.positive(6, 1, 1))), 6))


@case("Conv, PRelu whose slope is an input, BN", 1, "a slope that is not constant, and no shift passes a PRelu")
def prelu_runtime_bn(g: Graph) -> None:
    y = g.op("PRelu", _stem(g), g.input(6, 1, 1, name="slope"))
    g.out(g.bn(y, 6))


@case("Conv, Clip from 0 without upper bound, positive Mul as output")
def clip_open_mul_output(g: Graph) -> None:
    g.out(g.scale(g.op("Clip", _stem(g), g.const(0.0)), 6))


@case("Conv, Clip from 0 to the largest float, positive Mul as output")
def clip_largest_mul_output(g: Graph) -> None:
    g.out(g.scale(g.op("Clip", _stem(g), g.const(0.0), g.const(3.4028234663852886e38)), 6))


@case("Conv, Clip with attributes from 0 up, positive Mul as output", opset=8, ir_version=4)
def clip_attribute_mul_output(g: Graph) -> None:
    g.out(g.scale(g.op("Clip", _stem(g), min=0.0), 6))


BOUNDED = "bounds are in the original units"


@case("Conv, Clip from 0 to 6, Mul as output", 1, BOUNDED)
def clip6_mul_output(g: Graph) -> None:
    g.out(g.scale(g.op("Clip", _stem(g), g.const(0.0), g.const(6.0)), 6))


@case("Conv, Clip from -1 up, Mul as output", 1, BOUNDED)
def clip_from_minus_one_mul_output(g: Graph) -> None:
    g.out(g.scale(g.op("Clip", _stem(g), g.const(-1.0)), 6))


@case("Conv, Clip with an upper bound only, Mul as output", 1, BOUNDED)
def clip_upper_mul_output(g: Graph) -> None:
    g.out(g.scale(g.op("Clip", _stem(g), "", g.const(6.0)), 6))


@case("Conv, BN, Clip from 0 to 6, Conv")
def conv_bn_clip6_conv(g: Graph) -> None:
    y = g.op("Clip", g.bn(_stem(g), 6), g.const(0.0), g.const(6.0))
    g.out(g.conv(y, 6, 4, 3, pad=1))


@case("Conv, Sigmoid, BN, Conv without padding")
def sigmoid_bn_conv(g: Graph) -> None:
    g.out(g.conv(g.bn(g.op("Sigmoid", _stem(g)), 6), 6, 4, 3))


@case("Conv, Sigmoid, BN, Sigmoid", 1, "a Sigmoid passes no units")
def sigmoid_bn_sigmoid(g: Graph) -> None:
    g.out(g.op("Sigmoid", g.bn(g.op("Sigmoid", _stem(g)), 6)))


@case("Conv, BN, x * Sigmoid(x), Conv, BN")
def silu_block(g: Graph) -> None:
    x = g.bn(_stem(g), 6)
    y = g.op("Mul", x, g.op("Sigmoid", x))
    g.out(g.bn(g.conv(y, 6, 4, 3, pad=1), 4))


@case("hard swish from Add, Clip and Div by scalars: x * clip(x + 3, 0, 6) / 6, then Conv", 1, "Clip fixes x + 3 and x")
def hardswish_parts(g: Graph) -> None:
    x = g.bn(_stem(g), 6)
    gate = g.op("Clip", g.op("Add", x, g.const(3.0)), g.const(0.0), g.const(6.0))
    y = g.op("Div", g.op("Mul", x, gate), g.const(6.0))
    g.out(g.conv(y, 6, 4, 3, pad=1))


@case("Conv, Elu, BN, padded Conv", 1, "an Elu passes no units and the padding no shift")
def elu_bn_conv_padded(g: Graph) -> None:
    g.out(g.conv(g.bn(g.op("Elu", _stem(g)), 6), 6, 4, 3, pad=1))


@case("Conv, BN, Softmax over channels")
def conv_bn_softmax(g: Graph) -> None:
    g.out(g.op("Softmax", g.bn(_stem(g), 6), axis=1))


@case("Conv, Relu, c - x, Conv without padding")
def relu_sub_from_constant_conv(g: Graph) -> None:
    y = g.op("Sub", g.along(g.normal(6)), g.op("Relu", _stem(g)))
    g.out(g.conv(y, 6, 4, 3))


@case("Conv, Relu, c - x as output", 1, "a Relu passes neither a negative scale nor a shift")
def relu_sub_from_constant_output(g: Graph) -> None:
    g.out(g.op("Sub", g.along(g.normal(6)), g.op("Relu", _stem(g))))


@case("Conv, x * x, positive Mul as output")
def square_mul_output(g: Graph) -> None:
    y = _stem(g)
    g.out(g.scale(g.op("Mul", y, y), 6))


@case("Conv, x * x, Mul of both signs as output", 1, "a square has no negative scale")
def square_mul_output_negative(g: Graph) -> None:
    y = _stem(g)
    g.out(g.scale(g.op("Mul", y, y), 6, values=g.mixed(6)))


@case("Conv, Neg, BN as output: Neg is linear")
def neg_bn(g: Graph) -> None:
    g.out(g.bn(g.op("Neg", _stem(g)), 6))


@case("Conv, Abs, positive Mul as output: a magnitude keeps a scale")
def abs_mul_output(g: Graph) -> None:
    g.out(g.scale(g.op("Abs", _stem(g)), 6))


@case("Conv, BN, QuantizeLinear, DequantizeLinear", opset=19)
def conv_bn_quantize(g: Graph) -> None:
    scale, zero = g.const(0.05), g.const(np.array(0, np.int8))
    y = g.op("QuantizeLinear", g.bn(_stem(g), 6), scale, zero)
    g.out(g.op("DequantizeLinear", y, scale, zero))
