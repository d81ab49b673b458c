"""Tensors whose shapes nobody knows: what moves their elements moves their units nowhere, and nothing goes wrong."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from bnfold.gauge.rules import movement
from bnfold.objective import Objective
from tests.networks import Folded, Net, disagreement, fold

Write = Callable[[Net, str], str]


def scaled(net: Net, *shape: int) -> str:
    """A scale by channel in front, which only what reads it could take up."""
    return net.node("Mul", net.input(*shape), net.random.uniform(0.5, 2, (shape[1], 1, 1)), name="it")


def folded(
    net: Net, *ys: str, told: dict[str, np.ndarray] | None = None, objective: Objective = Objective.LATENCY
) -> Folded:
    """Folded and compared; `told` are inputs whose number of elements is not known."""
    model = net.model(*ys)
    for name, value in (told or {}).items():
        shape = ["r"] if value.ndim == 1 else value.shape
        model.graph.input.append(helper.make_tensor_value_info(name, TensorProto.INT64, shape))
    onnx.checker.check_model(model)
    result = fold(model, objective=objective)
    assert disagreement(result, {**net.feeds(), **(told or {})}) < 1e-10
    return result


def as_told(net: Net, op: str, x: str, target: list[int], shape: list[int]) -> tuple[str, dict[str, np.ndarray]]:
    """Reshape or Expand, to a shape that the caller gives in a vector of any length."""
    net.types["target"] = helper.make_tensor_type_proto(TensorProto.INT64, ["r"])
    y = net.node(op, x, "target")
    net.types[y] = helper.make_tensor_type_proto(TensorProto.FLOAT, shape)
    return y, {"target": np.asarray(target)}


MOVES: dict[str, Write] = {
    "Identity": lambda net, x: net.node("Identity", x),
    "Transpose": lambda net, x: net.node("Transpose", x, perm=[0, 1, 3, 2]),
    "Reshape": lambda net, x: net.node("Reshape", x, [2, 4, 36]),
    "Flatten": lambda net, x: net.node("Flatten", x),
    "Unsqueeze": lambda net, x: net.node("Unsqueeze", x, [2]),
    "Expand": lambda net, x: net.node("Expand", x, [2, 4, 6, 6]),
    "Concat": lambda net, x: net.node("Concat", x, x, axis=1),
    "Split": lambda net, x: net.node("Split", x, [1, 3], outputs=2, axis=1)[1],
    "Slice": lambda net, x: net.node("Slice", x, [1], [4], [1]),
    "Gather": lambda net, x: net.node("Gather", x, np.asarray([3, 1]), axis=1),
    "DepthToSpace": lambda net, x: net.node("DepthToSpace", x, blocksize=2),
    "SpaceToDepth": lambda net, x: net.node("SpaceToDepth", x, blocksize=2),
    "Pad": lambda net, x: net.node("Pad", x, [0, 0, 1, 1, 0, 0, 1, 1]),
    "Resize": lambda net, x: net.node("Resize", x, None, np.asarray([1, 1, 2, 2], np.float32)),
    "Dropout": lambda net, x: net.node("Dropout", x),
    "Relu": lambda net, x: net.relu(x),
    "Clip": lambda net, x: net.node("Clip", x, np.asarray(0.0), np.asarray(6.0)),
    "Conv": lambda net, x: net.conv(x, 4),
    "MatMul": lambda net, x: net.node("MatMul", x, net.normal(6, 6)),
    "MaxPool": lambda net, x: net.node("MaxPool", x, kernel_shape=[2, 2]),
}


@pytest.mark.parametrize("objective", Objective)
@pytest.mark.parametrize("op", MOVES)
def test_elements_of_an_unknown_shape_keep_their_units(op: str, objective: Objective) -> None:
    """If the scale must go, an operator of its own takes its place; no other one can take it up."""
    net = Net()
    x, told = as_told(net, "Reshape", scaled(net, 2, 4, 6, 6), [2, 4, 6, 6], [2, 4, 6, 6])
    y = MOVES[op](net, x)
    result = folded(net, net.node("Sigmoid", y), told=told, objective=objective)
    assert result.kept == ([] if objective is Objective.ELIMINATE else ["it"])
    assert set(result.decision("it").into) <= {"it"}


@pytest.mark.parametrize("known", [False, True])
def test_copies_whose_number_is_not_known(known: bool) -> None:
    net = Net()
    x = scaled(net, 1, 4, 6, 6)
    if known:
        y, told = net.node("Expand", x, [3, 4, 6, 6]), {}
    else:
        y, told = as_told(net, "Expand", x, [3, 1, 1, 1], [3, 4, 6, 6])
    y = net.node("Conv", y, net.normal(5, 4, 3, 3))
    assert folded(net, y, told=told).kept == ([] if known else ["it"])


def test_tensors_joined_with_one_of_an_unknown_shape() -> None:
    """The output says what shape they have together; that does not tell which channels are whose."""
    net = Net()
    x = scaled(net, 2, 4, 6, 6)
    other, told = as_told(net, "Reshape", net.input(2, 72, name="z"), [2, 2, 6, 6], [2, 2, 6, 6])
    assert folded(net, net.node("Concat", x, other, axis=1), told=told).kept == ["it"]


@pytest.mark.parametrize("known", [False, True])
def test_an_index_of_unknown_rank(known: bool) -> None:
    """Picking rows leaves channels as they are, but where the channels are then depends on the rank."""
    net = Net()
    x, told = scaled(net, 3, 4, 6, 6), {}
    if known:
        index = np.asarray([2, 0])
    else:
        told = {"target": np.asarray([2])}
        net.types["target"] = helper.make_tensor_type_proto(TensorProto.INT64, ["r"])
        index = net.node("Reshape", np.asarray([2, 0]), "target")
        net.types[index] = helper.make_tensor_type_proto(TensorProto.INT64, [2])
    y = net.node("Conv", net.node("Gather", x, index, axis=0), net.normal(5, 4, 3, 3))
    assert folded(net, y, told=told).kept == ([] if known else ["it"])


def test_a_slice_of_nothing() -> None:
    net = Net()
    empty = net.node("Slice", scaled(net, 2, 4, 6, 6), [3], [3], [1])
    assert folded(net, net.node("Concat", empty, net.input(2, 3, 6, 6, name="z"), axis=1)).kept == ["it"]


@pytest.mark.parametrize(("most", "kept"), [(6, ["it"]), (7, [])])
def test_units_that_would_be_too_many_to_solve_for(most: int, kept: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Four channels and three more are seven."""
    monkeypatch.setattr(movement, "MAX_GAUGE", most)
    net = Net()
    y = net.node("Concat", scaled(net, 2, 4, 6, 6), net.input(2, 3, 6, 6, name="z"), axis=1)
    assert folded(net, net.node("Conv", y, net.normal(5, 7, 3, 3))).kept == kept


