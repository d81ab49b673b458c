"""A few networks, each on the edge of one side condition: with that condition left out they compute something else."""

from collections.abc import Callable

import numpy as np

from tests.networks import Net

DETECTORS: dict[str, Callable[[Net], str]] = {}
VALID = [0, 0, 0, 0]


def detector(build: Callable[[Net], str]) -> Callable[[Net], str]:
    DETECTORS[build.__name__] = build
    return build


def plain(net: Net) -> str:
    return net.conv(net.input(2, 3, 4, 4), 4)


def negative(net: Net, x: str) -> str:
    """A batch normalization with negative scales and without shift."""
    c = net.channels(x)
    return net.bn(x, gamma=-net.random.uniform(0.5, 2, c), beta=np.zeros(c), mean=np.zeros(c))


def activations() -> dict[str, Callable[[Net, str], str]]:
    return {
        "relu": lambda net, x: net.relu(x),
        "leaky": lambda net, x: net.node("LeakyRelu", x, alpha=0.1),
        "prelu": lambda net, x: net.node("PRelu", x, np.full((4, 1, 1), 0.3)),
        "clip": lambda net, x: net.node("Clip", x, 0.0),
        "relu6": lambda net, x: net.node("Clip", x, 0.0, 0.7),
        "sigmoid": lambda net, x: net.node("Sigmoid", x),
        "abs": lambda net, x: net.node("Abs", x),
    }


for title, activation in activations().items():
    for kind in ("negative", "positive", "shifted"):

        def around(net: Net, activation=activation, kind=kind) -> str:
            y = activation(net, plain(net))
            if kind == "shifted":
                return net.node("Add", y, net.random.normal(size=(4, 1, 1)))
            return negative(net, y) if kind == "negative" else net.node("Mul", y, np.full((4, 1, 1), 3.0))

        DETECTORS[f"{title} {kind}"] = around


@detector
def max_pool(net):
    return negative(net, net.node("MaxPool", plain(net), kernel_shape=[2, 2]))


def two(net: Net) -> tuple[str, str]:
    x = net.input(2, 3, 4, 4)
    return net.conv(x, 4), net.conv(x, 4)


def per_channel(net: Net) -> np.ndarray:
    return net.random.uniform(1.5, 3, (4, 1, 1))


@detector
def negated(net):
    return net.node("Add", net.node("Neg", plain(net)), per_channel(net))


@detector
def maximum_negative(net):
    return negative(net, net.node("Max", *two(net)))


@detector
def minimum_negative(net):
    return negative(net, net.node("Min", *two(net)))


@detector
def maximum_scaled(net):
    return net.node("Mul", net.node("Max", *two(net)), per_channel(net))


@detector
def minimum_shifted(net):
    return net.node("Add", net.node("Min", *two(net)), per_channel(net))


@detector
def reduce_min(net):
    return negative(net, net.node("ReduceMin", plain(net), axes=[2, 3]))


@detector
def quotient_shifted(net):
    a, b = two(net)
    return net.node("Add", net.node("Div", a, net.node("Sigmoid", b)), per_channel(net))


@detector
def quotient_scaled(net):
    a, b = two(net)
    return net.node("Mul", net.node("Div", a, net.node("Sigmoid", b)), per_channel(net))


@detector
def sum_shifted(net):
    a, b = two(net)
    return net.node("Add", net.node("Add", a, b), per_channel(net))


@detector
def product_of_matrices_scaled(net):
    a, b = two(net)
    return net.node("Mul", net.node("MatMul", a, b), per_channel(net))


@detector
def product_of_matrices_shifted(net):
    a, b = two(net)
    return net.node("Add", net.node("MatMul", a, b), per_channel(net))


@detector
def sum_scaled(net):
    return net.node("Mul", net.node("ReduceSum", plain(net), np.asarray([2, 3])), per_channel(net))


@detector
def global_max_pool(net):
    return negative(net, net.node("GlobalMaxPool", plain(net)))


@detector
def reduce_max(net):
    return negative(net, net.node("ReduceMax", plain(net), axes=[2], keepdims=1))


@detector
def counted_padding(net):
    pooled = net.node("AveragePool", plain(net), kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=1)
    return net.bn(pooled)


@detector
def padded_conv(net):
    return net.conv(net.bn(net.input(2, 3, 4, 4)), 4)


