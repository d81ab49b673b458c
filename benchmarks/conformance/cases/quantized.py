"""Weights stored as integers: a DequantizeLinear of constants is a constant, and its scales can be scaled."""

from functools import partial

import ml_dtypes
import numpy as np

from benchmarks.conformance.case import Group
from benchmarks.conformance.graph import Graph

case = Group("quantized weights")


def _integers(g: Graph, kind: str, *shape: int) -> str:
    dtype = np.dtype(getattr(ml_dtypes, kind)) if kind.endswith("int4") else np.dtype(kind)
    low, high = {"int8": (-127, 128), "uint8": (0, 256), "int4": (-7, 8), "int32": (-(2**24), 2**24)}[kind]
    return g.const(g.rng.integers(low, high, shape).astype(dtype))


def _weight(
    g: Graph, *shape: int, kind: str = "int8", scales: tuple[int, ...] = (), zero: int | None = None, **attributes: int
) -> str:
    step = {"int8": 100, "uint8": 100, "int4": 8, "int32": 2**24}[kind]
    operands = [_integers(g, kind, *shape), g.const(g.rng.uniform(0.5, 1, scales) / step)]
    if zero is not None:
        operands.append(g.const(np.full(scales, zero, np.dtype(kind))))
    return str(g.op("DequantizeLinear", *operands, **attributes))


def _conv(g: Graph, kind: str, scales: tuple[int, ...], zero: int | None) -> None:
    weight = _weight(g, 6, 4, 3, 3, kind=kind, scales=scales, zero=zero, axis=0)
    g.out(g.bn(g.op("Conv", g.input(2, 4, 5, 7), weight), 6))


for key, text, kind, scales, zero in (
    ("int8-per-channel", "int8 with a scale per output channel", "int8", (6,), None),
    ("int8-per-tensor", "int8 with one scale", "int8", (), 0),
    ("uint8-per-channel", "uint8 with a scale and a zero point per output channel", "uint8", (6,), 131),
    ("uint8-per-tensor", "uint8 with one scale and one zero point", "uint8", (), 120),
):
    build = partial(_conv, kind=kind, scales=scales, zero=zero)
    case(f"Conv whose weight is {text}, BN", name=f"conv-{key}")(build)


@case("Conv whose weight is int4 with a scale per output channel, BN", opset=21, ir_version=10)
def conv_int4(g: Graph) -> None:
    weight = _weight(g, 6, 4, 3, 3, kind="int4", scales=(6,), axis=0)
    g.out(g.bn(g.op("Conv", g.input(2, 4, 5, 7), weight), 6))


@case("MatMul whose matrix is int4 in blocks, Mul and Add as output", opset=21, ir_version=10)
def matmul_blocks(g: Graph) -> None:
    y = g.op("MatMul", g.input(3, 8), _weight(g, 8, 6, kind="int4", scales=(2, 6), axis=0, block_size=4))
    g.out(g.op("Add", g.op("Mul", y, g.const(g.positive(6))), g.const(g.normal(6))))


@case("Gemm whose matrix is int8 with a scale per output, BN")
def gemm_int8(g: Graph) -> None:
    g.out(g.bn(g.op("Gemm", g.input(3, 5), _weight(g, 6, 5, scales=(6,), axis=0), transB=1), 6))


@case("ConvTranspose whose weight is int8 with a scale per output channel, BN")
def conv_transpose_int8(g: Graph) -> None:
    y = g.op("ConvTranspose", g.input(2, 4, 5, 5), _weight(g, 4, 6, 2, 2, scales=(6,), axis=1), strides=[2, 2])
    g.out(g.bn(y, 6))


@case("BN, depthwise Conv whose weight is int8 with a scale per channel")
def bn_depthwise_int8(g: Graph) -> None:
    x = g.bn(g.input(2, 6, 5, 7), 6)
    g.out(g.op("Conv", x, _weight(g, 6, 1, 3, 3, scales=(6,), axis=0), group=6))


@case("Add per channel, Conv whose weight is int8 with a scale per output channel")
def shift_conv_int8(g: Graph) -> None:
    x = g.shift(g.input(2, 4, 5, 7), 4)
    g.out(g.op("Conv", x, _weight(g, 6, 4, 3, 3, scales=(6,), axis=0)))


@case("Conv whose weight is int8 and whose bias is int32, BN")
def conv_int32_bias(g: Graph) -> None:
    weight, bias = _weight(g, 6, 4, 3, 3, scales=(6,), axis=0), _weight(g, 6, kind="int32", scales=(6,), axis=0)
    g.out(g.bn(g.op("Conv", g.input(2, 4, 5, 7), weight, bias), 6))


@case("two Convs that share one int8 weight, one of them in front of a BN")
def shared_int8(g: Graph) -> None:
    x, other = g.input(2, 4, 5, 7), g.input(2, 4, 6, 6, name="other")
    weight = _weight(g, 6, 4, 3, 3, scales=(6,), axis=0)
    g.out(g.bn(g.op("Conv", x, weight), 6), g.op("Conv", other, weight))


def _pair(g: Graph, x: str) -> str:
    step, zero = g.const(0.05), g.const(np.array(128, np.uint8))
    return str(g.op("DequantizeLinear", g.op("QuantizeLinear", x, step, zero), step, zero))


@case("quantized activations around a Conv whose weight is int8, BN and Relu")
def quantized_activations(g: Graph) -> None:
    y = g.op("Conv", _pair(g, g.input(2, 4, 5, 7)), _weight(g, 6, 4, 3, 3, scales=(6,), axis=0, zero=0))
    g.out(_pair(g, g.op("Relu", g.bn(y, 6))))


@case("Sigmoid, BN, quantized activation", 1, "rounding to steps needs its input unchanged")
def bn_before_quantization(g: Graph) -> None:
    g.out(_pair(g, g.bn(g.op("Sigmoid", g.input(2, 4, 5, 7)), 4)))


@case("Conv, Mul and Add by constants that are uint8")
def affine_uint8(g: Graph) -> None:
    y = g.conv(g.input(2, 4, 5, 7), 4, 6, 3)
    y = g.op("Mul", y, _weight(g, 6, 1, 1, kind="uint8"))
    g.out(g.op("Add", y, _weight(g, 6, 1, 1, kind="uint8", zero=128)))
