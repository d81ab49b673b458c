"""Operators that move elements: every element keeps its units, wherever it goes."""

import numpy as np

from benchmarks.conformance.case import Group
from benchmarks.conformance.graph import Graph

case = Group("through data movement")


def _stem(g: Graph, cout: int = 6) -> str:
    return g.conv(g.input(2, 4, 6, 8), 4, cout, 3, pad=1)


@case("two Convs, Concat over channels, BN")
def concat_bn(g: Graph) -> None:
    x = g.input(2, 4, 5, 7)
    g.out(g.bn(g.op("Concat", g.conv(x, 4, 6), g.conv(x, 4, 3), axis=1), 9))


@case("a Conv twice, Concat over channels, BN as output", 1, "one channel would need two units")
def concat_twice_bn(g: Graph) -> None:
    y = _stem(g)
    g.out(g.bn(g.op("Concat", y, y, axis=1), 12))


@case("a Conv and the input, Concat, BN as output", 1, "the input's channels have no layer in front")
def concat_input_bn(g: Graph) -> None:
    x = g.input(2, 4, 5, 7)
    g.out(g.bn(g.op("Concat", g.conv(x, 4, 6), x, axis=1), 10))


@case("a Conv and the input, Concat, BN, Conv without padding")
def concat_input_bn_conv(g: Graph) -> None:
    x = g.input(2, 4, 5, 7)
    g.out(g.conv(g.bn(g.op("Concat", g.conv(x, 4, 6), x, axis=1), 10), 10, 4, 3))


@case("two Convs, Concat over rows, BN")
def concat_rows_bn(g: Graph) -> None:
    x = g.input(2, 4, 5, 7)
    g.out(g.bn(g.op("Concat", g.conv(x, 4, 6), g.conv(x, 4, 6), axis=-2), 6))


@case("BN of one of two inputs, Concat over rows, Conv", 1, "rows of one channel would differ in units")
def bn_concat_rows_conv(g: Graph) -> None:
    x, other = g.input(2, 4, 5, 7), g.input(2, 4, 3, 7, name="other")
    g.out(g.conv(g.op("Concat", g.bn(x, 4), other, axis=2), 4, 6))


@case("BN of one of two inputs, Concat over channels, Conv")
def bn_concat_channels_conv(g: Graph) -> None:
    x, other = g.input(2, 4, 5, 7), g.input(2, 3, 5, 7, name="other")
    g.out(g.conv(g.op("Concat", g.bn(x, 4), other, axis=1), 7, 6))


@case("Conv, Split, BN of one part; the other part is an output")
def split_bn_one(g: Graph) -> None:
    parts = g.op("Split", _stem(g), g.ints(2, 4), outputs=2, axis=1)
    g.out(g.bn(parts[1], 4), parts[0])


@case("Conv, BN, Split into outputs")
def bn_split(g: Graph) -> None:
    g.out(*g.op("Split", g.bn(_stem(g), 6), g.ints(2, 4), outputs=2, axis=1))


@case("Conv, Split with sizes as attribute, a BN per part", opset=11)
def split_attribute_bns(g: Graph) -> None:
    parts = g.op("Split", _stem(g), outputs=2, axis=1, split=[2, 4])
    g.out(g.bn(parts[0], 2), g.bn(parts[1], 4))


@case("Conv, Split with num_outputs, a BN per part", opset=18)
def split_num_outputs_bns(g: Graph) -> None:
    parts = g.op("Split", _stem(g), outputs=2, axis=-3, num_outputs=2)
    g.out(g.bn(parts[0], 3), g.bn(parts[1], 3))


@case("Conv, Slice of channels, BN; the rest is an output")
def slice_channels_bn(g: Graph) -> None:
    y = _stem(g)
    part = g.op("Slice", y, g.ints(2), g.ints(9999), g.ints(1))
    g.out(g.bn(part, 4), g.op("Slice", y, g.ints(0), g.ints(2), g.ints(1)))


@case("Conv, Slice that reverses and thins out channels, BN")
def slice_reverse_bn(g: Graph) -> None:
    y = g.op("Slice", _stem(g), g.ints(-1), g.ints(-99), g.ints(1), g.ints(-2))
    g.out(g.bn(y, 3))


@case("Conv, Slice with attributes, BN", opset=9, ir_version=4)
def slice_attribute_bn(g: Graph) -> None:
    g.out(g.bn(g.op("Slice", _stem(g), axes=[1], starts=[1], ends=[5]), 4))


@case("overlapping Slices of a Conv, a BN each as output", 1, "the shared channels would need two units")
def slice_overlap_bns(g: Graph) -> None:
    y = _stem(g)
    first = g.op("Slice", y, g.ints(0), g.ints(4), g.ints(1))
    second = g.op("Slice", y, g.ints(2), g.ints(6), g.ints(1))
    g.out(g.bn(first, 4), g.bn(second, 4))


