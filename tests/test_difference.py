"""What changed between two models: complete, and right about where nodes went."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

import bnfold
from bnfold.errors import SourceError
from bnfold.zoo import resnet20v2
from tests.cli.conftest import small_net


@pytest.fixture
def net(tmp_path: Path) -> Path:
    onnx.save(small_net(), tmp_path / "net.onnx")
    return tmp_path / "net.onnx"


def edited(net: Path, name: str, change: object) -> Path:
    model = onnx.load(net)
    change(model)  # type: ignore[operator]
    onnx.save(model, net.parent / name)
    return net.parent / name


def test_a_model_is_itself(net: Path) -> None:
    assert bnfold.diff(net, net).nothing


def test_state_dicts_are_of_the_architecture_that_is_named(tmp_path: Path) -> None:
    """`layers` is no net that the state dict itself would tell."""
    torch.save(layers().state_dict(), tmp_path / "net.pt")
    shapes, arch = {"": (1, 3, 8, 8)}, f"{__name__}:layers"
    with pytest.raises(SourceError):
        bnfold.diff(tmp_path / "net.pt", tmp_path / "net.pt", shapes=shapes)
    assert bnfold.diff(tmp_path / "net.pt", tmp_path / "net.pt", shapes=shapes, arch=arch).nothing


def layers() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))


def test_a_folded_batch_normalization(net: Path, tmp_path: Path) -> None:
    bnfold.fold(net, output=tmp_path / "out.onnx", verify=False)
    found = bnfold.diff(net, tmp_path / "out.onnx")
    assert found.operators == {"BatchNormalization": (1, 0), "Conv": (2, 2), "Relu": (1, 1)}
    assert [(each.node, each.written_by) for each in found.vanished] == [("bn1", "conv1")]
    assert [(each.node, each.what) for each in found.changed] == [("conv1", ("constants",))]
    assert (found.new, found.interface) == ((), ())
    assert set(found.constants.gone) == {"scale", "bias", "mean", "var"}
    assert found.constants.changed == ("w1",)
    assert found.constants.same == ("w2",)


@pytest.mark.parametrize("bit", [False, True])
def test_one_bit_of_one_weight(net: Path, bit: bool) -> None:
    def change(model: onnx.ModelProto) -> None:
        weight = next(tensor for tensor in model.graph.initializer if tensor.name == "w2")
        values = numpy_helper.to_array(weight).copy()
        if bit:
            values.view(np.int32)[0, 0, 0, 0] ^= 1
        weight.CopyFrom(numpy_helper.from_array(values, "w2"))

    found = bnfold.diff(net, edited(net, "other.onnx", change))
    assert found.nothing != bit
    assert [(each.node, each.what) for each in found.changed] == ([("conv2", ("constants",))] if bit else [])


def test_attributes_operators_and_interface(net: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        nodes = {node.name: node for node in model.graph.node}
        nodes["relu1"].op_type = "LeakyRelu"
        nodes["conv1"].attribute[0].ints[:] = [0, 0, 0, 0]
        model.graph.output[0].name = "new"
        model.graph.node.append(helper.make_node("Sigmoid", ["output"], ["new"], "added"))

    found = bnfold.diff(net, edited(net, "other.onnx", change))
    what = {each.node: each.what for each in found.changed}
    assert what["relu1"] == ("operator",)
    assert what["conv1"] == ("attributes",)
    assert found.new == (("added", "Sigmoid"),)
    assert found.interface == ("The output output is gone.", "The output new is new.")


def test_nodes_without_equal_names_are_found_by_what_they_write(net: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        for number, node in enumerate(model.graph.node):
            node.name = f"n{number}"

    assert bnfold.diff(net, edited(net, "other.onnx", change)).nothing


def test_where_nodes_went_agrees_with_the_plan(tmp_path: Path) -> None:
    """In a pre-activation network every removed BN went into a node that `diff` names."""
    import torch

    torch.manual_seed(0)
    module = resnet20v2(num_classes=10, in_channels=1).eval()
    result = bnfold.fold(module, torch.rand(1, 1, 8, 8), output=tmp_path / "out.onnx", verify=False)
    found = bnfold.diff(module, tmp_path / "out.onnx", shapes={"input": (1, 1, 8, 8)})
    into = {decision.node: set(decision.into) for decision in result.plan.decisions}
    assert {each.node for each in found.vanished} == set(into)
    for each in found.vanished:
        named = set(each.near) or {each.written_by}
        assert named & into[each.node], each