@pytest.mark.parametrize("training", [False, True])
def test_a_dropout_that_trains(training: bool) -> None:
    """At a ratio of 0 it drops nothing, so that this one can be compared."""
    net = Net()
    y = net.node("Dropout", scaled(net, 2, 4, 6, 6), np.asarray(0.0), np.asarray(training))
    assert folded(net, net.node("Conv", y, net.normal(5, 4, 3, 3))).kept == (["it"] if training else [])


@pytest.mark.parametrize("read", [False, True])
def test_a_dropout_whose_mask_is_read(read: bool) -> None:
    net = Net()
    y, mask = net.node("Dropout", scaled(net, 2, 4, 6, 6), outputs=2)
    outputs = [
        net.node("Conv", y, net.normal(5, 4, 3, 3)),
        *([net.node("Cast", mask, to=TensorProto.FLOAT)] if read else []),
    ]
    assert folded(net, *outputs).kept == (["it"] if read else [])


def test_a_padding_that_mirrors_and_crops_at_once() -> None:
    """What it mirrors is what it has cropped, or what it had before: tools do not agree, so channels stay."""
    net = Net()
    y = net.node("Pad", scaled(net, 2, 4, 6, 6), [0, 1, 0, 0, 0, -1, 0, 0], mode="reflect")
    result = fold(net.model(net.node("Conv", y, net.normal(5, 4, 3, 3))))
    assert result.kept == ["it"]
