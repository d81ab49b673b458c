"""Every call that is known: which units it passes, told by whether a batch normalization before it goes.

The normalization stands between a sigmoid, which passes nothing, and the call; a linear layer ends the net. One with a
shift goes only through a call that passes shifts, one without only through a call that passes positive scales.
"""

import operator

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.fx.nets import folded, normal, seeded

AFFINE, SCALE, NOTHING = "affine", "scale", "nothing"


class Through(nn.Module):
    """sigmoid -> BN -> form -> flatten -> linear; `w`, `k`, `row` and `slope` are parameters for the form to use."""

    def __init__(self, form, rank, *, shift):
        super().__init__()
        norm = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}[rank]
        self.bn = norm(4)
        self.form = form if isinstance(form, nn.Module) else None
        self.call = form
        spatial = (3,) * (rank - 2)
        self.w = nn.Parameter(torch.zeros(4, 4, *spatial))
        self.square = nn.Parameter(torch.zeros(4, 4))
        self.row = nn.Parameter(torch.zeros(4))
        self.channel = nn.Parameter(torch.zeros(4, *(1 for _ in spatial)))
        self.register_buffer("order", torch.tensor([2, 0, 3, 3]))
        self.sink = None
        seeded(self, 3)
        with torch.no_grad():
            self.channel.abs_().add_(0.5)
            if not shift:
                self.bn.running_mean.zero_()
                self.bn.bias.zero_()
            sample = torch.zeros(2, 4, *([6] * (rank - 2)))
            features = self.forward(sample).shape[1]
        self.sink = seeded(nn.Linear(features, 3))

    def forward(self, x):
        x = self.bn(torch.sigmoid(x))
        x = self.call(x) if self.form is not None else self.call(self, x)
        x = torch.flatten(x, 1)
        return x if self.sink is None else self.sink(x)


def of(form):
    """A form that needs no parameter."""
    return lambda net, x: form(x)


def first(form):
    return lambda net, x: form(x)[0]


def with_constants(net, x):
    """Constants that must take the units of x, because they are added to it."""
    return torch.cat((x, net.w[:1]), 1) + torch.cat(dim=1, tensors=[net.w[1:2], x])


