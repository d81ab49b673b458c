"""Side conditions at their edges: what just folds whole, and beside it what just does not."""

import numpy as np
import pytest

from tests.gauge.contract import check
from tests.networks import Net, fold

VALID = [0, 0, 0, 0]


def scaled(net: Net, *shape: int) -> str:
    """An input whose channels are scaled."""
    return net.node("Mul", net.input(*shape), net.random.uniform(1.5, 3, (shape[1], 1, 1)), name="it")


@pytest.mark.parametrize(("low", "kept"), [(0.0, []), (0.5, ["it"]), (-0.5, ["it"])])
def test_a_clip_from_zero_without_an_end_is_a_relu(low, kept):
    net = Net()
    assert check(net, [net.conv(net.node("Clip", scaled(net, 1, 4, 3, 3), low), 2)]).kept == kept


@pytest.mark.parametrize(("pads", "kept"), [([2, 2, 2, 2], []), ([2, 1, 2, 2], ["it"]), ([2, 2, 2, 1], ["it"])])
def test_a_transposed_convolution_takes_a_shift_where_every_output_sees_the_whole_kernel(pads, kept):
    net = Net()
    x = net.node("Add", net.input(1, 4, 6, 6), net.random.normal(size=(4, 1, 1)), name="it")
    assert check(net, [net.node("ConvTranspose", x, net.normal(4, 2, 3, 3), pads=pads)]).kept == kept


def test_a_slice_along_channels_and_positions_at_once():
    net = Net()
    x = net.node("Slice", scaled(net, 1, 4, 4, 4), [1, 1], [4, 3], [1, 2])
    assert check(net, [net.conv(x, 2, pads=VALID, kernel=1)]).kept == []


@pytest.mark.parametrize("ends", [(1, 0), (0, 1), (2, 1)])
def test_channels_reflected_at_one_end_or_both(ends):
    net = Net()
    x = net.node("Pad", scaled(net, 1, 4, 3, 3), [0, ends[0], 0, 0, 0, ends[1], 0, 0], mode="reflect")
    assert check(net, [net.conv(x, 2)]).kept == []


@pytest.mark.parametrize("axis", [1, -3])
def test_a_pad_along_the_axes_that_it_names(axis):
    net = Net(opset=18)
    x = net.node("Pad", scaled(net, 1, 4, 3, 3), [2, 1], None, [axis], mode="edge")
    assert check(net, [net.conv(x, 2)]).kept == []


def test_batches_of_an_unknown_number_joined_with_known_ones():
    """Both parts share their units, though the constant could have some of its own in every sample."""
    net = Net(dynamic=True)
    x = net.node("Concat", net.conv(net.input(2, 3, 4, 4), 4), net.random.normal(size=(2, 4, 4, 4)), axis=0)
    assert check(net, [net.bn(x)]).kept == []


def test_a_constant_beside_channels_has_units_of_every_element():
    net = Net()
    x = net.node("Concat", net.conv(net.input(1, 3, 4, 4), 4), net.random.normal(size=(1, 2, 4, 4)), axis=1)
    assert check(net, [net.conv(net.bn(x), 2, pads=VALID)]).kept == []


def test_a_normalization_of_single_numbers_has_one_channel():
    net = Net()
    parameters = [np.asarray([value]) for value in (2.0, 0.5, 0.25, 1.5)]
    x = net.node("BatchNormalization", net.input(4), *parameters)
    assert check(net, [net.node("Mul", x, 3.0, name="it")]).kept == ["batchnormalization0"]


@pytest.mark.parametrize(("trains", "kept"), [(None, []), (False, []), (True, ["it"])])
def test_a_dropout_is_passed_unless_it_trains(trains, kept):
    net = Net()
    setting = None if trains is None else np.asarray(trains)
    x = net.node("Dropout", scaled(net, 1, 4, 3, 3), None, setting)
    assert fold(net.model(net.conv(x, 2, pads=VALID))).kept == kept


def test_units_of_every_sample_pass_a_pool():
    net = Net()
    scales = np.array([2.0, 0.5, 4.0]).reshape(3, 1, 1, 1)
    x = net.node("MaxPool", net.node("Mul", net.input(3, 2, 4, 4), scales), kernel_shape=[2, 2])
    assert check(net, [net.node("Mul", x, 1 / scales)]).kept == []


@pytest.mark.parametrize("opset", [7, 8, 13])
def test_a_matmul_broadcasts_since_operator_set_7(opset):
    net = Net(opset=opset)
    x = net.node("Mul", net.input(2, 3), net.random.uniform(1.5, 3, 3))
    assert check(net, [net.node("MatMul", x, net.normal(3, 4))]).kept == []


def test_an_output_shape_leaves_open_what_a_transposed_convolution_pads():
    net = Net()
    x = net.node("Add", net.input(1, 4, 3, 3), net.random.normal(size=(4, 1, 1)), name="it")
    y = net.node("ConvTranspose", x, net.normal(4, 2, 1, 1), output_shape=[3, 3])
    assert check(net, [y]).kept == ["it"]
