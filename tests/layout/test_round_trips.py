"""Reshapes and Transposes that undo each other once nothing lies between them any more."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest

from bnfold.inspection import inspect
from bnfold.pipeline import fold
from bnfold.proof.maps.affine import chain
from bnfold.proof.reading.network import Network
from bnfold.proof.reading.order import returned
from bnfold.report.terminal import inspect_report
from tests.networks import Net


def folded(net: Net, outputs: list[str], folder: Path) -> Counter[str]:
    """The operators of the fold, which is proved on samples and for every input."""
    onnx.save(net.model(*outputs), folder / "model.onnx")
    result = fold(folder / "model.onnx")
    assert result.report.verification.verdict == "equivalent"
    assert result.report.proof.sentence == "proved for every input"
    return Counter(node.op_type for node in result.model.graph)


def linear(net: Net, x: str, width: int) -> str:
    return net.node("MatMul", x, net.normal(net.shape(x)[-1], width))


def as_rows(net: Net, x: str) -> str:
    """LeViT's Linear, then batch normalization of all tokens as rows of one matrix."""
    _, tokens, width = net.shape(x)
    return net.node("Reshape", net.bn(net.node("Reshape", x, [-1, width])), [-1, tokens, width])


def channels_first(net: Net, x: str) -> str:
    """BatchNorm1d behind a Linear."""
    return net.node("Transpose", net.bn(net.node("Transpose", x, perm=[0, 2, 1])), perm=[0, 2, 1])


def with_an_axis(net: Net, x: str) -> str:
    return net.node("Squeeze", net.node("Mul", net.node("Unsqueeze", x, [1]), net.normal(net.shape(x)[-1])), [1])


FORMS = [as_rows, channels_first, with_an_axis]


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("normalized", FORMS)
def test_a_linear_layer_is_all_that_is_left(normalized, dynamic, tmp_path):
    net = Net(dynamic=dynamic)
    x = net.node("HardSwish", normalized(net, linear(net, net.input(2, 5, 4), 6)))
    ops = folded(net, [normalized(net, linear(net, x, 5))], tmp_path)
    assert ops.keys() <= {"MatMul", "Add", "HardSwish"}
    assert ops["MatMul"] == 2


@pytest.mark.parametrize("normalized", FORMS)
def test_a_reader_in_between_keeps_what_it_reads(normalized, tmp_path):
    net = Net()
    y = normalized(net, linear(net, net.input(2, 5, 4), 6))
    middle = net.nodes[-1].input[0]
    ops = folded(net, [net.node("Tanh", y), net.node("Sigmoid", middle)], tmp_path)
    assert sum(ops[op] for op in ("Reshape", "Transpose", "Unsqueeze")) == 1


def test_what_does_not_come_back_stays(tmp_path):
    net = Net()
    x = net.bn(net.node("Reshape", linear(net, net.input(2, 5, 4), 6), [10, 6]))
    y = net.bn(net.node("Transpose", linear(net, net.input(2, 5, 4, name="z"), 6), perm=[0, 2, 1]))
    ends = [net.node("Reshape", x, [5, 2, 6]), net.node("Transpose", y, perm=[1, 0, 2])]
    ops = folded(net, [net.node("Tanh", end) for end in ends], tmp_path)
    assert (ops["Reshape"], ops["Transpose"]) == (2, 2)


def test_windows_of_the_whole_image_go_and_are_proved(tmp_path):
    """Swin cuts an image into windows, and joins them again; with one window that moves extents of 1."""
    net = Net(dynamic=True)
    x = net.node("Pad", net.input(2, 4, 4, 3), np.array([0, 0, 0, 0, 0, 1, 1, 0]))
    x = net.node("Transpose", net.node("Reshape", x, [-1, 1, 5, 1, 5, 3]), perm=[0, 1, 3, 2, 4, 5])
    assert folded(net, [net.node("Sigmoid", net.node("Reshape", x, [-1, 5, 5, 3]))], tmp_path) == {
        "Pad": 1,
        "Sigmoid": 1,
    }


def windows(net: Net, x: str, there: bool = True) -> str:
    """Windows of 5 x 5 of an image of that size, channels last, and back: only extents of 1 move."""
    first, then = ([-1, 1, 5, 1, 5, 3], [-1, 5, 5, 3]) if there else ([-1, 1, 1, 5, 5, 3], [-1, 5, 5, 3])
    return net.node("Reshape", net.node("Transpose", net.node("Reshape", x, first), perm=[0, 1, 3, 2, 4, 5]), then)


@pytest.mark.parametrize("dynamic", [False, True])
def test_windows_go_where_the_layout_changes_over_as_well(dynamic, tmp_path):
    """EfficientViT pads an image and cuts it into windows, all of that with the channels last."""
    net = Net(dynamic=dynamic)
    x = net.node("Transpose", net.conv(net.input(2, 3, 4, 4), 3), perm=[0, 2, 3, 1])
    x = windows(net, net.node("Pad", x, np.array([0, 0, 0, 0, 0, 1, 1, 0])))
    x = net.node("Relu", net.bn(net.conv(net.node("Transpose", x, perm=[0, 3, 1, 2]), 3)))
    x = windows(net, net.node("Transpose", x, perm=[0, 2, 3, 1]), there=False)
    x = net.node("Slice", x, np.array([0, 0]), np.array([4, 3]), np.array([1, 2]))
    ops = folded(net, [net.node("Transpose", x, perm=[0, 3, 1, 2])], tmp_path)
    assert ops == {"Conv": 2, "Relu": 1, "Slice": 1}