@case("Conv, Slice of rows computed at run time, BN")
def slice_runtime_rows_bn(g: Graph) -> None:
    y, ends = _stem(g), g.input(1, name="ends", dtype="int64")
    g.out(g.bn(g.op("Slice", y, g.ints(0), ends, g.ints(2)), 6))


@case("Conv, Gather that permutes channels, BN")
def gather_permutation_bn(g: Graph) -> None:
    g.out(g.bn(g.op("Gather", _stem(g), g.ints(3, 0, 5, 1, 4, 2), axis=1), 6))


@case("Conv, Gather that repeats a channel, BN", 1, "one channel would need two units")
def gather_repeat_bn(g: Graph) -> None:
    g.out(g.bn(g.op("Gather", _stem(g), g.ints(0, 0, 1, 2), axis=1), 4))


@case("Conv, Gather of one row, BN")
def gather_row_bn(g: Graph) -> None:
    g.out(g.bn(g.op("Gather", _stem(g), g.const(np.array(2, np.int64)), axis=2), 6))


@case("Conv, Gather of rows chosen at run time, BN")
def gather_runtime_rows_bn(g: Graph) -> None:
    y, rows = _stem(g), g.input(3, name="rows", dtype="int64")
    g.out(g.bn(g.op("Gather", y, rows, axis=2), 6))


@case("Conv, Transpose to channels-last, Mul and Add along the last axis")
def transpose_last_scale_shift(g: Graph) -> None:
    y = g.op("Transpose", _stem(g), perm=[0, 2, 3, 1])
    g.out(g.shift(g.scale(y, 6, axis=3), 6, axis=3))


@case("Mul and Add along the last axis of a channels-last input, Transpose, Conv")
def last_scale_shift_transpose_conv(g: Graph) -> None:
    x = g.shift(g.scale(g.input(2, 5, 7, 4), 4, axis=3), 4, axis=3)
    g.out(g.conv(g.op("Transpose", x, perm=[0, 3, 1, 2]), 4, 6, 3))


@case("Conv, Transpose rows to channels, BN over rows", 1, "a Conv has one scale per channel, not per row")
def transpose_rows_bn(g: Graph) -> None:
    g.out(g.bn(g.op("Transpose", _stem(g), perm=[0, 2, 1, 3]), 6))


@case("MatMul on tokens, Transpose, BN, Transpose back")
def tokens_transpose_bn(g: Graph) -> None:
    y = g.op("Transpose", g.matmul(g.input(2, 5, 4), 4, 6), perm=[0, 2, 1])
    g.out(g.op("Transpose", g.bn(y, 6), perm=[0, 2, 1]))


@case("MatMul on tokens, Reshape to a matrix, BN, Reshape back, with an open batch size")
def tokens_flatten_bn(g: Graph) -> None:
    y = g.op("Reshape", g.matmul(g.input("n", 5, 4), 4, 6), g.ints(-1, 6))
    g.out(g.op("Reshape", g.bn(y, 6), g.ints(-1, 5, 6)))


@case("patches: Conv, Reshape, Transpose, Mul and Add along the last axis, MatMul")
def patches_scale_shift_matmul(g: Graph) -> None:
    y = g.conv(g.input("n", 3, 8, 8), 3, 6, 4, strides=[4, 4])
    y = g.op("Transpose", g.op("Reshape", y, g.ints(0, 6, -1)), perm=[0, 2, 1])
    g.out(g.matmul(g.shift(g.scale(y, 6, axis=2, rank=3), 6, axis=2, rank=3), 6, 3))


@case("Conv, BN, Flatten, Gemm")
def bn_flatten_gemm(g: Graph) -> None:
    g.out(g.gemm(g.op("Flatten", g.bn(_stem(g), 6)), 6 * 48, 3))


@case("BN of the input, Flatten, Gemm: units repeat along the flattened axis")
def input_bn_flatten_gemm(g: Graph) -> None:
    g.out(g.gemm(g.op("Flatten", g.bn(g.input(2, 4, 3, 5), 4)), 60, 6))


@case("Conv, Flatten, BN over all features as output", 1, "a Conv has one scale per channel, not per feature")
def flatten_bn(g: Graph) -> None:
    g.out(g.bn(g.op("Flatten", _stem(g)), 6 * 48))


@case("Conv, Flatten, BN over all features, Gemm")
def flatten_bn_gemm(g: Graph) -> None:
    g.out(g.gemm(g.bn(g.op("Flatten", _stem(g)), 6 * 48), 6 * 48, 3))


@case("Conv, GlobalAveragePool, Flatten, BN")
def gap_flatten_bn(g: Graph) -> None:
    g.out(g.bn(g.op("Flatten", g.op("GlobalAveragePool", _stem(g))), 6))


@case("Gemm, Reshape to channels and positions, BN over channels")
def gemm_reshape_bn(g: Graph) -> None:
    g.out(g.bn(g.op("Reshape", g.gemm(g.input(2, 5), 5, 24), g.ints(0, 6, 2, 2)), 6))


