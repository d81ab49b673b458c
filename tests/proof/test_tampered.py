"""Whatever somebody does to the folded model or to its certificate is refused, at the node where it was done."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.networks import Net
from tests.proof.folds import Fold


def trunk() -> onnx.ModelProto:
    """conv0 bn1 relu2 pool3, conv4 bn5 (grouped) + conv6 = add7, bn8 relu9 conv10 pool11 flatten12 gemm13."""
    net = Net(seed=3)
    stem = net.relu(net.bn(net.conv(net.input(2, 3, 8, 8), 8), name="bn1"))
    stem = net.node("MaxPool", stem, kernel_shape=[2, 2], strides=[2, 2], name="pool3")
    left = net.bn(net.conv(stem, 8, group=2), name="bn5")
    stream = net.node("Add", left, net.conv(stem, 8, 1), name="add7")
    y = net.conv(net.relu(net.bn(stream, name="bn8")), 6, 3, pads=[0, 0, 0, 0])
    y = net.node("Flatten", net.node("GlobalAveragePool", y, name="pool11"), name="flatten12")
    return net.model(net.linear(y, 5, name="gemm13", transB=0))


@pytest.fixture
def fold() -> Fold:
    result = Fold.of(trunk())
    assert result.proof().proved
    assert result.claims.keys() >= {"conv0.y", "conv6.y", "add7.y"}
    return result


def scaled(node: str, index: int, factor: float) -> Callable[[Fold], None]:
    def tamper(fold: Fold) -> None:
        value = fold.constant(node, index)
        value.reshape(-1)[1] *= factor
        fold.store(node, index, value)

    return tamper


def swapped(node: str, index: int, axis: int) -> Callable[[Fold], None]:
    def tamper(fold: Fold) -> None:
        value = fold.constant(node, index)
        order = [1, 0, *range(2, value.shape[axis])]
        fold.store(node, index, np.take(value, order, axis))

    return tamper


def set_to(node: str, index: int, number: float) -> Callable[[Fold], None]:
    def tamper(fold: Fold) -> None:
        value = fold.constant(node, index)
        value.reshape(-1)[2] = number
        fold.store(node, index, value)

    return tamper


def ints(node: str, name: str, values: list[int]) -> Callable[[Fold], None]:
    def tamper(fold: Fold) -> None:
        attribute = fold.attribute(node, name)
        assert list(attribute.ints) != values
        del attribute.ints[:]
        attribute.ints.extend(values)

    return tamper


def added(node: str, name: str, value: object) -> Callable[[Fold], None]:
    def tamper(fold: Fold) -> None:
        site = fold.node(node)
        kept = [attribute for attribute in site.attribute if attribute.name != name]
        del site.attribute[:]
        site.attribute.extend([*kept, helper.make_attribute(name, value)])

    return tamper


def operator(node: str, op: str) -> Callable[[Fold], None]:
    def tamper(fold: Fold) -> None:
        fold.node(node).op_type = op

    return tamper


def bypassed(node: str) -> Callable[[Fold], None]:
    def tamper(fold: Fold) -> None:
        site = fold.node(node)
        for reader in fold.folded.graph.node:
            reader.input[:] = [site.input[0] if name == site.output[0] else name for name in reader.input]
        fold.folded.graph.node.remove(site)

    return tamper


def rewired(node: str, index: int, other: str) -> Callable[[Fold], None]:
    def tamper(fold: Fold) -> None:
        fold.node(node).input[index] = fold.node(other).output[0]

    return tamper


def training(fold: Fold) -> None:
    """A batch normalization with batch statistics behind the first convolution."""
    conv, relu = fold.node("conv0"), fold.node("relu2")
    names = ["one", "zero", "zero", "one"]
    made = helper.make_node("BatchNormalization", [conv.output[0], *names], ["n", "m", "v"], training_mode=1)
    fold.folded.graph.initializer.extend(
        [helper.make_tensor(name, TensorProto.FLOAT, [8], [float(name == "one")] * 8) for name in ("one", "zero")]
    )
    fold.folded.graph.node.insert(1, made)
    relu.input[0] = "n"


def output_shape(fold: Fold) -> None:
    fold.folded.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "n"


def renamed_output(fold: Fold) -> None:
    fold.node("gemm13").output[0] = fold.folded.graph.output[0].name = "y"


def other_opset(fold: Fold) -> None:
    fold.folded.opset_import[0].version = 18


MODELS = {
    "a weight off by 1e-3": (scaled("conv4", 1, 1.001), "conv4"),
    "a weight off by one unit": (scaled("conv4", 1, 1 + 2.0**-22), "conv4"),
    "a weight of another sign": (scaled("conv6", 1, -1), "conv6"),
    "a weight that is 0": (set_to("conv10", 1, 0.0), "conv10"),
    "a weight that is NaN": (set_to("conv0", 1, np.nan), "conv0"),
    "a weight that is infinite": (set_to("conv0", 1, np.inf), "conv0"),
    "a weight of the head": (scaled("gemm13", 1, 1.001), "gemm13"),
    "a bias off in one channel": (scaled("conv4", 2, 1.001), "conv4"),
    "a bias of the head": (scaled("gemm13", 2, 1.001), "gemm13"),
    "swapped output channels": (swapped("conv6", 1, 0), "conv6"),
    "swapped input channels": (swapped("conv10", 1, 1), "conv10"),
    "shifted pads": (ints("conv4", "pads", [0, 0, 2, 2]), "conv4"),
    "other strides": (added("conv10", "strides", [2, 2]), "conv10"),
    "other dilations": (added("conv10", "dilations", [2, 2]), "conv10"),
    "another phase of the pooling": (added("pool3", "pads", [1, 1, 0, 0]), "pool3"),
    "a wider pooling": (ints("pool3", "kernel_shape", [3, 3]), "pool3"),
    "ceil instead of floor": (added("pool3", "ceil_mode", 1), "pool3"),
    "an average for a maximum": (operator("pool3", "AveragePool"), "pool3"),
    "a maximum for an average": (operator("pool11", "GlobalMaxPool"), "pool11"),
    "an absolute value for a Relu": (operator("relu2", "Abs"), "relu2"),
    "a difference for a sum": (operator("add7", "Sub"), "add7"),
    "a dropped Relu": (bypassed("relu9"), "relu9"),
    "a dropped pooling": (bypassed("pool3"), "conv4"),
    "a stream read too early": (rewired("relu9", 0, "conv6"), "relu9"),
    "a branch added twice": (rewired("add7", 1, "conv4"), "add7"),
    "a Gemm with alpha": (added("gemm13", "alpha", 0.5), "gemm13"),
    "a Gemm with beta": (added("gemm13", "beta", 0.5), "gemm13"),
    "flattened from another axis": (added("flatten12", "axis", 0), "flatten12"),
    "batch statistics": (training, "relu2"),
    "an output of another shape": (output_shape, "interface"),
    "an output of another name": (renamed_output, "interface"),
    "another operator set": (other_opset, "interface"),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_tampered_model_is_refused_where_it_was_tampered_with(fold: Fold, name: str) -> None:
    tamper, node = MODELS[name]
    tamper(fold)
    assert fold.proof().unproved[0].node == node


def units(tensor: str, key: str, change: Callable[[np.ndarray], object]) -> Callable[[Fold], None]:
    def tamper(fold: Fold) -> None:
        changed = getattr(fold.claims[tensor], key).copy()
        change(changed.reshape(-1))
        fold.claim(tensor, **{key: changed})

    return tamper


def elsewhere(tensor: str, stored: str) -> Callable[[Fold], None]:
    return lambda fold: fold.claim(tensor, stored=stored)


def dropped(tensor: str) -> Callable[[Fold], None]:
    return lambda fold: fold.claims.pop(tensor) and None


def invented(fold: Fold) -> None:
    fold.claims["nothing"] = fold.claims["conv0.y"]


def wrong_shape(fold: Fold) -> None:
    fold.claim("conv0.y", scale=np.ones((1, 7, 1, 1)), shift=np.zeros((1, 7, 1, 1)))


def one(at: np.ndarray, factor: float = 1.0, more: float = 0.0) -> None:
    at[0] = at[0] * factor + more


CLAIMS = {
    "a scale off by 1e-3": (units("conv0.y", "scale", lambda a: one(a, 1.001)), "conv0"),
    "a scale off by 1e-10": (units("conv0.y", "scale", lambda a: one(a, 1 + 1e-10)), "bn1"),
    "a negative scale": (units("add7.y", "scale", lambda a: one(a, -1)), "add7"),
    "no scale": (units("conv6.y", "scale", lambda a: one(a, 0)), "conv6"),
    "no scales at all": (units("conv6.y", "scale", lambda a: a.fill(0)), "conv6"),
    "a shift off by 1e-3": (units("conv6.y", "shift", lambda a: one(a, 1, 1e-3)), "conv6"),
    "a shift off by 1e-6": (units("conv6.y", "shift", lambda a: one(a, 1, 1e-6)), "conv6"),
    "a shift where none is": (units("add7.y", "shift", lambda a: one(a, 1, 1)), "add7"),
    "stored in another tensor": (elsewhere("conv0.y", "conv6.y"), "conv0"),
    "stored nowhere": (elsewhere("conv0.y", "void"), "conv0"),
    "stored in a later tensor": (elsewhere("conv0.y", "gemm13.y"), "conv0"),
    "stored in an input": (elsewhere("conv0.y", "x"), "conv0"),
    "nothing said": (dropped("add7.y"), "bn8"),
    "a tensor that is none": (invented, "certificate"),
    "units of another shape": (wrong_shape, "conv0"),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_a_tampered_claim_is_refused_at_its_node(fold: Fold, name: str) -> None:
    tamper, node = CLAIMS[name]
    tamper(fold)
    assert fold.proof().unproved[0].node == node


def dead(before: bool) -> Fold:
    """One channel of a batch normalization is 0: its producer stores a constant, or its reader ignores it."""
    net = Net(seed=5)
    x = net.conv(net.input(2, 3, 6, 6), 4, name="first")
    gamma = np.asarray([1.0, 0.0, 0.7, 1.3])
    if before:
        y = net.node("Sigmoid", net.bn(x, gamma=gamma, name="bn"), name="last")
    else:
        y = net.conv(net.bn(net.node("Sigmoid", x), gamma=gamma, name="bn"), 2, pads=[0] * 4, name="last")
    result = Fold.of(net.model(y))
    assert result.proof().proved
    assert "BatchNormalization" not in {node.op_type for node in result.folded.graph.node}
    return result


@pytest.mark.parametrize(("index", "where", "number"), [(1, 27, 1e-3), (2, 1, 9.0)], ids=["weight", "bias"])
def test_a_dead_channel_stores_its_constant(index: int, where: int, number: float) -> None:
    fold = dead(before=True)
    value = fold.constant("first", index)
    assert index == 2 or value.reshape(-1)[where] == 0
    value.reshape(-1)[where] = number
    fold.store("first", index, value)
    assert fold.proof().unproved[0].node == "bn"


def test_a_channel_that_is_a_constant_is_not_read() -> None:
    fold = dead(before=False)
    value = fold.constant("last", 1)
    assert not value[:, 1].any()
    value[0, 1, 0, 0] = 1e-3
    fold.store("last", 1, value)
    assert fold.proof().unproved[0].node == "last"
