"""Stored types: half precision, mixed parameters, ranges."""

import numpy as np
from onnx import TensorProto

from benchmarks.conformance.case import Group
from benchmarks.conformance.graph import BFLOAT16, Graph

case = Group("stored types")
HALF, SINGLE = np.float16, np.float32


def _conv_bn(g: Graph) -> None:
    y = g.op("Relu", g.bn(g.conv(g.input(2, 4, 5, 7), 4, 6, 3, pad=1), 6))
    g.out(g.bn(g.conv(y, 6, 3), 3))


case("Conv, BN, Relu, Conv, BN in float16", name="float16", dtype=HALF)(_conv_bn)
case("Conv, BN, Relu, Conv, BN in bfloat16", name="bfloat16", dtype=BFLOAT16, opset=22, ir_version=10)(_conv_bn)
case("Conv, BN, Relu, Conv, BN in float64", name="float64", dtype=np.float64)(_conv_bn)


@case("float16 Conv, BN with float32 scale, shift and statistics", dtype=HALF)
def half_conv_single_bn(g: Graph) -> None:
    g.out(g.bn(g.conv(g.input(2, 4, 5, 7), 4, 6, 3), 6, dtypes=[SINGLE] * 4))


@case("float16 Conv without bias, BN with float32 parameters", dtype=HALF)
def half_conv_no_bias_single_bn(g: Graph) -> None:
    g.out(g.bn(g.conv(g.input(2, 4, 5, 7), 4, 6, 3, bias=False), 6, dtypes=[SINGLE] * 4))


@case("float16 Conv, BN with float16 scale and float32 statistics", dtype=HALF)
def half_conv_single_statistics(g: Graph) -> None:
    g.out(g.bn(g.conv(g.input(2, 4, 5, 7), 4, 6, 3), 6, dtypes=[HALF, HALF, SINGLE, SINGLE]))


@case("BN with float32 parameters, float16 Conv without padding", dtype=HALF)
def single_bn_half_conv(g: Graph) -> None:
    x = g.bn(g.input(2, 4, 5, 7), 4, dtypes=[SINGLE] * 4)
    g.out(g.conv(x, 4, 6, 3))


@case("bfloat16 Conv, BN with float32 parameters", dtype=BFLOAT16, opset=22, ir_version=10)
def bfloat_conv_single_bn(g: Graph) -> None:
    g.out(g.bn(g.conv(g.input(2, 4, 5, 7), 4, 6, 3), 6, dtypes=[SINGLE] * 4))


@case("float16 ConvTranspose, BN with float32 parameters", dtype=HALF)
def half_convtranspose_single_bn(g: Graph) -> None:
    g.out(g.bn(g.deconv(g.input(2, 4, 5, 7), 4, 6, 2, strides=[2, 2]), 6, dtypes=[SINGLE] * 4))


@case("float16 Gemm, BN with float32 parameters", dtype=HALF)
def half_gemm_single_bn(g: Graph) -> None:
    g.out(g.bn(g.gemm(g.input(3, 5), 5, 6), 6, dtypes=[SINGLE] * 4))


@case("float16 Conv whose variance in float32 is larger than float16 can hold", dtype=HALF)
def half_large_variance(g: Graph) -> None:
    y = g.op("Conv", g.input(2, 4, 5, 7), g.const(g.normal(6, 4, 3, 3) * 40))
    values = [g.positive(6), g.normal(6), g.normal(6), g.positive(6) * 1e5]
    names = [g.const(value, dtype=SINGLE) for value in values]
    g.out(g.op("BatchNormalization", y, *names))


@case("float16 Conv whose folded weight would overflow", 1, "the folded weight is beyond 65504", dtype=HALF)
def half_overflow(g: Graph) -> None:
    y = g.op("Conv", g.input(2, 4, 5, 7), g.const(np.full((6, 4, 3, 3), 3e4)))
    values = [g.positive(6), g.normal(6), g.normal(6) * 1e5, np.full(6, 1e-4)]
    names = [g.const(value, dtype=SINGLE) for value in values]
    g.out(g.op("Sigmoid", g.op("BatchNormalization", y, *names)))


@case("float32 Conv, Cast to float16, BN as output", 1, "the Cast rounds")
def cast_to_half_bn(g: Graph) -> None:
    y = g.op("Cast", g.conv(g.input(2, 4, 5, 7), 4, 6, 3), to=TensorProto.FLOAT16)
    g.out(g.bn(y, 6, dtypes=[HALF] * 4))


@case("integer input, Cast, Sub mean, Div std, Conv without padding")
def integer_input(g: Graph) -> None:
    x = g.op("Cast", g.input(2, 3, 5, 7, dtype=np.int32), to=TensorProto.FLOAT)
    x = g.op("Div", g.op("Sub", x, g.along(g.normal(3))), g.along(g.positive(3)))
    g.out(g.conv(x, 3, 6, 3))


@case("integer arithmetic beside a Conv and its BN")
def integer_arithmetic(g: Graph) -> None:
    y = g.bn(g.conv(g.input(2, 4, 5, 7), 4, 6, 3), 6)
    count = g.op("Mul", g.input(3, name="count", dtype=np.int64), g.ints(2))
    g.out(y, g.op("Add", count, g.ints(1)))
