"""Sums want one scale, products no shift, maxima positive units; a difference subtracts shifts."""

from tests.graph.detectors.parts import detector, negative, per_channel, plain, two


@detector
def negated(net):
    return net.node("Add", net.node("Neg", plain(net)), per_channel(net))


@detector
def negated_scaled(net):
    return net.node("Mul", net.node("Neg", plain(net)), per_channel(net))


@detector
def maximum_negative(net):
    return negative(net, net.node("Max", *two(net)))


@detector
def maximum_scaled(net):
    return net.node("Mul", net.node("Max", *two(net)), per_channel(net))


@detector
def maximum_shifted(net):
    return net.node("Add", net.node("Max", *two(net)), per_channel(net))


@detector
def minimum_negative(net):
    return negative(net, net.node("Min", *two(net)))


@detector
def minimum_scaled(net):
    return net.node("Mul", net.node("Min", *two(net)), per_channel(net))


@detector
def minimum_shifted(net):
    return net.node("Add", net.node("Min", *two(net)), per_channel(net))


@detector
def sum_shifted(net):
    a, b = two(net)
    return net.node("Add", net.node("Add", a, b), per_channel(net))


@detector
def residual(net):
    x = net.input(1, 3, 4, 4)
    return net.relu(net.node("Mul", net.node("Add", x, net.conv(x, 3)), net.random.uniform(2, 3, (3, 1, 1))))


@detector
def difference(net):
    x = net.input(1, 3, 4, 4)
    y = net.node("Sub", x, net.conv(x, 3))
    return net.relu(net.node("Add", y, net.random.normal(size=(3, 1, 1))))


@detector
def difference_scaled(net):
    x = net.input(1, 4, 4, 4)
    return net.relu(net.node("Mul", net.node("Sub", x, net.conv(x, 4)), per_channel(net)))


@detector
def product_scaled(net):
    x = net.input(1, 3, 4, 4)
    return net.node("Mul", net.node("Mul", x, net.conv(x, 3)), net.random.uniform(2, 3, (3, 1, 1)))


@detector
def product_shifted(net):
    x = net.input(1, 3, 4, 4)
    return net.node("Add", net.node("Mul", x, net.conv(x, 3)), net.random.normal(size=(3, 1, 1)))


@detector
def quotient_scaled(net):
    a, b = two(net)
    return net.node("Mul", net.node("Div", a, net.node("Sigmoid", b)), per_channel(net))


@detector
def quotient_shifted(net):
    a, b = two(net)
    return net.node("Add", net.node("Div", a, net.node("Sigmoid", b)), per_channel(net))


@detector
def product_of_matrices_scaled(net):
    a, b = two(net)
    return net.node("Mul", net.node("MatMul", a, b), per_channel(net))


@detector
def product_of_matrices_shifted(net):
    a, b = two(net)
    return net.node("Add", net.node("MatMul", a, b), per_channel(net))
