"""Models that only torch's own exporter can write: named as their owner knows them, and equal to the module."""

import copy
import logging

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from torch import nn

from bnfold.errors import SourceError
from bnfold.fx.forms import NotWritableError
from bnfold.fx.write import write_onnx
from bnfold.sources.torch_onnx import export
from bnfold.verification.reference import Reference
from tests.fx.nets import normal, seeded


class Block(nn.Module):
    def __init__(self, bias):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1, bias=bias)
        self.bn = nn.BatchNorm2d(4)

    def forward(self, x):
        return self.bn(self.conv(x))


class Rolled(nn.Module):
    """Layers of every kind that is named, around a call that bnfold does not write itself."""

    def __init__(self, bias=False):
        super().__init__()
        self.body = nn.Sequential(Block(bias))
        self.up = nn.ConvTranspose2d(4, 4, 2, stride=2, bias=bias)
        self.deep = nn.Conv3d(4, 2, 1, bias=bias)
        self.head = nn.Linear(2, 5)

    def forward(self, x):
        rolled = torch.roll(self.up(self.body(x)), 1, 2)
        return self.head(self.deep(rolled.unsqueeze(2)).relu().relu().mean((2, 3, 4)))


def exported(module, *shapes):
    names = [f"image{i}" for i in range(len(shapes))]
    return export(module.eval().requires_grad_(False), [torch.zeros(2, *shape) for shape in shapes], names)


@pytest.fixture(scope="module")
def rolled():
    with torch.random.fork_rng():
        torch.manual_seed(5)
        module = seeded(Rolled())
    return module, exported(module, (3, 8, 6))


def named(model):
    return {node.name: node for node in model.graph}


def test_bnfold_does_not_write_it_itself():
    with pytest.raises(NotWritableError, match="roll"):
        write_onnx(Rolled().eval(), [torch.zeros(2, 3, 8, 6)], ["image"])


def test_layers_are_called_as_their_modules(rolled):
    kinds = {name: node.op_type for name, node in named(rolled[1]).items()}
    layers = {"body.0.conv": "Conv", "body.0.bn": "BatchNormalization", "up": "ConvTranspose", "deep": "Conv"}
    assert kinds.items() >= (layers | {"head": "Gemm"}).items()


def test_what_is_called_twice_has_two_names(rolled):
    assert {"Relu", "Relu.2"} <= named(rolled[1]).keys()


def test_parameters_keep_their_names(rolled):
    module, model = rolled
    assert model.graph.initializers.keys() >= {name for name, _ in module.named_parameters()}


def test_invented_zeros_are_called_the_bias(rolled):
    bias = named(rolled[1])["body.0.conv"].inputs[2]
    assert bias.name == "body.0.conv.bias"
    assert bias.const_value.numpy().tolist() == [0] * 4


def test_invented_zeros_of_a_3d_convolution_go(rolled):
    assert len([value for value in named(rolled[1])["deep"].inputs if value is not None]) == 2


def test_a_real_bias_stays():
    module = seeded(Rolled(bias=True))
    nodes = named(exported(module, (3, 8, 6)))
    for name, layer in (("body.0.conv", module.body[0].conv), ("up", module.up), ("deep", module.deep)):
        assert nodes[name].inputs[2].name == f"{name}.bias"
        np.testing.assert_array_equal(nodes[name].inputs[2].const_value.numpy(), layer.bias.numpy())


def test_ends_are_named_and_the_batch_is_free(rolled):
    model = rolled[1]
    (image,), (output,) = model.graph.inputs, model.graph.outputs
    assert (image.name, output.name) == ("image0", "output")
    assert isinstance(image.shape[0], ir.SymbolicDim)
    assert list(image.shape)[1:] == [3, 8, 6]


def test_nothing_of_the_exporter_is_left(rolled):
    model = rolled[1]
    assert not model.functions
    assert not model.metadata_props
    assert all(not node.metadata_props and node.doc_string is None for node in model.graph)
    assert not [
        node for node in model.graph if not any(value.uses() or value.is_graph_output() for value in node.outputs)
    ]


@pytest.mark.parametrize("batch", [1, 5])
def test_it_computes_what_the_module_computes(rolled, batch):
    module, model = rolled
    onnx.checker.check_model(ir.to_proto(model), full_check=True)
    x = normal(batch, 3, 8, 6, seed=batch).double()
    with torch.no_grad():
        wanted = copy.deepcopy(module).double()(x).numpy()
    (found,) = Reference(model).run({"image0": x.numpy()}).values()
    assert np.abs(wanted - found).max() <= 1e-6 * np.abs(wanted).max()


def test_several_inputs_and_outputs():
    class Two(nn.Module):
        def forward(self, x, y):
            return torch.roll(x, 1, 1) + y, y - 1

    model = exported(Two(), (4,), (4,))
    assert [value.name for value in model.graph.inputs] == ["image0", "image1"]
    names = [value.name for value in model.graph.outputs]
    x, y = normal(3, 4, seed=1).double(), normal(3, 4, seed=2).double()
    found = Reference(model).run({"image0": x.numpy(), "image1": y.numpy()})
    assert list(found) == names
    for a, b in zip(Two()(x, y), found.values(), strict=True):
        np.testing.assert_allclose(b, a.numpy(), rtol=1e-12)


class NoSuchOperator(nn.Module):
    def forward(self, x):
        return torch.linalg.eigvals(x)


class Depends(nn.Module):
    def forward(self, x):
        return x + 1 if x.sum() > 0 else x


@pytest.mark.parametrize(
    ("module", "cause"), [(NoSuchOperator(), "No ONNX function found for .*linalg_eig"), (Depends(), "data-dependent")]
)
def test_a_refusal_tells_the_cause_in_one_plain_line(module, cause, capfd):
    with pytest.raises(SourceError, match=f"^torch.onnx cannot export this model: .*{cause}") as refusal:
        exported(module, (3, 4, 4))
    assert str(refusal.value).isprintable()
    assert capfd.readouterr() == ("", "")


def test_logging_is_as_before():
    logging.disable(logging.INFO)
    try:
        with pytest.raises(SourceError):
            exported(Depends(), (3, 4, 4))
        assert logging.root.manager.disable == logging.INFO
    finally:
        logging.disable(logging.NOTSET)
