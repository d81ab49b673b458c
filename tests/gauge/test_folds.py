"""Small networks that must fold, each with the number of affine operators that have to stay."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.gauge.contract import check
from tests.networks import Net

FOLDS: dict[str, tuple[Callable[[Net], str], int]] = {}


def leaves(kept: int):
    """Register a network by its builder; `kept` affine operators stay."""

    def register(build: Callable[[Net], str]) -> Callable[[Net], str]:
        FOLDS[build.__name__] = (build, kept)
        return build

    return register


@pytest.mark.parametrize("name", FOLDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_fold(name, dtype):
    build, kept = FOLDS[name]
    net = Net(dtype=dtype)
    folded = check(net, [build(net)])
    assert len(folded.kept) == kept, folded.plan.decisions


@leaves(0)
def conv_bn(net):
    return net.relu(net.bn(net.conv(net.input(2, 3, 6, 6), 4), positive=False))


@leaves(1)
def scale_before_a_constant_along_another_axis(net):
    """A scale commutes with a factor per column, which stays as it is."""
    x = net.node("Mul", net.relu(net.input(2, 4, 5, 6)), net.random.uniform(0.5, 2, (4, 1, 1)))
    return net.conv(net.node("Mul", x, net.random.uniform(0.5, 2, 6)), 3)


@leaves(1)
def scale_behind_a_constant_along_another_axis(net):
    x = net.node("Div", net.conv(net.input(2, 3, 5, 5), 5), net.random.uniform(0.5, 2, (5, 1)))
    return net.node("Sigmoid", net.node("Mul", x, net.random.uniform(-2, 2, (5, 1, 1))))


@leaves(2)
def shift_before_a_constant_along_another_axis(net):
    """A shift would vary along two axes behind it, and a convolution has no room for that."""
    x = net.bn(net.relu(net.input(2, 4, 5, 6)))
    return net.conv(net.node("Mul", x, net.random.uniform(0.5, 2, 6)), 3)


@leaves(2)
def scale_before_a_summand_along_another_axis(net):
    """The summand would have to be divided by the scale, channel by channel."""
    x = net.node("Mul", net.relu(net.input(2, 4, 5, 6)), net.random.uniform(0.5, 2, (4, 1, 1)))
    return net.conv(net.node("Add", x, net.random.uniform(0.5, 2, 6)), 3)


@leaves(0)
def conv_without_bias_bn(net):
    return net.bn(net.conv(net.input(2, 3, 6, 6), 4, bias=False))


@leaves(0)
def conv_1d_as_long_as_wide(net):
    return net.bn(net.conv(net.input(4, 4, 4), 4))


@leaves(0)
def conv_3d_bn(net):
    return net.bn(net.conv(net.input(1, 2, 4, 4, 4), 3, 2))


@leaves(0)
def depthwise_bn(net):
    return net.bn(net.conv(net.input(2, 4, 4, 4), 4, group=4))


@leaves(0)
def grouped_transposed_conv_bn(net):
    """With 4 channels in 2 groups of 4 outputs, Cout/g equals Cin."""
    x = net.input(1, 4, 3, 3)
    return net.bn(net.node("ConvTranspose", x, net.normal(4, 4, 2, 2), group=2, strides=[2, 2]))


@leaves(0)
def bn_conv_without_padding(net):
    return net.conv(net.bn(net.input(2, 3, 6, 6), positive=False), 4, pads=[0, 0, 0, 0])


@leaves(1)
def bn_conv_with_padding(net):
    return net.conv(net.bn(net.input(2, 3, 6, 6)), 4)


@leaves(0)
def conv_average_pool_bn(net):
    pooled = net.node("AveragePool", net.conv(net.input(1, 3, 6, 6), 4), kernel_shape=[3, 3], pads=[1] * 4)
    return net.bn(pooled, positive=False)


@leaves(0)
def conv_max_pool_bn(net):
    return net.bn(net.node("MaxPool", net.conv(net.input(1, 3, 6, 6), 4), kernel_shape=[2, 2], strides=[2, 2]))


@leaves(0)
def concat_bn(net):
    x = net.input(1, 3, 5, 5)
    return net.relu(net.bn(net.node("Concat", net.conv(x, 2), net.conv(x, 4, 1), axis=1), positive=False))


@leaves(0)
def bn_then_classifier(net):
    pooled = net.node("GlobalAveragePool", net.bn(net.conv(net.input(2, 3, 4, 4), 5)))
    return net.linear(net.node("Flatten", pooled), 3)


@leaves(0)
def bn_flatten_gemm(net):
    """The units of a channel repeat along the flattened axis."""
    return net.linear(net.node("Flatten", net.bn(net.input(2, 3, 3, 3))), 4)


@leaves(0)
def preactivation_stages(net):
    """Every stream value has a shift of its own; the sum has another one."""
    x = net.conv(net.input(2, 3, 8, 8), 4)
    for width, stride in ((4, 1), (6, 2), (6, 1)):
        a = net.relu(net.bn(x))
        short = x if width == net.channels(x) else net.conv(a, width, 1, bias=False, strides=[stride] * 2)
        h = net.conv(a, width, bias=False, strides=[stride] * 2)
        h = net.conv(net.relu(net.bn(h)), width, bias=False)
        x = net.node("Add", h, short)
    return net.linear(net.node("Flatten", net.node("GlobalAveragePool", net.relu(net.bn(x)))), 5)


@leaves(0)
def three_branches(net):
    x = net.conv(net.input(1, 3, 6, 6), 4)
    for _ in range(3):
        branches = [net.bn(net.conv(x, 4, bias=False)), net.bn(net.conv(x, 4, 1, bias=False)), net.bn(x)]
        x = net.relu(net.node("Sum", *branches))
    return x


@leaves(0)
def input_normalization(net):
    x = net.node("Sub", net.input(1, 3, 6, 6), net.random.normal(size=(1, 3, 1, 1)))
    return net.conv(net.node("Div", x, net.random.uniform(0.2, 0.3, (1, 3, 1, 1))), 4, pads=[0] * 4)


@leaves(1)
def input_normalization_before_padding(net):
    """The mean has to stay; the division does not."""
    x = net.node("Sub", net.input(1, 3, 6, 6), net.random.normal(size=(3, 1, 1)))
    return net.conv(net.node("Div", x, net.random.uniform(0.2, 0.3, (3, 1, 1))), 4)


@leaves(0)
def mirrored_input(net):
    return net.conv(net.node("Sub", np.asarray(1.0), net.input(1, 3, 6, 6)), 4, pads=[0] * 4)


@leaves(0)
def constant_minus_x_per_channel(net):
    x = net.node("Sub", net.random.normal(size=(4, 1, 1)), net.conv(net.input(2, 3, 6, 6), 4))
    return net.conv(net.node("Sub", 1.0, net.relu(x)), 4, pads=[0] * 4)


@leaves(1)
def constant_minus_x_between_sigmoids(net):
    x = net.node("Sub", net.random.normal(size=(3, 1, 1)), net.node("Sigmoid", net.input(2, 3, 6, 6)))
    return net.node("Sigmoid", x)


@leaves(0)
def layer_scale(net):
    x = net.input(1, 4, 5, 5)
    for _ in range(2):
        x = net.node("Add", x, net.node("Mul", net.conv(x, 4), net.random.normal(size=(4, 1, 1))))
    return x


@leaves(0)
def affine_in_channels_last(net):
    x = net.node("Transpose", net.conv(net.input(1, 3, 4, 4), 4), perm=[0, 2, 3, 1])
    x = net.node("Add", net.node("Mul", net.random.normal(size=4), x), net.random.normal(size=4))
    return net.conv(net.node("Transpose", x, perm=[0, 3, 1, 2]), 2)


@leaves(0)
def channel_shuffle(net):
    x = net.bn(net.conv(net.input(1, 3, 4, 4), 6))
    x = net.node("Transpose", net.node("Reshape", x, [1, 2, 3, 4, 4]), perm=[0, 2, 1, 3, 4])
    return net.conv(net.relu(net.bn(net.node("Reshape", x, [1, 6, 4, 4]))), 6, group=2)


@leaves(0)
def squeeze_excite(net):
    x = net.bn(net.conv(net.input(1, 3, 4, 4), 6))
    inner = net.relu(net.bn(net.conv(net.node("GlobalAveragePool", x), 2, 1)))
    scale = net.node("Sigmoid", net.bn(net.conv(inner, 6, 1)))
    return net.bn(net.conv(net.node("Mul", x, scale), 4, 1))


@leaves(0)
def shortcut_padded_with_zero_channels(net):
    x = net.relu(net.bn(net.conv(net.input(1, 3, 6, 6), 4)))
    h = net.relu(net.bn(net.conv(x, 8, strides=[2, 2])))
    h = net.bn(net.conv(h, 8))
    short = net.node("Slice", x, [0, 0], [99, 99], [2, 3], [2, 2])
    short = net.node("Pad", short, [0, 2, 0, 0, 0, 2, 0, 0])
    return net.relu(net.node("Add", h, short))


@leaves(0)
def tokens(net):
    """Linear, then a batch normalization over flattened tokens, as in LeViT."""
    x = net.node("MatMul", net.input(2, 5, 3), net.normal(3, 5))
    x = net.bn(net.node("Reshape", x, [10, 5]))
    return net.node("HardSwish", net.node("Reshape", x, [2, 5, 5]))


@leaves(0)
def stacked_matrices_from_the_left(net):
    """One matrix per channel; no bias is there to take up the shift."""
    return net.node("MatMul", net.normal(4, 2, 3), net.bn(net.input(2, 4, 3, 5)))


@leaves(0)
def stack_of_one_matrix(net):
    """The matrix is stacked along an axis whose channels got units that happen to be equal."""
    x = net.node("Div", net.conv(net.input(2, 2, 3, 3), 3), net.random.uniform(1, 2, (1, 1, 1, 3)))
    return net.node("MatMul", x, net.normal(1, 3, 2))


@leaves(0)
def linear_bn(net):
    return net.bn(net.linear(net.input(4, 3), 5, alpha=0.5, beta=2.0))


@leaves(0)
def matmul_bn(net):
    return net.bn(net.node("MatMul", net.input(4, 3), net.normal(3, 5)))


@leaves(0)
def same_type_cast(net):
    x = net.conv(net.input(1, 3, 4, 4), 4)
    return net.bn(net.node("Cast", x, to=net.types[x].tensor_type.elem_type))


@leaves(0)
def constants_behind_shape_and_castlike(net):
    """How an exporter without optimizer writes a scale of ones."""
    x = net.conv(net.input(1, 3, 4, 4), 4)
    size = net.node("Shape", np.ones(4, np.float32))
    one = net.node("CastLike", net.node("Expand", np.ones((), np.float32), size), x)
    parameters = [one, net.random.normal(size=4), net.random.normal(size=4), net.random.uniform(0.5, 2, 4)]
    return net.node("BatchNormalization", x, *parameters)


@leaves(0)
def pixel_shuffle(net):
    x = net.node("DepthToSpace", net.bn(net.conv(net.input(1, 3, 3, 3), 8)), blocksize=2, mode="CRD")
    return net.relu(net.bn(x))


@leaves(0)
def split_and_bn(net):
    first, second = net.node("Split", net.conv(net.input(1, 3, 4, 4), 5), [2, 3], outputs=2, axis=1)
    return net.node("Concat", net.bn(second), net.relu(net.bn(first)), axis=1)


@leaves(0)
def resized(net):
    x = net.conv(net.input(1, 3, 4, 4), 4)
    return net.relu(net.bn(net.node("Resize", x, None, None, [1, 4, 7, 6], mode="linear")))


@leaves(0)
def spatial_mean(net):
    return net.bn(net.node("ReduceMean", net.conv(net.input(2, 3, 4, 4), 4), axes=[2, 3], keepdims=0))


@leaves(0)
def padded_by_reflection(net):
    x = net.node("Pad", net.bn(net.input(1, 3, 4, 4)), [0, 0, 1, 1, 0, 0, 1, 1], mode="reflect")
    return net.conv(x, 4, pads=[0] * 4)


@leaves(0)
def same_padding_of_a_pointwise_conv(net):
    return net.conv(net.bn(net.input(1, 3, 5, 5)), 4, 1, auto_pad="SAME_UPPER", strides=[2, 2])


@leaves(0)
def dead_channels(net):
    gamma = np.asarray([0.0, 1.0, 0.0, 2.0])
    return net.relu(net.bn(net.conv(net.input(1, 3, 4, 4), 4), gamma=gamma))


@leaves(0)
def parallel_twins(net):
    x = net.conv(net.input(1, 3, 4, 4), 4)
    fixed = {"gamma": np.ones(4), "beta": np.ones(4), "mean": np.zeros(4), "variance": np.ones(4)}
    return net.node("Add", net.bn(x, **fixed), net.relu(net.bn(x, **fixed)))


@leaves(1)
def two_of_three_on_a_stream(net):
    """Removing B first would block both A and C."""
    x1 = net.conv(net.input(1, 3, 4, 4), 4)
    x2 = net.node("Add", x1, net.conv(x1, 4, 1))
    a, b = net.node("Sigmoid", net.bn(x1)), net.node("Sigmoid", net.bn(x2, name="B"))
    c = net.conv(net.relu(net.bn(x2)), 4)
    return net.node("Sum", a, b, c)
