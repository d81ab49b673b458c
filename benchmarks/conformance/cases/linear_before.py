"""A normalization of the graph input, in front of every kind of linear layer: only that layer can take it up."""

from functools import partial

from benchmarks.conformance.case import Group
from benchmarks.conformance.graph import Graph

case = Group("in front of a linear layer")
PADDED = "zero padding turns the shift into something else at the border"


def _bn_conv(g: Graph, kernel: int, **attributes: object) -> None:
    x = g.input(2, 4, 6, 8)
    g.out(g.conv(g.bn(x, 4), 4, 6, kernel, **attributes))  # type: ignore[arg-type]


FREE = {
    "nopad": ("without padding", {"kernel": 3}),
    "1x1": ("1x1", {"kernel": 1}),
    "valid": ("with auto_pad VALID", {"kernel": 3, "auto_pad": "VALID"}),
    "same-1x1": ("1x1 with auto_pad SAME_UPPER, which pads nothing", {"kernel": 1, "auto_pad": "SAME_UPPER"}),
    "same-exact": (
        "2x2 with stride 2 and SAME_LOWER on even sizes, which pads nothing",
        {"kernel": 2, "strides": [2, 2], "auto_pad": "SAME_LOWER"},
    ),
    "grouped": ("grouped, without padding", {"kernel": 3, "group": 2}),
    "zero-pads": ("with pads given as zeros", {"kernel": 3, "pads": [0, 0, 0, 0]}),
}
FIXED = {
    "padded": ("padded", {"kernel": 3, "pad": 1}),
    "one-side": ("padded on one side only", {"kernel": 3, "pads": [0, 0, 0, 1]}),
    "1x1-padded": ("1x1 with padding all the same", {"kernel": 1, "pad": 1}),
    "same-3x3": ("3x3 with auto_pad SAME_UPPER", {"kernel": 3, "auto_pad": "SAME_UPPER"}),
    "same-lower": ("3x3 with auto_pad SAME_LOWER", {"kernel": 3, "auto_pad": "SAME_LOWER"}),
}
for key, (text, options) in FREE.items():
    case(f"BN, then a Conv {text}", name=f"bn-conv-{key}")(partial(_bn_conv, **options))
for key, (text, options) in FIXED.items():
    case(f"BN, then a Conv {text}", 1, PADDED, name=f"bn-conv-{key}")(partial(_bn_conv, **options))


@case("BN, then a depthwise Conv without padding")
def bn_conv_depthwise(g: Graph) -> None:
    g.out(g.conv(g.bn(g.input(2, 4, 5, 7), 4), 4, 4, 3, group=4))


@case("Mul, then a padded Conv: a scale passes zero padding")
def mul_conv_padded(g: Graph) -> None:
    g.out(g.conv(g.scale(g.input(2, 4, 5, 7), 4, values=g.mixed(4)), 4, 6, 3, pad=1))


@case("BN, then 1x1 Conv SAME_UPPER on open sizes")
def bn_conv_same_1x1_open(g: Graph) -> None:
    g.out(g.conv(g.bn(g.input("n", 4, "h", "w"), 4), 4, 6, 1, auto_pad="SAME_UPPER"))


@case("BN, then 3x3 Conv SAME_UPPER on open sizes", 1, PADDED)
def bn_conv_same_3x3_open(g: Graph) -> None:
    g.out(g.conv(g.bn(g.input("n", 4, "h", "w"), 4), 4, 6, 3, auto_pad="SAME_UPPER"))


BORDER = "an output near the border sees fewer inputs"


@case("BN, then ConvTranspose", 1, BORDER)
def bn_convtranspose(g: Graph) -> None:
    g.out(g.deconv(g.bn(g.input(2, 4, 5, 7), 4), 4, 6, 3))


@case("BN, then ConvTranspose whose kernel equals its stride", 1, "every output sees another part of the kernel")
def bn_convtranspose_kernel_is_stride(g: Graph) -> None:
    g.out(g.deconv(g.bn(g.input(2, 4, 5, 7), 4), 4, 6, 2, strides=[2, 2]))


@case("BN, then ConvTranspose that crops every incomplete output")
def bn_convtranspose_cropped(g: Graph) -> None:
    g.out(g.deconv(g.bn(g.input(2, 4, 5, 7), 4), 4, 6, 3, pads=[2, 2, 2, 2]))


@case("BN, then ConvTranspose that crops too little", 1, BORDER)
def bn_convtranspose_cropped_less(g: Graph) -> None:
    g.out(g.deconv(g.bn(g.input(2, 4, 5, 7), 4), 4, 6, 3, pads=[1, 2, 2, 2]))


@case("BN, then 1x1 ConvTranspose")
def bn_convtranspose_1x1(g: Graph) -> None:
    g.out(g.deconv(g.bn(g.input(2, 4, 5, 7), 4), 4, 6, 1))


@case("BN, then ConvTranspose with output_padding", 1, "the padded outputs see no input")
def bn_convtranspose_output_padding(g: Graph) -> None:
    g.out(g.deconv(g.bn(g.input(2, 4, 5, 7), 4), 4, 6, 1, strides=[2, 2], output_padding=[1, 1]))


