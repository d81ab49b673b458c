"""Each operator that has a form in another layout: when it takes it, and when it stays as it is."""

from collections.abc import Callable

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from bnfold.graph.prepare import prepare
from bnfold.layout.clean import clean_layout
from tests.layout.channels_last import TO_FIRST, TO_LAST
from tests.layout.cleaning import Cleaned, cleaned
from tests.networks import Net

Write = Callable[[Net, str], str]


def between(write: Write, opset: int, back: list[int] | None = TO_FIRST, unknown: bool = False) -> Cleaned:
    """The operator on channels-last data, between Transposes of a network that has the channels first."""
    net = Net(opset=opset)
    x = net.relu(net.input(2, 3, 4, 5))
    y = write(net, net.node("Transpose", of_unknown_rank(net, x) if unknown else x, perm=TO_LAST))
    return cleaned(net, net.node("Tanh", y if back is None else net.node("Transpose", y, perm=back)))


def of_unknown_rank(net: Net, x: str) -> str:
    """A tensor whose shape, which stays as it is, depends on values of the input."""
    any_value = net.node("Greater", net.node("Abs", net.input(4, name="four")), -1.0)
    y = net.node("Reshape", x, net.node("Compress", np.asarray(net.shape(x)), any_value))
    net.types[y] = net.types[x]
    return y


def transposes(found: Cleaned) -> int:
    return found.ops["Transpose"]


def slice_by_attributes(net: Net, x: str) -> str:
    return net.node("Slice", x, starts=[1, 0], ends=[3, 2], axes=[1, 3])


def slice_from_the_end(net: Net, x: str) -> str:
    return net.node("Slice", x, [1, 0], [3, 2], [-3, -1])


def pad_by_attribute(net: Net, x: str) -> str:
    return net.node("Pad", x, pads=[0, 1, 2, 0, 0, 0, 1, 3], value=0.5)


def pad_by_input(net: Net, x: str) -> str:
    return net.node("Pad", x, [0, 1, 2, 0, 0, 0, 1, 3], mode="edge")


def mean_by_input(net: Net, x: str) -> str:
    return net.node("ReduceMean", x, [1, -2])


def largest_channel(net: Net, x: str) -> str:
    return net.node("ReduceMax", x, axes=[-1])


def log_softmax(net: Net, x: str) -> str:
    return net.node("LogSoftmax", x, axis=-1)


def constant_first(net: Net, x: str) -> str:
    return net.node("Sub", net.normal(3), x)


def joined_with_a_constant(net: Net, x: str) -> str:
    return net.node("Concat", x, net.normal(2, 4, 5, 1), axis=-1)


MOVE = [
    (slice_by_attributes, 9),
    (slice_from_the_end, 13),
    (pad_by_attribute, 10),
    (pad_by_input, 13),
    (mean_by_input, 18),
    (largest_channel, 13),
    (log_softmax, 13),
    (constant_first, 9),
    (joined_with_a_constant, 13),
]


@pytest.mark.parametrize(("write", "opset"), MOVE)
def test_it_works_on_the_native_layout(write, opset):
    assert transposes(between(write, opset)) == 0


@pytest.mark.parametrize(("write", "opset"), MOVE)
def test_it_stays_where_the_rank_is_unknown(write, opset):
    assert transposes(between(write, opset, unknown=True)) == 2


def squeezed(net: Net, x: str) -> str:
    return net.node("Squeeze", net.node("ReduceSum", x, [1, 2]), [1, 2])


def summed(net: Net, x: str) -> str:
    return net.node("ReduceSum", x, [-3, 2], keepdims=0)


def flat(net: Net, x: str) -> str:
    return net.node("Flatten", net.node("ReduceMean", x, axes=[1, 2]))


@pytest.mark.parametrize("write", [squeezed, summed, flat])
def test_what_is_left_of_it_needs_no_transpose_at_all(write):
    assert transposes(between(write, 13, back=None)) == 0


def mean_as_rows_like_the_input(net: Net, x: str) -> str:
    """0 takes over the extent at the same place, which in another layout is another one."""
    return net.node("Reshape", net.node("ReduceMean", x, axes=[1, 2]), [0, -1])