CASES = {
    # linear layers
    "Conv1d": (nn.Conv1d(4, 5, 3), AFFINE, 3),
    "Conv2d": (nn.Conv2d(4, 6, 3, groups=2, stride=2), AFFINE, 4),
    "Conv3d": (nn.Conv3d(4, 2, 3), AFFINE, 5),
    "Conv2d padded": (nn.Conv2d(4, 6, 3, padding=1), SCALE, 4),
    "Conv2d same": (nn.Conv2d(4, 6, (3, 5), padding="same"), SCALE, 4),
    "Conv2d same 1x1": (nn.Conv2d(4, 6, 1, padding="same"), AFFINE, 4),
    "Conv2d valid": (nn.Conv2d(4, 6, 3, padding="valid"), AFFINE, 4),
    "Conv2d reflect": (nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"), AFFINE, 4),
    "Conv2d replicate": (nn.Conv2d(4, 6, 3, padding="same", padding_mode="replicate"), AFFINE, 4),
    "Conv2d circular": (nn.Conv2d(4, 6, 3, padding=(1, 0), padding_mode="circular"), AFFINE, 4),
    "ConvTranspose1d": (nn.ConvTranspose1d(4, 5, 3), SCALE, 3),
    "ConvTranspose2d": (nn.ConvTranspose2d(4, 4, 2, stride=2, groups=2), SCALE, 4),
    "ConvTranspose2d full": (nn.ConvTranspose2d(4, 4, 3, padding=2), AFFINE, 4),
    "ConvTranspose3d": (nn.ConvTranspose3d(4, 2, 2), SCALE, 5),
    "Linear 2": (nn.Linear(4, 5), AFFINE, 2),
    "F.conv1d": (lambda net, x: F.conv1d(x, net.w), AFFINE, 3),
    "F.conv2d": (lambda net, x: F.conv2d(x, net.w, net.row, 2, padding=0), AFFINE, 4),
    "F.conv2d keywords": (lambda net, x: F.conv2d(input=x, weight=net.w, dilation=2), AFFINE, 4),
    "F.conv2d padded": (lambda net, x: F.conv2d(x, net.w * net.w, None, 1, 1), SCALE, 4),
    "F.conv3d": (lambda net, x: F.conv3d(x, net.w, bias=net.row), AFFINE, 5),
    "F.conv_transpose1d": (lambda net, x: F.conv_transpose1d(x, net.w), SCALE, 3),
    "F.conv_transpose2d": (lambda net, x: F.conv_transpose2d(x, net.w, None, 1, 2), AFFINE, 4),
    "F.conv_transpose3d": (lambda net, x: F.conv_transpose3d(x, net.w, net.row), SCALE, 5),
    "F.linear": (lambda net, x: F.linear(x, net.square), AFFINE, 2),
    "F.linear 4": (lambda net, x: F.linear(x.permute(0, 2, 3, 1), net.square, net.row), AFFINE, 4),
    "matmul": (lambda net, x: x @ net.square, AFFINE, 2),
    "matmul and bias": (lambda net, x: torch.matmul(x.transpose(1, 2), net.square) + net.row, AFFINE, 3),
    "bias and matmul": (lambda net, x: net.row + x.transpose(1, 2).matmul(net.square), AFFINE, 3),
    "matmul 3": (lambda net, x: torch.matmul(x.transpose(1, 2), net.square), AFFINE, 3),
    "mm": (lambda net, x: torch.mm(x, net.square), AFFINE, 2),
    "addmm": (lambda net, x: torch.addmm(net.row, x, net.square), AFFINE, 2),
    # other normalizations
    "BatchNorm2d": (nn.BatchNorm2d(4), AFFINE, 4),
    "BatchNorm2d plain": (nn.BatchNorm2d(4, affine=False), AFFINE, 4),
    "F.batch_norm": (lambda net, x: F.batch_norm(x, net.row, net.row * net.row + 1), AFFINE, 4),
    "torch.batch_norm": (
        lambda net, x: torch.batch_norm(
            x, net.row, net.row, net.row, net.row.abs() + 1, False, 0.1, 1e-3, torch.backends.cudnn.enabled
        ),
        AFFINE,
        4,
    ),
    # arithmetic with constants
    "add": (lambda net, x: x + net.channel, AFFINE, 4),
    "radd": (lambda net, x: 1.5 + x, AFFINE, 4),
    "torch.add": (lambda net, x: torch.add(x, net.channel), AFFINE, 4),
    "iadd": (lambda net, x: operator.iadd(x, net.channel), AFFINE, 4),
    "add_": (lambda net, x: x.add_(2), AFFINE, 4),
    "add alpha": (lambda net, x: torch.add(x, net.channel, alpha=2), NOTHING, 4),
    "sub": (lambda net, x: net.channel - x, AFFINE, 4),
    "x.sub": (lambda net, x: x.sub(net.channel), AFFINE, 4),
    "mul": (lambda net, x: x * net.channel, AFFINE, 4),
    "x.mul_": (lambda net, x: x.mul_(net.channel).mul(3), AFFINE, 4),
    "div": (lambda net, x: x / net.channel, AFFINE, 4),
    "x.div": (lambda net, x: x.div(2), AFFINE, 4),
    "floor": (lambda net, x: torch.div(x, 2, rounding_mode="floor"), NOTHING, 4),
    "by an extent": (lambda net, x: x * x.shape[2], SCALE, 4),
    "by the batch size": (lambda net, x: x * x.shape[0], NOTHING, 4),
    "frozen": (lambda net, x: x * (net.row * (net.row.abs() + 1e-5).rsqrt()).reshape(1, -1, 1, 1), AFFINE, 4),
    # arithmetic of activations
    "sum": (lambda net, x: x + x.flip(3), AFFINE, 4),
    "a constant for every element": (lambda net, x: x[..., :3, :3] + net.w[0], AFFINE, 4),
    "a factor for every element": (lambda net, x: net.w[1] * x[..., :3, :3], SCALE, 4),
    "difference": (lambda net, x: x - torch.relu(x), SCALE, 4),
    "gate": (lambda net, x: x * x.mean((2, 3), keepdim=True), SCALE, 4),
    "ratio": (lambda net, x: x / (x * x + 1), SCALE, 4),
    # activations
    "ReLU": (nn.ReLU(inplace=True), SCALE, 4),
    "F.relu": (of(F.relu), SCALE, 4),
    "F.relu in place": (of(lambda x: F.relu(x, inplace=True)), SCALE, 4),
    "torch.relu": (of(torch.relu), SCALE, 4),
    "torch.relu_": (of(torch.relu_), SCALE, 4),
    "x.relu": (of(lambda x: x.relu()), SCALE, 4),
    "x.relu_": (of(lambda x: x.relu_()), SCALE, 4),
    "LeakyReLU": (nn.LeakyReLU(-0.3), SCALE, 4),
    "F.leaky_relu": (of(lambda x: F.leaky_relu(x, 0.2, True)), SCALE, 4),
    "PReLU": (nn.PReLU(4), SCALE, 4),
    "F.prelu": (lambda net, x: F.prelu(x, net.row), SCALE, 4),
    "clamp": (of(lambda x: x.clamp(min=0)), SCALE, 4),
    "torch.clamp": (of(lambda x: torch.clamp(x, 0.0)), SCALE, 4),
    "clamp both": (of(lambda x: x.clamp(0, 1)), NOTHING, 4),
    "ReLU6": (nn.ReLU6(), NOTHING, 4),
    "F.relu6": (of(F.relu6), NOTHING, 4),
    "Hardtanh": (nn.Hardtanh(), NOTHING, 4),
    "Sigmoid": (nn.Sigmoid(), NOTHING, 4),
    "F.gelu": (of(F.gelu), NOTHING, 4),
    # nothing happens
    "Identity": (nn.Identity(), AFFINE, 4),
    "Dropout": (nn.Dropout2d(), AFFINE, 4),
    "F.dropout": (of(lambda x: F.dropout(x, training=False)), AFFINE, 4),
    "contiguous": (of(lambda x: x.contiguous().clone().detach()), AFFINE, 4),
    "float": (of(lambda x: x.type_as(x).to("cpu")), AFFINE, 4),
    # pooling
    "MaxPool1d": (nn.MaxPool1d(2), AFFINE, 3),
    "MaxPool2d": (nn.MaxPool2d(3, 2, 1), AFFINE, 4),
    "MaxPool3d": (nn.MaxPool3d(2), AFFINE, 5),
    "MaxPool2d places": (of(lambda x: F.max_pool2d(x, 2, return_indices=True)[0]), NOTHING, 4),
    "F.max_pool1d": (of(lambda x: F.max_pool1d(x, 2)), AFFINE, 3),
    "F.max_pool2d": (of(lambda x: F.max_pool2d(x, 2)), AFFINE, 4),
    "F.max_pool3d": (of(lambda x: F.max_pool3d(x, 2)), AFFINE, 5),
    "AvgPool1d": (nn.AvgPool1d(2), AFFINE, 3),
    "AvgPool2d ceil": (nn.AvgPool2d(4, 3, ceil_mode=True), AFFINE, 4),
    "AvgPool2d padded": (nn.AvgPool2d(3, 2, 1), SCALE, 4),
    "AvgPool2d divisor": (nn.AvgPool2d(2, divisor_override=3), NOTHING, 4),
    "AvgPool3d": (nn.AvgPool3d(2, padding=1, count_include_pad=False), AFFINE, 5),
    "F.avg_pool1d": (of(lambda x: F.avg_pool1d(x, 2, 1, 1)), SCALE, 3),
    "F.avg_pool2d": (of(lambda x: F.avg_pool2d(x, 2)), AFFINE, 4),
    "F.avg_pool3d": (of(lambda x: F.avg_pool3d(x, 2)), AFFINE, 5),
    "AdaptiveAvgPool1d": (nn.AdaptiveAvgPool1d(4), AFFINE, 3),
    "AdaptiveAvgPool2d": (nn.AdaptiveAvgPool2d(1), AFFINE, 4),
    "AdaptiveAvgPool3d": (nn.AdaptiveAvgPool3d(2), AFFINE, 5),
    "AdaptiveMaxPool2d": (nn.AdaptiveMaxPool2d(1), AFFINE, 4),
    "F.adaptive_avg_pool1d": (of(lambda x: F.adaptive_avg_pool1d(x, 1)), AFFINE, 3),
    "F.adaptive_avg_pool2d": (of(lambda x: F.adaptive_avg_pool2d(x, (2, 4))), AFFINE, 4),
    "F.adaptive_max_pool2d": (of(lambda x: F.adaptive_max_pool2d(x, 2)), AFFINE, 4),
    "mean": (of(lambda x: x.mean((-2, -1))), AFFINE, 4),
    "torch.mean": (of(lambda x: torch.mean(x, dim=3, keepdim=True)), AFFINE, 4),
    "amax": (of(lambda x: torch.amax(x, (2, 3))), AFFINE, 4),
    "amin": (of(lambda x: x.amin(2)), AFFINE, 4),
    "max": (first(lambda x: x.max(2)), AFFINE, 4),
    "torch.max": (first(lambda x: torch.max(x, dim=3, keepdim=True)), AFFINE, 4),
    "maximum": (of(lambda x: torch.maximum(x, x.flip(3))), AFFINE, 4),
    "minimum of a constant": (lambda net, x: x.minimum(net.channel), AFFINE, 4),
    "neg": (of(lambda x: -x), AFFINE, 4),
    "abs": (of(lambda x: x.abs()), SCALE, 4),
    "max of two": (of(lambda x: torch.max(x, x * x)), NOTHING, 4),
    "sum of an image": (of(lambda x: x.sum((2, 3))), SCALE, 4),
    # shapes
    "Flatten": (nn.Flatten(), AFFINE, 4),
    "view": (of(lambda x: x.view(x.size(0), -1)), AFFINE, 4),
    "reshape": (of(lambda x: torch.reshape(x, (x.shape[0], 2, 2, 36))), AFFINE, 4),
    "squeeze": (of(lambda x: x.unsqueeze(1).squeeze(1)), AFFINE, 4),
    "permute": (of(lambda x: x.permute(0, 2, 3, 1)), AFFINE, 4),
    "torch.permute": (of(lambda x: torch.permute(x, (0, 3, 1, 2))), AFFINE, 4),
    "transpose": (of(lambda x: x.transpose(1, -1).transpose(1, 2)), AFFINE, 4),
    "swapaxes": (of(lambda x: torch.swapaxes(x, 1, 2)), AFFINE, 4),
    "expand": (of(lambda x: x.mean((2, 3), True).expand(-1, -1, 2, 3)), AFFINE, 4),
    "expand_as": (of(lambda x: x.mean((2, 3), True).expand_as(x)), AFFINE, 4),
    "shuffle by hand": (
        of(lambda x: x.view(x.size(0), 2, 2, 6, 6).transpose(1, 2).reshape(-1, 4, 6, 6)),
        AFFINE,
        4,
    ),
    "ChannelShuffle": (nn.ChannelShuffle(2), AFFINE, 4),
    "F.channel_shuffle": (of(lambda x: F.channel_shuffle(x, 2)), AFFINE, 4),
    "PixelUnshuffle": (nn.PixelUnshuffle(2), AFFINE, 4),
    "F.pixel_unshuffle": (of(lambda x: F.pixel_unshuffle(x, 3)), AFFINE, 4),
    "shuffle and back": (of(lambda x: F.pixel_shuffle(F.pixel_unshuffle(x, 2), 2)), AFFINE, 4),
    "cat": (of(lambda x: torch.cat([x, x.flip(2)], 1)), AFFINE, 4),
    "cat of chunks": (of(lambda x: torch.cat(x.chunk(2, 1)[::-1], dim=1)), NOTHING, 4),
    "cat of constants": (lambda net, x: with_constants(net, x.mean(0, True)[..., :3, :3]), AFFINE, 4),
    "concat": (of(lambda x: torch.concat((x, x), dim=-1)), AFFINE, 4),
    "stack": (of(lambda x: torch.stack((x, x), 1)), AFFINE, 4),
    "chunk": (of(lambda x: operator.add(x.chunk(2, dim=3)[0], x.chunk(2, dim=3)[1])), AFFINE, 4),
    "split": (of(lambda x: torch.cat((x.split([1, 3], 1)[1], x), 1)), AFFINE, 4),
    "torch.split": (of(lambda x: torch.split(x, 2, dim=1)[-1]), AFFINE, 4),
    "unbind": (of(lambda x: x.unbind(2)[1]), AFFINE, 4),
    # picking
    "slice": (of(lambda x: x[:, 1:3, ..., ::2]), AFFINE, 4),
    "integers": (of(lambda x: x[:, :, -1, 2]), AFFINE, 4),
    "one channel": (of(lambda x: x[:, 2]), AFFINE, 4),
    "new axis": (of(lambda x: x[:, None, :3]), AFFINE, 4),
    "of the batch": (of(lambda x: x[: x.shape[0]]), NOTHING, 4),
    "by a tensor": (lambda net, x: x[:, net.order], NOTHING, 4),
    "select": (of(lambda x: x.select(1, -2)), AFFINE, 4),
    "narrow": (of(lambda x: torch.narrow(x, 1, 1, 2)), AFFINE, 4),
    "flip": (of(lambda x: x.flip((1, 3))), AFFINE, 4),
    "index_select": (lambda net, x: x.index_select(1, net.order), AFFINE, 4),
    "roll": (of(lambda x: x.roll(1, 1)), NOTHING, 4),
    # borders and resampling
    "F.pad": (of(lambda x: F.pad(x, (1, 1, 0, 2))), SCALE, 4),
    "F.pad channels": (of(lambda x: F.pad(x, (0, 0, 0, 0, 1, 2))), AFFINE, 4),
    "F.pad reflect": (of(lambda x: F.pad(x, (1, 1, 2, 0), mode="reflect")), AFFINE, 4),
    "F.pad ones": (of(lambda x: F.pad(x, (1, 1), value=1.0)), NOTHING, 4),
    "F.pad crop": (of(lambda x: F.pad(x, (-1, -1))), AFFINE, 4),
    "ZeroPad2d": (nn.ZeroPad2d(1), SCALE, 4),
    "ConstantPad1d": (nn.ConstantPad1d(1, 2.0), NOTHING, 3),
    "ReplicationPad2d": (nn.ReplicationPad2d((1, 0, 2, 1)), AFFINE, 4),
    "ReflectionPad2d": (nn.ReflectionPad2d(2), AFFINE, 4),
    "CircularPad2d": (nn.CircularPad2d(1), AFFINE, 4),
    "Upsample": (nn.Upsample(scale_factor=2), AFFINE, 4),
    "bilinear": (of(lambda x: F.interpolate(x, size=(9, 5), mode="bilinear")), AFFINE, 4),
    "bicubic": (of(lambda x: F.interpolate(x, size=x.shape[2:], mode="bicubic")), SCALE, 4),
    "antialias": (of(lambda x: F.interpolate(x, size=(4, 4), mode="bilinear", antialias=True)), SCALE, 4),
    "area": (of(lambda x: F.interpolate(x, size=3, mode="area")), NOTHING, 4),
}


@pytest.mark.parametrize("shift", [True, False], ids=["shift", "scale"])
@pytest.mark.parametrize("name", CASES)
def test_a_call_passes_its_units(name, shift):
    form, level, rank = CASES[name]
    net = Through(form, rank, shift=shift)
    _, plan = folded(net, normal(2, 4, *([6] * (rank - 2))))
    assert ("bn" in plan.removed) == (level == AFFINE or (level == SCALE and not shift)), plan.decisions
