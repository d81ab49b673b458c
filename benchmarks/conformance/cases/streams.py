"""Residual streams, branches and gates: many readers and writers of one tensor."""

from benchmarks.conformance.case import Group
from benchmarks.conformance.graph import Graph

case = Group("residual streams and branches")


def _stem(g: Graph) -> str:
    return g.conv(g.input(2, 3, 5, 7), 3, 6, 3, pad=1)


def _relu_conv(g: Graph, x: str) -> str:
    return g.conv(g.op("Relu", x), 6, 6, 3, pad=1)


@case("a residual block with BN behind every Conv")
def basic_block(g: Graph) -> None:
    x = g.op("Relu", g.bn(_stem(g), 6))
    y = g.bn(g.conv(g.op("Relu", g.bn(g.conv(x, 6, 6, 3, pad=1), 6)), 6, 6, 3, pad=1), 6)
    g.out(g.op("Relu", g.op("Add", x, y)))


@case("a residual block with a projection")
def projection_block(g: Graph) -> None:
    x = g.op("Relu", g.bn(_stem(g), 6))
    y = g.bn(g.conv(x, 6, 8, 3, pad=1), 8)
    g.out(g.op("Relu", g.op("Add", g.bn(g.conv(x, 6, 8), 8), y)))


def _preactivation(g: Graph, x: str, blocks: int) -> str:
    for _ in range(blocks):
        y = _relu_conv(g, g.bn(_relu_conv(g, g.bn(x, 6)), 6))
        x = g.op("Add", x, y)
    return str(g.op("Relu", g.bn(x, 6)))


@case("a pre-activation stream of three blocks and its last BN")
def preactivation(g: Graph) -> None:
    g.out(g.gemm(g.op("Flatten", g.op("GlobalAveragePool", _preactivation(g, _stem(g), 3))), 6, 4))