def columns(net: Net, x: str) -> str:
    """Nothing is between the channels and the width any more, but they are still in that order."""
    return net.node("ReduceMax", x, axes=[1], keepdims=0)


@pytest.mark.parametrize("write", [mean_as_rows_like_the_input, columns])
def test_what_is_left_of_it_has_another_order(write):
    assert transposes(between(write, 13, back=None)) == 1


def test_rows_of_another_axis_are_other_rows():
    """All that is not 1 is in order, but what comes first, and so the number of rows, is not."""
    net = Net()
    x = net.node("Transpose", net.relu(net.input(6, 1, 1, 5)), perm=[1, 0, 2, 3])
    assert transposes(cleaned(net, net.node("Tanh", net.node("Flatten", x)))) == 1


def test_an_unknown_rank_leaves_the_end_of_a_region_alone():
    def rows(net: Net, x: str) -> str:
        return net.node("Flatten", x)

    assert transposes(between(rows, 13, back=None, unknown=True)) == 1


def test_a_scalar_is_the_same_in_every_layout():
    net = Net()
    half = net.constant(0.5, "half")
    x = net.node("Transpose", net.relu(net.input(2, 3, 4, 5)), perm=TO_LAST)
    y = net.node("Transpose", net.node("Mul", x, half), perm=TO_FIRST)
    (mul,) = (node for node in cleaned(net, net.node("Tanh", y)).model.graph if node.op_type == "Mul")
    assert mul.inputs[1].name == half


def softmax_of_all_that_follows(net: Net, x: str) -> str:
    """Before opset 13 it takes all axes from its own on for one."""
    return net.node("Softmax", x, axis=3)


def slice_of_the_first_axes(net: Net, x: str) -> str:
    return net.node("Slice", x, [0, 1], [2, 3])


def pad_of_some_axes(net: Net, x: str) -> str:
    return net.node("Pad", x, [1, 0, 0, 2], None, [1, 3])


def mean_of_everything(net: Net, x: str) -> str:
    return net.node("ReduceMean", x)


def mean_of_nothing(net: Net, x: str) -> str:
    return net.node("ReduceSum", x, np.asarray([], np.int64), noop_with_empty_axes=1)


def axes_of_the_caller(net: Net, x: str) -> str:
    """Which axes it cuts is told at run time; for every caller it is the first one."""
    axis = net.node("ArgMax", net.input(1, 1, name="scores"), axis=1, keepdims=0)
    return net.node("Slice", x, [0], [1], axis)


def no_form(net: Net, x: str) -> str:
    return net.node("LpNormalization", x, axis=-1)


STAY = [
    (softmax_of_all_that_follows, 11),
    (slice_of_the_first_axes, 13),
    (pad_of_some_axes, 18),
    (mean_of_everything, 13),
    (mean_of_nothing, 13),
    (axes_of_the_caller, 13),
    (no_form, 13),
]


@pytest.mark.parametrize(("write", "opset"), STAY)
def test_it_stays_as_it_is(write, opset):
    assert transposes(between(write, opset)) == 2


def test_an_attribute_without_a_value_of_its_own_is_left_to_the_runtime():
    """One that refers to an attribute of a function says nothing where there is no function."""
    net = Net()
    x = net.node("Transpose", net.relu(net.input(2, 3, 4, 5)), perm=TO_LAST)
    y = net.node("Transpose", net.node("LeakyRelu", x), perm=TO_FIRST)
    proto = net.model(net.node("Tanh", y))
    proto.graph.node[2].attribute.add(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
    model = ir.from_proto(proto)
    prepare(model)
    clean_layout(model)
    assert ir.to_proto(model).graph.node == proto.graph.node


def test_a_transpose_that_names_no_axes_ends_the_region():
    """It turns all of them round, however many there are."""

    def axes_in_reverse(net: Net, x: str) -> str:
        rows = net.node("Transpose", net.node("Reshape", x, [2, 20, 3]))
        return net.node("Reshape", net.node("Transpose", net.relu(rows), perm=[2, 1, 0]), [2, 4, 5, 3])

    assert transposes(between(axes_in_reverse, 13)) == 4
