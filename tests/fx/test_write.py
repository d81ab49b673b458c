"""The ONNX model written from a trace: valid, equal to the module for every batch size, and named after its modules."""

import copy

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bnfold import zoo
from bnfold.fx.forms import NotWritableError
from bnfold.fx.trace import tensors
from bnfold.fx.write import write_onnx
from bnfold.verification.reference import Reference
from bnfold.verification.runtime import run_file
from tests.fx.nets import normal, seeded
from tests.fx.test_forms import CASES, Through

SETTINGS_ARE_FLOAT32 = 1e-6
"""ONNX stores epsilon, alpha and the like in float32; a float64 module has them in float64."""

LEFT_TO_TORCH = {
    "add alpha": "add",
    "floor": "div",
    "by an extent": "known at run time only",
    "by the batch size": "mul",
    "MaxPool2d places": "max_pool2d_with_indices",
    "AvgPool2d divisor": "AvgPool2d",
    "AdaptiveAvgPool1d": "windows of several sizes",
    "F.adaptive_avg_pool2d": "windows of several sizes",
    "max of two": "max",
    "cat of chunks": "getitem",
    "of the batch": "getitem",
    "by a tensor": "getitem",
    "roll": "roll",
    "antialias": "extents do not tell",
    "area": "interpolate",
}


def assert_written_right(module: nn.Module, *inputs: torch.Tensor) -> ir.Model:
    """Structure, and values in float64, for batches of one and of five."""
    names = [f"in{i}" for i in range(len(inputs))]
    model = write_onnx(module, inputs, names)
    onnx.checker.check_model(ir.to_proto(model), full_check=True)
    wide = copy.deepcopy(module).eval().double()
    reference = Reference(model)
    for batch in (1, 5):
        feeds = [normal(batch, *x.shape[1:], seed=batch).double() for x in inputs]
        with torch.no_grad():
            wanted = tensors(wide(*(feed.clone() for feed in feeds)))
        found = reference.run(dict(zip(names, (feed.numpy() for feed in feeds), strict=True)))
        assert len(found) == len(wanted)
        for a, b in zip(wanted, found.values(), strict=True):
            assert b.shape == tuple(a.shape)
            assert np.abs(a.numpy() - b).max() <= SETTINGS_ARE_FLOAT32 * np.abs(a.numpy()).max()
    return model


@pytest.mark.parametrize("name", CASES)
def test_every_form_is_written_or_left_to_torch(name):
    form, _, rank = CASES[name]
    module, x = Through(form, rank, shift=True).requires_grad_(False), normal(2, 4, *([6] * (rank - 2)))
    if name in LEFT_TO_TORCH:
        with pytest.raises(NotWritableError, match=LEFT_TO_TORCH[name]):
            write_onnx(module, [x], ["input"])
    else:
        assert_written_right(module, x)


def of(form):
    """A net that is nothing but this function."""

    class Only(nn.Module):
        def forward(self, x):
            return form(x)

    return Only()


ALONE = {
    "sigmoid": nn.Sigmoid(),
    "x.sigmoid": of(lambda x: x.sigmoid()),
    "tanh": of(torch.tanh),
    "silu": nn.SiLU(inplace=True),
    "F.silu": of(F.silu),
    "hardsigmoid": nn.Hardsigmoid(),
    "hardswish": of(F.hardswish),
    "mish": nn.Mish(),
    "gelu": nn.GELU(),
    "F.gelu": of(lambda x: F.gelu(x, approximate="tanh")),
    "elu": nn.ELU(0.7),
    "F.elu": of(lambda x: F.elu(x, 0.3)),
    "celu": nn.CELU(0.5),
    "selu": nn.SELU(),
    "softplus": nn.Softplus(),
    "softmax": nn.Softmax(-2),
    "x.softmax": of(lambda x: x.softmax(1)),
    "log_softmax": of(lambda x: F.log_softmax(x, dim=1)),
    "exp": of(torch.exp),
    "log": of(lambda x: (x * x + 1).log()),
    "sqrt": of(lambda x: torch.sqrt(x * x + 1)),
    "layer_norm": nn.LayerNorm((4, 8)),
    "layer_norm without weights": nn.LayerNorm(8, elementwise_affine=False),
    "F.layer_norm": of(lambda x: F.layer_norm(x, (8,), eps=0.1)),
    "relu6": nn.ReLU6(),
    "nearest": nn.Upsample(scale_factor=2),
    "nearest-exact": of(lambda x: F.interpolate(x, (7, 9), mode="nearest-exact")),
    "bilinear": nn.Upsample(scale_factor=2, mode="bilinear"),
    "corners": of(lambda x: F.interpolate(x, (7, 3), mode="bilinear", align_corners=True)),
    "bicubic": of(lambda x: F.interpolate(x, (8, 16), mode="bicubic")),
    "ceil_mode": nn.MaxPool2d(3, 2, ceil_mode=True),
    "dilated pool": nn.MaxPool2d(2, 1, padding=1, dilation=2),
    "average in windows": nn.AvgPool2d(3, 2, 1),
    "average of what is there": nn.AvgPool2d(3, 2, 1, count_include_pad=False),
    "adaptive in even windows": nn.AdaptiveAvgPool2d((2, 4)),
    "stride beyond the kernel": nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1),
    "two views": of(lambda x: x.flatten(1).reshape(-1, 6, 16).mean(2)),
    "sum": of(lambda x: x.sum((2, 3), keepdim=True)),
    "largest": of(lambda x: x.amax(2)),
    "least": of(lambda x: torch.amin(x, (2, 3), keepdim=True)),
    "copies": of(lambda x: x.mean((2, 3), keepdim=True).expand(-1, -1, 4, 8) + x),
    "assertion": of(lambda x: (torch._assert(x.ndim == 4, "images"), x.relu())[1]),
}


