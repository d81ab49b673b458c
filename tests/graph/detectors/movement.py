"""Data movement takes units along, and what it pads with has none."""

from tests.graph.detectors.parts import VALID, detector, plain, plain_wide, two


@detector
def zeros_around(net):
    x = net.node("Pad", net.bn(net.input(1, 3, 4, 4)), [0, 0, 1, 1, 0, 0, 1, 1])
    return net.conv(x, 4, pads=VALID)


@detector
def numbers_around(net):
    x = net.node("Mul", net.input(2, 3, 4, 4), net.random.uniform(0.5, 2, (3, 1, 1)))
    return net.conv(net.node("Pad", x, [0, 0, 1, 1, 0, 0, 1, 1], 0.7), 4, pads=VALID)


@detector
def channels_of_zeros(net):
    return net.bn(net.node("Pad", plain(net), [0, 1, 0, 0, 0, 2, 0, 0]))


@detector
def concatenated(net):
    x = net.input(1, 3, 4, 4)
    return net.bn(net.node("Concat", net.conv(x, 2), net.conv(x, 2), axis=1))


@detector
def joined_batches(net):
    net.dynamic = True
    return net.bn(net.node("Concat", *two(net), axis=0))


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
def stretched_channels(net):
    x = net.node("Resize", net.bn(net.input(1, 3, 4, 4)), None, None, [1, 6, 4, 4], mode="linear")
    return net.conv(x, 2, pads=VALID)
