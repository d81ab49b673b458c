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


def plain_wide(net: Net) -> str:
    return net.conv(net.input(1, 3, 3, 3), 8)