@detector
def columns_of_their_own(net):
    """A scale per column, which a kernel of several columns mixes."""
    x = net.node("Mul", net.input(2, 3, 4, 4), net.random.uniform(0.5, 2, (4,)))
    return net.conv(x, 4, pads=VALID)


@detector
def columns_pooled(net):
    x = net.node("Mul", net.input(2, 3, 4, 4), net.random.uniform(0.5, 2, (4,)))
    return net.conv(net.node("AveragePool", x, kernel_shape=[1, 2]), 4, pads=VALID)


@detector
def rows_of_their_own(net):
    x = net.node("Mul", net.input(4, 3), net.random.uniform(0.5, 2, (4, 1)))
    return net.linear(x, 4)


@detector
def tokens_of_their_own(net):
    x = net.node("Mul", net.input(1, 4, 3), net.random.uniform(0.5, 2, (4, 1)))
    return net.node("MatMul", x, net.normal(3, 3))


@detector
def strided_transposed_conv(net):
    return net.node("ConvTranspose", net.bn(net.input(1, 2, 3, 3)), net.normal(2, 3, 2, 2), strides=[2, 2])


@detector
def difference(net):
    x = net.input(1, 3, 4, 4)
    y = net.node("Sub", x, net.conv(x, 3))
    return net.relu(net.node("Add", y, net.random.normal(size=(3, 1, 1))))


@detector
def residual(net):
    x = net.input(1, 3, 4, 4)
    return net.relu(net.node("Mul", net.node("Add", x, net.conv(x, 3)), net.random.uniform(2, 3, (3, 1, 1))))


@detector
def product_shifted(net):
    x = net.input(1, 3, 4, 4)
    return net.node("Add", net.node("Mul", x, net.conv(x, 3)), net.random.normal(size=(3, 1, 1)))


@detector
def product_scaled(net):
    x = net.input(1, 3, 4, 4)
    return net.node("Mul", net.node("Mul", x, net.conv(x, 3)), net.random.uniform(2, 3, (3, 1, 1)))


@detector
def summed(net):
    x = net.node("Add", net.input(2, 3, 4, 4), net.random.normal(size=(3, 1, 1)))
    return net.linear(net.node("ReduceSum", x, [2, 3], keepdims=0), 4)


@detector
def averaged_over_scaled_columns(net):
    x = net.node("Mul", net.input(2, 3, 4, 4), net.random.uniform(0.5, 2, (4,)))
    return net.linear(net.node("ReduceMean", x, axes=[2, 3], keepdims=0), 4)


@detector
def zeros_around(net):
    x = net.node("Pad", net.bn(net.input(1, 3, 4, 4)), [0, 0, 1, 1, 0, 0, 1, 1])
    return net.conv(x, 4, pads=VALID)


@detector
def channels_of_zeros(net):
    return net.bn(net.node("Pad", plain(net), [0, 1, 0, 0, 0, 2, 0, 0]))


@detector
def concatenated(net):
    x = net.input(1, 3, 4, 4)
    return net.bn(net.node("Concat", net.conv(x, 2), net.conv(x, 2), axis=1))


@detector
def split(net):
    first, second = net.node("Split", net.bn(net.input(1, 4, 4, 4)), [2, 2], outputs=2, axis=1)
    return net.node("Concat", net.conv(first, 2, pads=VALID), net.conv(second, 2, pads=VALID), axis=1)


@detector
def sliced(net):
    return net.conv(net.node("Slice", net.bn(net.input(1, 4, 4, 4)), [1], [4], [1], [2]), 2, pads=VALID)


@detector
def gathered(net):
    return net.conv(net.node("Gather", net.bn(net.input(1, 4, 4, 4)), [2, 0, 3, 1], axis=1), 2, pads=VALID)


@detector
def transposed(net):
    """The channels land in front; the inverse permutation would put them where the matrix contracts."""
    x = net.node("Transpose", net.bn(net.input(4, 4, 4, 4)), perm=[1, 3, 2, 0])
    return net.node("MatMul", x, net.normal(4, 3))


@detector
def flattened(net):
    return net.linear(net.node("Flatten", net.bn(net.input(2, 4, 2, 2))), 3)


@detector
def depth_to_space(net):
    x = net.node("DepthToSpace", net.bn(plain_wide(net)), blocksize=2, mode="DCR")
    return net.bn(x)


