"""A normalization behind every kind of linear layer."""

from functools import partial

from benchmarks.conformance.case import Group
from benchmarks.conformance.graph import Graph

case = Group("behind a linear layer")
SIZES = (5, 7, 6)


def _conv(g: Graph, dims: int) -> None:
    x = g.input(2, 4, *SIZES[:dims])
    g.out(g.bn(g.conv(x, 4, 6, 3, dims=dims, pad=1), 6))


def _deconv(g: Graph, dims: int) -> None:
    x = g.input(2, 4, *SIZES[:dims])
    g.out(g.bn(g.deconv(x, 4, 6, 2, dims=dims, strides=[2] * dims), 6))


for count in (1, 2, 3):
    case(f"Conv over {count} axes, then BN", name=f"conv{count}d-bn")(partial(_conv, dims=count))
    case(f"ConvTranspose over {count} axes, then BN", name=f"convtranspose{count}d-bn")(partial(_deconv, dims=count))


@case("Conv without bias, then BN")
def conv_no_bias_bn(g: Graph) -> None:
    g.out(g.bn(g.conv(g.input(2, 4, 5, 7), 4, 6, 3, bias=False), 6))


@case("Conv whose bias is given as an empty name, then BN")
def conv_empty_bias_bn(g: Graph) -> None:
    x = g.input(2, 4, 5, 7)
    g.out(g.bn(g.op("Conv", x, g.const(g.normal(6, 4, 3, 3)), ""), 6))


@case("grouped Conv, then BN")
def conv_grouped_bn(g: Graph) -> None:
    g.out(g.bn(g.conv(g.input(2, 4, 5, 7), 4, 6, 3, group=2), 6))


@case("depthwise Conv, then BN")
def conv_depthwise_bn(g: Graph) -> None:
    g.out(g.bn(g.conv(g.input(2, 4, 5, 7), 4, 4, 3, group=4), 4))


@case("depthwise Conv with two outputs per input, then BN")
def conv_depthwise_multiplier_bn(g: Graph) -> None:
    g.out(g.bn(g.conv(g.input(2, 4, 5, 7), 4, 8, 3, group=4), 8))


@case("strided and dilated Conv, then BN")
def conv_strided_dilated_bn(g: Graph) -> None:
    g.out(g.bn(g.conv(g.input(2, 4, 8, 9), 4, 6, 3, strides=[2, 1], dilations=[1, 2]), 6))


@case("grouped ConvTranspose with Cout / group = Cin, then BN")
def convtranspose_grouped_bn(g: Graph) -> None:
    g.out(g.bn(g.deconv(g.input(2, 4, 5, 7), 4, 8, 3, group=2), 8))


@case("depthwise ConvTranspose, then BN")
def convtranspose_depthwise_bn(g: Graph) -> None:
    g.out(g.bn(g.deconv(g.input(2, 4, 5, 7), 4, 4, 2, group=4, strides=[2, 2]), 4))


@case("ConvTranspose with output_padding, then BN")
def convtranspose_output_padding_bn(g: Graph) -> None:
    g.out(g.bn(g.deconv(g.input(2, 4, 5, 7), 4, 6, 3, strides=[2, 2], output_padding=[1, 1]), 6))


@case("ConvTranspose with Cin = Cout, then BN")
def convtranspose_square_bn(g: Graph) -> None:
    g.out(g.bn(g.deconv(g.input(2, 4, 5, 7), 4, 4, 3), 4))


@case("Conv, BN with gammas of both signs")
def conv_bn_negative(g: Graph) -> None:
    g.out(g.bn(g.conv(g.input(2, 4, 5, 7), 4, 6, 3), 6, gamma=g.mixed(6)))


@case("Gemm, then BN on a matrix")
def gemm_bn(g: Graph) -> None:
    g.out(g.bn(g.gemm(g.input(3, 5), 5, 6), 6))


@case("Gemm with transB, then BN")
def gemm_trans_b_bn(g: Graph) -> None:
    g.out(g.bn(g.gemm(g.input(3, 5), 5, 6, transB=1), 6))


@case("square Gemm with transB, then BN")
def gemm_square_trans_b_bn(g: Graph) -> None:
    g.out(g.bn(g.gemm(g.input(3, 6), 6, 6, transB=1), 6))


@case("Gemm with transA, then BN")
def gemm_trans_a_bn(g: Graph) -> None:
    g.out(g.bn(g.gemm(g.input(5, 3), 5, 6, transA=1), 6))


@case("Gemm with alpha and beta, then BN")
def gemm_alpha_beta_bn(g: Graph) -> None:
    g.out(g.bn(g.gemm(g.input(3, 5), 5, 6, alpha=0.5, beta=1.7), 6))