@pytest.mark.parametrize("name", ALONE)
def test_layers_alone(name):
    assert_written_right(seeded(ALONE[name]), normal(2, 3, 4, 8))


def test_an_output_size_asked_for_by_the_caller_is_kept():
    class Asked(nn.Module):
        def __init__(self):
            super().__init__()
            self.up = nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1)

        def forward(self, x):
            return self.up(x, output_size=(8, 16))

    assert_written_right(seeded(Asked()), normal(2, 3, 4, 8))


def test_ceil_mode_whose_last_window_is_padding_is_left_to_torch():
    with pytest.raises(NotWritableError, match="begins in the padding"):
        write_onnx(nn.MaxPool2d(2, 3, padding=1, ceil_mode=True).eval(), [normal(2, 3, 5, 5)], ["x"])


@pytest.mark.parametrize("name", ["resnet20", "resnet20v2", "resnet18", "resnext50_32x4d", "resnet50d"])
def test_nets_of_the_zoo_and_their_names(name):
    module = seeded(zoo.ARCHITECTURES[name]())
    model = assert_written_right(module, normal(2, 3, 32, 32))
    layers = {path for path, part in module.named_modules() if isinstance(part, nn.Conv2d | nn.BatchNorm2d | nn.Linear)}
    assert layers == {node.name for node in model.graph if node.op_type in ("Conv", "BatchNormalization", "Gemm")}
    stored = {path for path in module.state_dict() if not path.endswith("num_batches_tracked")}
    assert stored <= set(model.graph.initializers)
    assert [str(dim) for dim in model.graph.inputs[0].shape] == ["batch", "3", "32", "32"]
    assert model.graph.outputs[0].name == "output"


def test_weights_keep_their_bits():
    module = seeded(zoo.resnet20(in_channels=1))
    written = write_onnx(module, [normal(2, 1, 8, 8)], ["x"]).graph.initializers
    for name, tensor in module.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            np.testing.assert_array_equal(written[name].const_value.numpy(), tensor.numpy())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_stored_type_is_kept(dtype):
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Hardtanh(-2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    module = seeded(net).to(dtype)
    model = write_onnx(module, [normal(2, 3, 8, 8).to(dtype)], ["x"])
    onnx.checker.check_model(ir.to_proto(model), full_check=True)
    found = {value.dtype for value in model.graph.initializers.values()} - {ir.DataType.INT64}
    assert len(found) == 1
    assert found == {value.dtype for value in (*model.graph.inputs, *model.graph.outputs)}


def test_onnxruntime_runs_it(tmp_path):
    module = seeded(
        nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.GELU(), nn.Upsample(scale_factor=2), nn.Hardswish())
    )
    x = normal(3, 3, 8, 8)
    ir.save(write_onnx(module, [x[:2]], ["x"]), tmp_path / "net.onnx")
    (found,) = run_file(tmp_path / "net.onnx", [{"x": x.numpy()}])
    with torch.no_grad():
        np.testing.assert_allclose(found["output"], module(x).numpy(), atol=1e-5)


class Several(nn.Module):
    """Two inputs, and outputs in a nest."""

    def forward(self, x, y):
        total = x + y
        return {"sum": total, "more": (x.relu(), [y.mean(1)])}


def test_inputs_and_outputs_have_names():
    model = write_onnx(Several(), [normal(2, 3, 4), normal(2, 3, 4)], ["left", "right"])
    assert [value.name for value in model.graph.inputs] == ["left", "right"]
    assert [value.name for value in model.graph.outputs] == ["sum", "more_0", "more_1_0"]


def test_a_batch_size_that_the_module_fixes_is_left_to_torch():
    net = of(lambda x: x.reshape(2, 96))
    with pytest.raises(NotWritableError, match="fixes the batch size"):
        write_onnx(net, [normal(2, 3, 4, 8)], ["x"])


def test_statistics_of_the_batch_are_left_to_torch():
    with pytest.raises(NotWritableError, match="statistics of its batch"):
        write_onnx(nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False)).eval(), [normal(2, 3, 4, 8)], ["x"])