@detector
def space_to_depth(net):
    return net.conv(net.node("SpaceToDepth", net.bn(net.input(1, 3, 4, 4)), blocksize=2), 2, 1)


@detector
def conv_bn(net):
    return net.bn(plain(net))


@detector
def stretched_channels(net):
    x = net.node("Resize", net.bn(net.input(1, 3, 4, 4)), None, None, [1, 6, 4, 4], mode="linear")
    return net.conv(x, 2, pads=VALID)


@detector
def output_scaled(net):
    return net.node("Mul", net.input(1, 4, 4, 4), per_channel(net))


@detector
def output_shifted(net):
    return net.node("Add", net.input(1, 4, 4, 4), per_channel(net))


@detector
def opaque_scaled(net):
    return net.node("Sigmoid", net.node("Mul", net.input(1, 4, 4, 4), per_channel(net)))


@detector
def opaque_shifted(net):
    return net.node("Sigmoid", net.node("Add", net.input(1, 4, 4, 4), per_channel(net)))


def scaled_stream(net: Net, x: str, scale) -> str:
    """A stream with two terms in units of their own, so that a scale before it stays and a shift goes through."""
    total = net.node("Add", scale(x), net.node("Sigmoid", net.input(1, 4, 4, 4, name="z")))
    return net.conv(total, 2, pads=VALID)


@detector
def kept_mul_passes_a_shift(net):
    x = net.node("Add", net.node("Sigmoid", net.input(1, 4, 4, 4)), per_channel(net))
    return scaled_stream(net, x, lambda y: net.node("Mul", y, per_channel(net)))


@detector
def kept_div_passes_a_shift(net):
    x = net.node("Add", net.node("Sigmoid", net.input(1, 4, 4, 4)), per_channel(net))
    return scaled_stream(net, x, lambda y: net.node("Div", y, per_channel(net)))


def shifted_in_padding(net: Net, shift) -> str:
    """The shift stays because of the padding, and the scale before it goes through."""
    x = net.node("Mul", net.node("Sigmoid", net.input(1, 4, 4, 4)), per_channel(net))
    return net.conv(shift(x), 2)


@detector
def kept_add_passes_a_scale(net):
    return shifted_in_padding(net, lambda x: net.node("Add", x, per_channel(net)))


@detector
def kept_sub_passes_a_scale(net):
    return shifted_in_padding(net, lambda x: net.node("Sub", x, per_channel(net)))


def columns(net: Net, op: str = "Add") -> str:
    """Something of its own in every column."""
    return net.node(op, net.input(2, 4, 4, 4), net.random.uniform(0.5, 2, (4,)))


@detector
def columns_shifted(net):
    return net.conv(columns(net), 4, pads=VALID)


@detector
def shifted_columns_pooled(net):
    return net.conv(net.node("AveragePool", columns(net), kernel_shape=[1, 2]), 4, pads=VALID)


@detector
def averaged_over_shifted_columns(net):
    return net.linear(net.node("ReduceMean", columns(net), axes=[2, 3], keepdims=0), 4)


@detector
def rows_shifted(net):
    return net.linear(net.node("Add", net.input(4, 3), net.random.uniform(0.5, 2, (4, 1))), 4)


@detector
def tokens_shifted(net):
    x = net.node("Add", net.input(1, 4, 3), net.random.uniform(0.5, 2, (4, 1)))
    return net.node("Add", net.node("MatMul", x, net.normal(3, 3)), net.random.normal(size=3))


@detector
def normalized_columns(net):
    return net.node("Sigmoid", net.bn(columns(net, "Mul")))


@detector
def normalized_shifted_columns(net):
    return net.node("Sigmoid", net.bn(columns(net)))


@detector
def rearranged_columns(net):
    return net.conv(net.node("SpaceToDepth", columns(net, "Mul"), blocksize=2), 2, 1)


@detector
def rearranged_shifted_columns(net):
    return net.conv(net.node("SpaceToDepth", columns(net), blocksize=2), 2, 1)


@detector
def contracted_columns(net):
    """Nothing happens to the first column, so a rule that looks at that one alone sees nothing."""
    x = net.node("Mul", net.input(2, 4, 4, 4), np.asarray([1.0, 2.0, 3.0, 4.0]))
    return net.node("Sigmoid", net.node("MatMul", x, net.node("Sigmoid", net.input(2, 4, 4, 4, name="z"))))