@case("a pre-activation stream behind a MaxPool")
def preactivation_maxpool(g: Graph) -> None:
    x = g.op("MaxPool", _stem(g), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    g.out(g.gemm(g.op("Flatten", g.op("GlobalAveragePool", _preactivation(g, x, 2))), 6, 4))


@case("a pre-activation stream with a projection of the normalized tensor")
def preactivation_projection(g: Graph) -> None:
    x = g.op("Relu", g.bn(_stem(g), 6))
    x = g.op("Add", g.conv(x, 6, 6), _relu_conv(g, g.bn(g.conv(x, 6, 6, 3, pad=1), 6)))
    g.out(g.conv(_preactivation(g, x, 1), 6, 4))


@case("pre-activation, a negative gamma in every BN of the stream at the same channel")
def preactivation_negative(g: Graph) -> None:
    gamma, x = g.mixed(6), _stem(g)
    for _ in range(2):
        x = g.op("Add", x, _relu_conv(g, g.bn(x, 6, gamma=gamma * g.rng.uniform(0.5, 1.5))))
    g.out(g.conv(g.op("Relu", g.bn(x, 6, gamma=gamma)), 6, 4))


@case("two BNs on one stream that the model also returns", 1, "the output fixes the stream's shift behind the first")
def stream_output(g: Graph) -> None:
    x = _stem(g)
    x = g.op("Add", x, _relu_conv(g, g.bn(x, 6)))
    g.out(x, g.conv(g.op("Relu", g.bn(x, 6)), 6, 4, 3, pad=1))


@case("one channel of a stream meets gammas of both signs", 1, "one of the two signs is wrong for the other's Relu")
def stream_both_signs(g: Graph) -> None:
    x = _stem(g)
    x = g.op("Add", x, _relu_conv(g, g.bn(x, 6)))
    g.out(g.conv(g.op("Relu", g.bn(x, 6, gamma=-g.positive(6))), 6, 4))


@case("dense growth: two BNs read the first layer, the second together with a new one", 1, "they ask for two shifts")
def dense_growth(g: Graph) -> None:
    x = _stem(g)
    new = g.conv(g.op("Relu", g.bn(x, 6)), 6, 3, 3, pad=1)
    y = g.op("Relu", g.bn(g.op("Concat", x, new, axis=1), 9))
    g.out(g.conv(y, 9, 4, 3, pad=1))


@case("three BNs on one stream: two fit together, the first excludes both", 1, "it asks for another scale and shift")
def exchange(g: Graph) -> None:
    x = g.input(2, 3, 5, 7)
    first = g.conv(x, 3, 6, 3, pad=1)
    later = g.op("Add", first, g.conv(x, 3, 6, 3, pad=1))
    blocker = g.op("Sigmoid", g.bn(later, 6))
    earlier = g.op("Sigmoid", g.bn(first, 6))
    g.out(blocker, earlier, g.conv(g.op("Relu", g.bn(later, 6)), 6, 6, 3, pad=1))


@case("squeeze-and-excite behind BN")
def squeeze_excite(g: Graph) -> None:
    x = g.bn(_stem(g), 6)
    gate = g.conv(g.op("Relu", g.conv(g.op("GlobalAveragePool", x), 6, 2)), 2, 6)
    g.out(g.bn(g.conv(g.op("Mul", x, g.op("Sigmoid", gate)), 6, 4), 4))


@case("squeeze-and-excite in front of BN", 1, "a product has no shift")
def squeeze_excite_bn(g: Graph) -> None:
    x = _stem(g)
    gate = g.op("Sigmoid", g.conv(g.op("GlobalAveragePool", x), 6, 6))
    g.out(g.bn(g.op("Mul", x, gate), 6))


@case("squeeze-and-excite in front of Mul")
def squeeze_excite_mul(g: Graph) -> None:
    x = _stem(g)
    gate = g.op("Sigmoid", g.conv(g.op("GlobalAveragePool", x), 6, 6))
    g.out(g.scale(g.op("Mul", g.conv(x, 6, 6), gate), 6))


@case("a RepVGG unit: 3x3, 1x1 and identity, each with BN; then a Conv")
def repvgg(g: Graph) -> None:
    x = g.op("Relu", g.bn(_stem(g), 6))
    for _ in range(2):
        y = g.op("Add", g.bn(g.conv(x, 6, 6, 3, pad=1), 6), g.bn(g.conv(x, 6, 6), 6))
        x = g.op("Relu", g.op("Add", y, g.bn(x, 6)))
    g.out(g.conv(x, 6, 4))


@case("a RepVGG unit between an activation and an output: its three branches are one convolution")
def repvgg_alone(g: Graph) -> None:
    x = g.op("Sigmoid", _stem(g))
    y = g.op("Add", g.bn(g.conv(x, 6, 6, 3, pad=1), 6), g.bn(g.conv(x, 6, 6), 6))
    g.out(g.op("Relu", g.op("Add", y, g.bn(x, 6))))


@case("layer scale: x + gamma * branch")
def layer_scale(g: Graph) -> None:
    x = _stem(g)
    y = g.scale(g.conv(g.op("Sigmoid", x), 6, 6), 6, values=g.mixed(6))
    g.out(g.op("Add", x, y))


@case("layer scale on tokens, with a bias behind the MatMul")
def layer_scale_tokens(g: Graph) -> None:
    x = g.input(2, 5, 6)
    y = g.scale(g.matmul(g.op("Sigmoid", x), 6, 6, bias=True), 6, axis=2, rank=3)
    g.out(g.op("Add", x, y))


@case("a mixer: x + gamma * (BN(mix(x)) - BN(x)), all of it one convolution")
def repmixer(g: Graph) -> None:
    x = _stem(g)
    mixed = g.bn(g.conv(x, 6, 6, 3, pad=1, group=6), 6)
    y = g.op("Sub", mixed, g.bn(x, 6))
    g.out(g.op("Add", x, g.scale(y, 6)))


@case("two Convs, Sub, BN")
def sub_bn(g: Graph) -> None:
    x = g.input(2, 4, 5, 7)
    g.out(g.bn(g.op("Sub", g.conv(x, 4, 6), g.conv(x, 4, 6)), 6, gamma=g.mixed(6)))


@case("a Conv added to itself, BN")
def add_twice_bn(g: Graph) -> None:
    y = _stem(g)
    g.out(g.bn(g.op("Add", y, y), 6))


@case("a Conv divided by a gate, Mul as output")
def div_gate_mul(g: Graph) -> None:
    x = g.input(2, 4, 5, 7)
    gate = g.op("Exp", g.conv(x, 4, 6))
    g.out(g.scale(g.op("Div", g.conv(x, 4, 6), gate), 6))


@case("the larger of two Convs, BN")
def max_bn(g: Graph) -> None:
    x = g.input(2, 4, 5, 7)
    g.out(g.bn(g.op("Max", g.conv(x, 4, 6), g.conv(x, 4, 6)), 6))


@case("three Convs, Sum, BN")
def sum_bn(g: Graph) -> None:
    x = g.input(2, 4, 5, 7)
    g.out(g.bn(g.op("Sum", g.conv(x, 4, 6), g.conv(x, 4, 6), g.conv(x, 4, 6)), 6))


@case("a Conv and a pooled Conv, broadcast Add, BN")
def broadcast_add_bn(g: Graph) -> None:
    x = g.input(2, 4, 5, 7)
    y = g.conv(g.op("GlobalAveragePool", x), 4, 6)
    g.out(g.bn(g.op("Add", g.conv(x, 4, 6), y), 6))


ONE_CHANNEL = "one channel, added to all, has one scale"


@case("a Conv and a map of one channel, Add, BN as output", 1, ONE_CHANNEL)
def one_channel_add_bn(g: Graph) -> None:
    x = g.input(2, 4, 5, 7)
    g.out(g.bn(g.op("Add", g.conv(x, 4, 6), g.conv(x, 4, 1)), 6))


@case("a Conv and a map of one channel, Mul, Mul as output")
def one_channel_gate_mul(g: Graph) -> None:
    x = g.input(2, 4, 5, 7)
    g.out(g.scale(g.op("Mul", g.conv(x, 4, 6), g.op("Sigmoid", g.conv(x, 4, 1))), 6))


@case("a Conv that is an output and has a BN as another output", 1, "both are fixed")
def conv_and_bn_outputs(g: Graph) -> None:
    y = _stem(g)
    g.out(y, g.bn(y, 6))


@case("a BN that is an output and goes on through Relu and Conv")
def bn_output_and_on(g: Graph) -> None:
    y = g.bn(_stem(g), 6)
    g.out(y, g.bn(g.conv(g.op("Relu", y), 6, 4, 3), 4))


@case("two different BNs read one Conv, each in front of a Conv without padding")
def two_readers_free(g: Graph) -> None:
    y = _stem(g)
    g.out(g.conv(g.bn(y, 6), 6, 4, 3), g.conv(g.bn(y, 6), 6, 3, 3))


@case("two different BNs read one Conv, each in front of a padded Conv", 1, "they ask for two shifts")
def two_readers_padded(g: Graph) -> None:
    y = _stem(g)
    g.out(g.conv(g.bn(y, 6), 6, 4, 3, pad=1), g.conv(g.bn(y, 6), 6, 3, 3, pad=1))


@case("two equal BNs read one Conv, each as output")
def two_equal_readers(g: Graph) -> None:
    y = _stem(g)
    names = [g.const(values) for values in (g.positive(6), g.normal(6), g.normal(6), g.positive(6))]
    g.out(g.op("BatchNormalization", y, *names), g.op("Relu", g.op("BatchNormalization", y, *names)))


@case("a learned factor on the stream between input and output", 1, "input and output are fixed")
def stream_factor(g: Graph) -> None:
    x = g.input(2, 6, 5, 7)
    g.out(g.op("Add", g.op("Mul", x, g.const(0.7)), g.conv(g.op("Sigmoid", x), 6, 6)))