def test_a_reshape_to_the_same_shape_goes_behind_what_is_folded(tmp_path):
    net = Net(dynamic=True)
    x = net.node("Reshape", net.bn(net.conv(net.input(2, 3, 6, 6), 4)), [-1, 4, 6, 6])
    ops = folded(net, [net.conv(net.relu(x), 2)], tmp_path)
    assert ops == {"Conv": 2, "Relu": 1}


@pytest.mark.parametrize(("batch", "stays"), [("m", 1), ("n", 0)])
def test_an_expand_goes_only_where_no_extent_can_grow(batch, stays, tmp_path):
    """That both extents are unknown does not make them the same: one of 1 would grow."""
    net = Net(dynamic=True)
    x = net.conv(net.input(2, 3, 3, 3), 4)
    y = net.relu(net.node("Expand", x, net.node("Shape", net.input(2, 4, 1, 1, name="z"))))
    model = net.model(y)
    model.graph.input[1].type.tensor_type.shape.dim[0].dim_param = batch
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "any"
    onnx.save(model, tmp_path / "model.onnx")
    result = fold(tmp_path / "model.onnx", verify=False)
    assert Counter(node.op_type for node in result.model.graph)["Expand"] == stays


def test_an_operator_in_between_that_stays_keeps_them(tmp_path):
    net = Net()
    x = net.node("Reshape", net.input(2, 5, 4), [-1, 20])
    ops = folded(net, [net.node("Reshape", net.node("Softmax", x), [-1, 5, 4])], tmp_path)
    assert ops["Reshape"] == 2


def test_the_report_counts_what_went(tmp_path):
    net = Net()
    x = net.node("Identity", as_rows(net, linear(net, net.input(2, 5, 4), 6)))
    onnx.save(net.model(net.node("Tanh", x)), tmp_path / "model.onnx")
    report = inspect(tmp_path / "model.onnx")
    assert report.layout == {"Identity": 1, "Reshape": 2} == report.to_json()["layout"]
    assert "3 operators removed that only move or name data (1 Identity, 2 Reshape)" in str(inspect_report(report)[-1])
    assert inspect(tmp_path / "model.onnx", merge=False).layout == {}


def test_a_model_with_nothing_but_layout_is_no_model_with_nothing_to_fold(tmp_path):
    net = Net()
    x = net.node("Transpose", net.node("Transpose", net.input(2, 3), perm=[1, 0]), perm=[1, 0])
    onnx.save(net.model(net.relu(x)), tmp_path / "model.onnx")
    report = inspect(tmp_path / "model.onnx")
    assert not report.nothing_to_fold
    assert "2 operators removed" in str(inspect_report(report)[-1])


def test_an_output_keeps_its_name(tmp_path):
    net = Net()
    y = as_rows(net, linear(net, net.input(2, 5, 4), 6))
    assert folded(net, [y], tmp_path).keys() <= {"MatMul", "Add"}


def test_the_checker_follows_no_constant_that_makes_the_tensor_larger():
    """[n] and [3 n] have one unknown extent each, and are not the same."""
    net = Net(dynamic=True)
    column = net.node("Reshape", net.input(4), [-1, 1])
    wide = net.node("Add", column, net.normal(1, 3))
    y = net.node("Reshape", wide, [-1])
    assert [tensor for tensor, _ in chain(Network(net.model(y)), y)] == [y]
    same = net.node("Reshape", net.node("Add", column, net.normal(1, 1)), [-1])
    assert [tensor for tensor, _ in chain(Network(net.model(same)), same)] == [same, "x"]


def test_the_checker_moves_constants_back_with_the_tensor():
    net = Net()
    x = net.input(2, 3, 3)
    y = net.node(
        "Transpose", net.node("Mul", net.node("Transpose", x, perm=[2, 0, 1]), net.normal(3, 2, 3)), perm=[1, 2, 0]
    )
    (_, form) = list(chain(Network(net.model(y)), y))[-1]
    stored = next(iter(net.constants.values()))
    assert np.array_equal(form.scale.astype(np.float32), stored.transpose(1, 2, 0))


def test_the_checker_follows_no_expand_that_may_make_the_tensor_larger():
    net = Net(dynamic=True)
    x = net.input(2, 4)
    y = net.node("Expand", x, net.node("Shape", net.input(2, 1, name="z")))
    model = net.model(y)
    assert [tensor for tensor, _ in chain(Network(model), y)] == [y, x]
    model.graph.input[1].type.tensor_type.shape.dim[0].dim_param = "M"
    assert [tensor for tensor, _ in chain(Network(model), y)] == [y]


def test_the_checker_takes_nothing_for_a_round_trip_that_ends_otherwise():
    net = Net()
    x = net.input(2, 3, 3)
    turned = net.node("Reshape", net.node("Transpose", net.node("Reshape", x, [2, 9]), perm=[1, 0]), [2, 3, 3])
    wider = net.node("Reshape", net.node("Reshape", x, [18]), [3, 2, 3])
    network = Network(net.model(turned, wider))
    assert [returned(network, network.writer[y][0]) for y in (turned, wider)] == [None, None]