@detector
def contracted_shifted_columns(net):
    x = net.node("Add", net.input(2, 4, 4, 4), np.asarray([0.0, 2.0, 3.0, 4.0]))
    return net.node("Sigmoid", net.node("MatMul", x, net.node("Sigmoid", net.input(2, 4, 4, 4, name="z"))))


@detector
def maximum_shifted(net):
    return net.node("Add", net.node("Max", *two(net)), per_channel(net))


@detector
def minimum_scaled(net):
    return net.node("Mul", net.node("Min", *two(net)), per_channel(net))


@detector
def negated_scaled(net):
    return net.node("Mul", net.node("Neg", plain(net)), per_channel(net))


@detector
def difference_scaled(net):
    x = net.input(1, 4, 4, 4)
    return net.relu(net.node("Mul", net.node("Sub", x, net.conv(x, 4)), per_channel(net)))


@detector
def joined_batches(net):
    net.dynamic = True
    return net.bn(net.node("Concat", *two(net), axis=0))


@detector
def summed_over_the_batch(net):
    net.dynamic = True
    x = net.node("Add", net.input(2, 4, 4, 4), per_channel(net))
    return net.conv(net.node("ReduceSum", x, [0]), 4, pads=VALID)


def quantized_conv(net: Net, x: str) -> str:
    """A convolution whose weight is int8, with one scale per output channel."""
    integers = net.random.integers(-100, 100, (4, net.channels(x), 1, 1)).astype(np.int8)
    weight = net.node("DequantizeLinear", integers, net.random.uniform(0.01, 0.02, 4), axis=0)
    return net.node("Conv", x, weight)


@detector
def quantized_scaled(net):
    return quantized_conv(net, net.node("Mul", net.input(1, 4, 4, 4), per_channel(net)))


@detector
def quantized_negative(net):
    return negative(net, quantized_conv(net, net.input(1, 4, 4, 4)))


@detector
def numbers_around(net):
    x = net.node("Mul", net.input(2, 3, 4, 4), net.random.uniform(0.5, 2, (3, 1, 1)))
    return net.conv(net.node("Pad", x, [0, 0, 1, 1, 0, 0, 1, 1], 0.7), 4, pads=VALID)


def dead(net: Net, x: str) -> str:
    """A batch normalization of which the first channel is a constant."""
    return net.bn(x, gamma=np.asarray([0.0, *[1.5] * (net.channels(x) - 1)]))


@detector
def emptied(net):
    """The filter of the dead channel becomes the constant."""
    return net.node("Sigmoid", dead(net, plain(net)))


@detector
def dead_and_read(net):
    x = plain(net)
    return net.node("Concat", net.node("Sigmoid", dead(net, x)), net.node("Sigmoid", x), axis=1)


@detector
def blank(net):
    """The constant goes into the bias of the next layer."""
    return net.conv(dead(net, net.node("Sigmoid", net.input(1, 4, 4, 4))), 2, pads=VALID)


@detector
def blank_and_read(net):
    x = dead(net, net.node("Sigmoid", net.input(1, 4, 4, 4)))
    y = net.node("Add", net.conv(x, 4, pads=VALID, kernel=1), net.node("Relu", x))
    return net.node("Sigmoid", y)


@detector
def blank_pooled(net):
    x = dead(net, net.node("Sigmoid", net.input(1, 4, 4, 4)))
    return net.conv(net.node("AveragePool", x, kernel_shape=[2, 2]), 2, pads=VALID)


@detector
def blank_in_padding(net):
    x = net.node("Sigmoid", net.input(1, 4, 4, 4))
    return net.conv(net.bn(x, gamma=np.asarray([0.0, 1, 1, 1]), mean=np.zeros(4), beta=np.asarray([0.5, 0, 0, 0])), 2)


@detector
def flipped_beside_mirrored(net):
    """Beside the normalization the subtraction has nowhere to go, and a Relu forbids to flip it."""
    x = plain(net)
    flipped = net.node("Sigmoid", net.bn(x, gamma=-np.ones(net.channels(x))))
    mirrored = net.relu(net.node("Sub", per_channel(net), x))
    return net.node("Concat", flipped, net.conv(mirrored, 4, pads=VALID, kernel=1), axis=1)


def plain_wide(net: Net) -> str:
    return net.conv(net.input(1, 3, 3, 3), 8)