@case("Mul, then ConvTranspose")
def mul_convtranspose(g: Graph) -> None:
    g.out(g.deconv(g.scale(g.input(2, 4, 5, 7), 4), 4, 6, 3, strides=[2, 2]))


@case("BN, then Gemm")
def bn_gemm(g: Graph) -> None:
    g.out(g.gemm(g.bn(g.input(3, 5), 5), 5, 6))


@case("BN, then Gemm with alpha, beta, transB and C of shape [1]")
def bn_gemm_attributes(g: Graph) -> None:
    x = g.bn(g.input(3, 5), 5)
    g.out(g.op("Gemm", x, g.const(g.normal(6, 5)), g.const(g.normal(1)), alpha=0.5, beta=2.0, transB=1))


@case("BN, then Gemm with transA", 1, "the layer contracts the other axis")
def bn_gemm_trans_a(g: Graph) -> None:
    g.out(g.gemm(g.bn(g.input(5, 3), 3), 5, 6, transA=1))


@case("Mul along the first axis, then Gemm with transA")
def mul_gemm_trans_a(g: Graph) -> None:
    x = g.op("Mul", g.input(5, 3), g.const(g.positive(5, 1)))
    g.out(g.gemm(x, 5, 6, transA=1))


@case("BN, then MatMul without bias on a matrix")
def bn_matmul(g: Graph) -> None:
    g.out(g.matmul(g.bn(g.input(3, 5), 5), 5, 6))


@case("BN, then MatMul and its bias")
def bn_matmul_bias(g: Graph) -> None:
    g.out(g.matmul(g.bn(g.input(3, 5), 5), 5, 6, bias=True))


@case("Mul along the last axis of tokens, then MatMul")
def mul_matmul_tokens(g: Graph) -> None:
    g.out(g.matmul(g.scale(g.input(2, 5, 4), 4, axis=2, rank=3), 4, 6))


@case("Mul and Add along the last axis of tokens, then MatMul and its bias")
def scale_shift_matmul_tokens(g: Graph) -> None:
    x = g.shift(g.scale(g.input(2, 5, 4), 4, axis=2, rank=3), 4, axis=2, rank=3)
    g.out(g.matmul(x, 4, 6, bias=True))


@case("BN along axis 1 of tokens, then MatMul", 1, "the layer contracts the last axis")
def bn_matmul_other_axis(g: Graph) -> None:
    g.out(g.matmul(g.bn(g.input(2, 5, 4), 5), 4, 6))


@case("Mul along axis 1, then a MatMul whose constant is on the left")
def mul_matmul_left(g: Graph) -> None:
    x = g.scale(g.input(2, 4, 5), 4, axis=1, rank=3)
    g.out(g.op("MatMul", g.const(g.normal(6, 4)), x))


@case("Sub mean, Div std, then a Conv without padding")
def input_normalization_nopad(g: Graph) -> None:
    x = g.op("Sub", g.input(2, 3, 5, 7), g.along(g.normal(3)))
    g.out(g.conv(g.op("Div", x, g.along(g.positive(3))), 3, 6, 3))


@case("Sub mean, Div std, then a padded Conv", 1, "the mean cannot pass zero padding; the std can")
def input_normalization_padded(g: Graph) -> None:
    x = g.op("Sub", g.input(2, 3, 5, 7), g.along(g.normal(3)))
    g.out(g.conv(g.op("Div", x, g.along(g.positive(3))), 3, 6, 3, pad=1))


@case("Mul 1/255, Sub mean, Div std, then a padded Conv", 1, "the mean cannot pass zero padding")
def input_normalization_bytes(g: Graph) -> None:
    x = g.op("Mul", g.input(2, 3, 5, 7), g.const(1 / 255))
    x = g.op("Div", g.op("Sub", x, g.along(g.normal(3))), g.along(g.positive(3)))
    g.out(g.conv(x, 3, 6, 3, pad=1))


@case("Sub mean per channel from a channels-last image, Transpose, then a Conv without padding")
def input_normalization_channels_last(g: Graph) -> None:
    x = g.op("Sub", g.input(2, 5, 7, 3), g.const(g.normal(3)))
    g.out(g.conv(g.op("Transpose", x, perm=[0, 3, 1, 2]), 3, 6, 3))


@case("BN of an input that goes nowhere linear", 1, "input and output of the model are fixed")
def bn_alone(g: Graph) -> None:
    g.out(g.bn(g.input(2, 4, 5, 7), 4))


@case("two BNs between input and output", 1, "input and output are fixed; two BNs are one")
def bn_bn_alone(g: Graph) -> None:
    g.out(g.bn(g.bn(g.input(2, 4, 5, 7), 4), 4))


@case("Mul and Add between input and output", 1, "input and output are fixed; both make one BN")
def mul_add_alone(g: Graph) -> None:
    g.out(g.shift(g.scale(g.input(2, 4, 5, 7), 4), 4))


@case("BN, Mul and Add between input and output", 1, "input and output are fixed; all make one BN")
def bn_mul_add_alone(g: Graph) -> None:
    g.out(g.shift(g.scale(g.bn(g.input(2, 4, 5, 7), 4), 4), 4))