def _shuffle(g: Graph, x: str) -> str:
    y = g.op("Reshape", x, g.ints(0, 2, 3, 6, 8))
    return str(g.op("Reshape", g.op("Transpose", y, perm=[0, 2, 1, 3, 4]), g.ints(0, 6, 6, 8)))


@case("Conv, channel shuffle, BN")
def shuffle_bn(g: Graph) -> None:
    g.out(g.bn(_shuffle(g, _stem(g)), 6))


@case("BN of an activation, channel shuffle, Conv without padding")
def bn_shuffle_conv(g: Graph) -> None:
    x = g.bn(g.op("Sigmoid", g.input(2, 6, 6, 8)), 6)
    g.out(g.conv(_shuffle(g, x), 6, 4, 3, group=2))


@case("grouped Conv, BN, Relu, channel shuffle, depthwise Conv, BN, Concat with the other half")
def shufflenet_unit(g: Graph) -> None:
    left, right = g.op("Split", _stem(g, 6), g.ints(3, 3), outputs=2, axis=1)
    right = g.op("Relu", g.bn(g.conv(right, 3, 3), 3))
    right = g.bn(g.conv(right, 3, 3, 3, pad=1, group=3), 3)
    right = g.op("Relu", g.bn(g.conv(right, 3, 3), 3))
    g.out(_shuffle(g, g.op("Concat", left, right, axis=1)))


@case("Conv, DepthToSpace, BN")
def depthtospace_bn(g: Graph) -> None:
    g.out(g.bn(g.op("DepthToSpace", _stem(g, 8), blocksize=2), 2))


@case("Conv, DepthToSpace in CRD order, BN")
def depthtospace_crd_bn(g: Graph) -> None:
    g.out(g.bn(g.op("DepthToSpace", _stem(g, 8), blocksize=2, mode="CRD"), 2))


@case("Conv, BN, DepthToSpace")
def bn_depthtospace(g: Graph) -> None:
    g.out(g.op("DepthToSpace", g.bn(_stem(g, 8), 8), blocksize=2))


MEET = "source channels that land in one output channel need the same units"


@case("BN of the input, DepthToSpace, Conv", 1, MEET)
def bn_depthtospace_conv(g: Graph) -> None:
    y = g.op("DepthToSpace", g.bn(g.input(2, 8, 3, 5), 8), blocksize=2)
    g.out(g.conv(y, 2, 6))


@case("BN of the input, SpaceToDepth, Conv")
def bn_spacetodepth_conv(g: Graph) -> None:
    y = g.op("SpaceToDepth", g.bn(g.input(2, 3, 4, 6), 3), blocksize=2)
    g.out(g.conv(y, 12, 6))


@case("Conv, SpaceToDepth, BN as output", 1, "channels from one source would need several units")
def spacetodepth_bn(g: Graph) -> None:
    g.out(g.bn(g.op("SpaceToDepth", _stem(g), blocksize=2), 24))


@case("Conv over one axis, Unsqueeze, BN, Squeeze")
def unsqueeze_bn_squeeze(g: Graph) -> None:
    y = g.conv(g.input(2, 4, 9), 4, 6, 3, dims=1)
    y = g.bn(g.op("Unsqueeze", y, g.ints(2)), 6)
    g.out(g.op("Squeeze", y, g.ints(2)))


@case("Conv, GlobalAveragePool, Squeeze with axes as attribute, BN", opset=11)
def squeeze_attribute_bn(g: Graph) -> None:
    g.out(g.bn(g.op("Squeeze", g.op("GlobalAveragePool", _stem(g)), axes=[2, 3]), 6))


@case("Conv, GlobalAveragePool, Expand, BN")
def expand_bn(g: Graph) -> None:
    y = g.op("Expand", g.op("GlobalAveragePool", _stem(g)), g.ints(2, 6, 3, 5))
    g.out(g.bn(y, 6))


@case("Conv, Identity, Dropout, Cast to the same type, BN")
def identity_dropout_cast_bn(g: Graph) -> None:
    y = g.op("Dropout", g.op("Identity", _stem(g)), g.const(0.5))
    g.out(g.bn(g.op("Cast", y, to=1), 6))


@case("Conv, BN, Relu; a Shape also reads the output of the Conv")
def shape_reads_conv(g: Graph) -> None:
    y = _stem(g)
    size = g.op("Slice", g.op("Shape", y), g.ints(2), g.ints(4))
    g.out(g.op("Relu", g.bn(y, 6)), size)


@case("Conv, BN; a CastLike takes its type from the output of the Conv")
def castlike_reads_conv(g: Graph) -> None:
    y = _stem(g)
    mask = g.op("CastLike", g.input(2, 1, 1, 1, name="mask", dtype="int64"), y)
    g.out(g.bn(y, 6), mask)