@case("Gemm without C, then BN")
def gemm_no_bias_bn(g: Graph) -> None:
    g.out(g.bn(g.op("Gemm", g.input(3, 5), g.const(g.normal(5, 6))), 6))


def _gemm_c(g: Graph, shape: tuple[int, ...]) -> None:
    x = g.input(3, 5)
    g.out(g.bn(g.op("Gemm", x, g.const(g.normal(5, 6)), g.const(g.normal(*shape)), beta=0.5), 6))


for title, shape in {"scalar": (), "single": (1,), "row": (1, 6), "column": (3, 1), "matrix": (3, 6)}.items():
    case(f"Gemm whose C has shape {list(shape)}, then BN", name=f"gemm-c-{title}-bn")(partial(_gemm_c, shape=shape))


@case("MatMul, then BN on a matrix; the shift makes a bias")
def matmul_bn(g: Graph) -> None:
    g.out(g.bn(g.matmul(g.input(3, 5), 5, 6), 6))


@case("MatMul and its bias, then BN")
def matmul_bias_bn(g: Graph) -> None:
    g.out(g.bn(g.matmul(g.input(3, 5), 5, 6, bias=True), 6))


@case("MatMul on tokens, then Mul and Add along the last axis")
def matmul_tokens_scale_shift(g: Graph) -> None:
    y = g.matmul(g.input(2, 5, 4), 4, 6, bias=True)
    g.out(g.shift(g.scale(y, 6, axis=2, rank=3), 6, axis=2, rank=3))


@case("MatMul without bias on tokens, then Mul along the last axis")
def matmul_tokens_scale(g: Graph) -> None:
    g.out(g.scale(g.matmul(g.input(2, 5, 4), 4, 6), 6, axis=2, rank=3))


@case("a constant matrix on the left of a MatMul, then Mul per row")
def matmul_left_scale(g: Graph) -> None:
    y = g.op("MatMul", g.const(g.normal(6, 4)), g.input(2, 4, 5))
    g.out(g.scale(y, 6, axis=1, rank=3))


@case("MatMul by one constant matrix per head, then Mul along the last axis")
def matmul_batched_scale(g: Graph) -> None:
    y = g.op("MatMul", g.input(2, 3, 5, 4), g.const(g.normal(3, 4, 6)))
    g.out(g.scale(y, 6, axis=3))


@case("Conv, then Mul, Add, Sub and Div by per-channel constants")
def conv_arithmetic_chain(g: Graph) -> None:
    y = g.shift(g.scale(g.conv(g.input(2, 4, 5, 7), 4, 6, 3), 6), 6)
    y = g.op("Sub", y, g.along(g.normal(6)))
    g.out(g.op("Div", y, g.along(g.positive(6))))


@case("Conv, then Mul and Add by scalars")
def conv_scalar_chain(g: Graph) -> None:
    y = g.op("Mul", g.conv(g.input(2, 4, 5, 7), 4, 6, 3), g.const(0.7))
    g.out(g.op("Add", y, g.const([0.3])))


@case("Conv, then c - x")
def conv_sub_from_constant(g: Graph) -> None:
    g.out(g.op("Sub", g.along(g.normal(6)), g.conv(g.input(2, 4, 5, 7), 4, 6, 3)))


@case("Conv, then Mul with the constant on the left")
def conv_mul_constant_left(g: Graph) -> None:
    y = g.conv(g.input(2, 4, 5, 7), 4, 6, 3)
    g.out(g.op("Mul", g.along(g.positive(6)), y))


@case("Conv with a single output channel, then BN")
def conv_one_channel_bn(g: Graph) -> None:
    g.out(g.bn(g.conv(g.input(2, 4, 5, 7), 4, 1, 3), 1))


@case("Conv, then two BNs")
def conv_bn_bn(g: Graph) -> None:
    g.out(g.bn(g.bn(g.conv(g.input(2, 4, 5, 7), 4, 6, 3), 6), 6))


@case("Conv, BN, Conv, BN with a Relu between")
def conv_bn_relu_conv_bn(g: Graph) -> None:
    y = g.op("Relu", g.bn(g.conv(g.input(2, 4, 5, 7), 4, 6, 3, pad=1), 6))
    g.out(g.bn(g.conv(y, 6, 4, 3, pad=1), 4))


@case("a Conv whose weight is computed at run time, then BN", 1, "the weight is no constant")
def conv_runtime_weight_bn(g: Graph) -> None:
    x, weight = g.input(2, 4, 5, 7), g.input(6, 4, 3, 3, name="weight")
    g.out(g.bn(g.op("Conv", x, weight), 6))


@case("Conv, then c / x", 0)
def conv_reciprocal(g: Graph) -> None:
    y = g.op("Exp", g.conv(g.input(2, 4, 5, 7), 4, 6, 3))
    g.out(g.op("Div", g.along(g.positive(6)), y))
