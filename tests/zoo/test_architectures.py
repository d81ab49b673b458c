"""The builders make the nets that the world knows under these names."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from bnfold import zoo
from bnfold.zoo import ARCHITECTURES, BasicBlock, Bottleneck, PreActBasicBlock, ResNet

PUBLISHED_PARAMETERS = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnext50_32x4d": 25_028_904,
    "resnext101_32x8d": 88_791_336,
    "wide_resnet50_2": 68_883_240,
    "wide_resnet101_2": 126_886_696,
    "resnet50d": 25_576_264,
}
SMALL = ["resnet20", "resnet20v2"]


def on_meta(name: str, **options: object) -> nn.Module:
    with torch.device("meta"):
        return ARCHITECTURES[name](**options)


@pytest.mark.parametrize(("name", "count"), PUBLISHED_PARAMETERS.items())
def test_parameter_count_is_the_published_one(name: str, count: int) -> None:
    assert sum(parameter.numel() for parameter in on_meta(name).parameters()) == count


@pytest.mark.parametrize(
    ("name", "key", "shape"),
    [
        ("resnet18", "conv1.weight", (64, 3, 7, 7)),
        ("resnet18", "bn1.running_var", (64,)),
        ("resnet18", "layer1.0.conv1.weight", (64, 64, 3, 3)),
        ("resnet18", "layer2.0.downsample.0.weight", (128, 64, 1, 1)),
        ("resnet18", "layer2.0.downsample.1.running_mean", (128,)),
        ("resnet18", "fc.weight", (1000, 512)),
        ("resnet50", "layer1.0.downsample.0.weight", (256, 64, 1, 1)),
        ("resnet50", "layer4.2.bn3.bias", (2048,)),
        ("resnext50_32x4d", "layer1.0.conv2.weight", (128, 4, 3, 3)),
        ("wide_resnet50_2", "layer4.0.conv2.weight", (1024, 1024, 3, 3)),
        ("resnet50d", "conv1.6.weight", (64, 32, 3, 3)),
        ("resnet50d", "layer1.0.downsample.1.weight", (256, 64, 1, 1)),
        ("resnet50d", "layer2.0.downsample.2.num_batches_tracked", ()),
        ("resnet20", "conv1.weight", (16, 3, 3, 3)),
        ("resnet20", "layer3.0.downsample.0.weight", (64, 32, 1, 1)),
        ("resnet18v2", "layer2.0.bn1.weight", (64,)),
        ("resnet50v2", "bn.weight", (2048,)),
    ],
)
def test_named_tensor_has_its_shape(name: str, key: str, shape: tuple[int, ...]) -> None:
    assert tuple(on_meta(name).state_dict()[key].shape) == shape


@pytest.mark.parametrize(("name", "entries"), [("resnet18", 122), ("resnet50", 320)])
def test_state_dict_has_as_many_entries_as_torchvisions(name: str, entries: int) -> None:
    assert len(on_meta(name).state_dict()) == entries


@pytest.mark.parametrize(("name", "depth"), [("resnet20", 20), ("resnet32", 32), ("resnet56", 56), ("resnet32v2", 32)])
def test_depth_of_a_cifar_net_counts_its_layers(name: str, depth: int) -> None:
    layers = [key for key, t in on_meta(name).state_dict().items() if t.ndim in (2, 4)]
    assert len([key for key in layers if "downsample" not in key]) == depth


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", [8, 9, 32])
def test_cifar_net_takes_images_of_any_size(name: str, size: int) -> None:
    model = ARCHITECTURES[name](num_classes=7, in_channels=2).eval()
    assert model(torch.rand(3, 2, size, size)).shape == (3, 7)


@pytest.mark.parametrize("size", [64, 33])
def test_resnet50d_halves_odd_sizes_alike_in_both_branches(size: int) -> None:
    images = torch.empty(1, 3, size, size, device="meta")
    assert on_meta("resnet50d").eval()(images).shape == (1, 1000)


def test_dilation_keeps_resolution_and_parameters() -> None:
    plain = on_meta("resnet50")
    dilated = on_meta("resnet50", replace_stride_with_dilation=(False, True, True))
    assert isinstance(dilated, ResNet)
    assert {k: t.shape for k, t in plain.state_dict().items()} == {k: t.shape for k, t in dilated.state_dict().items()}
    convolutions = [dilated.get_submodule(f"layer4.{block}.conv2") for block in range(3)]
    assert [(c.dilation, c.stride, c.padding) for c in convolutions] == [
        ((2, 2), (1, 1), (2, 2)),
        ((4, 4), (1, 1), (4, 4)),
        ((4, 4), (1, 1), (4, 4)),
    ]
    features = torch.empty(1, 256, 8, 8, device="meta")
    assert dilated.layer4(dilated.layer3(dilated.layer2(features))).shape == (1, 2048, 4, 4)


def test_eps_and_momentum_reach_every_norm() -> None:
    for name in ("resnet50d", "resnet20v2"):
        norms = [m for m in on_meta(name, eps=1e-3, momentum=0.25).modules() if isinstance(m, nn.BatchNorm2d)]
        assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.25)}


def test_v1_normalizes_behind_and_v2_before_the_convolution() -> None:
    order: list[str] = []
    for block in (BasicBlock(4, 4, norm=nn.BatchNorm2d), PreActBasicBlock(4, 4, norm=nn.BatchNorm2d)):
        for name, module in block.named_children():
            module.register_forward_hook(lambda *_, name=name: order.append(name))
        block(torch.rand(2, 4, 5, 5))
    assert order == [
        *("conv1", "bn1", "relu", "conv2", "bn2", "relu"),
        *("bn1", "relu", "conv1", "bn2", "relu", "conv2"),
    ]


def test_v2_stream_passes_a_block_untouched() -> None:
    block = PreActBasicBlock(4, 4, norm=nn.BatchNorm2d).eval()
    nn.init.zeros_(block.conv2.weight)
    x = torch.randn(2, 4, 5, 5)
    assert torch.equal(block(x), x)


@pytest.mark.parametrize("name", SMALL)
def test_forward_can_be_traced_symbolically(name: str) -> None:
    model = ARCHITECTURES[name]().eval()
    x = torch.rand(1, 3, 8, 8)
    assert torch.equal(torch.fx.symbolic_trace(model)(x), model(x))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"block": BasicBlock, "layers": (1,), "widths": (8,), "groups": 2}, "bottleneck"),
        ({"block": BasicBlock, "layers": (1, 1), "widths": (8,)}, "widths"),
        ({"block": BasicBlock, "layers": (1, 0), "widths": (8, 8)}, "at least one block"),
        ({"block": BasicBlock, "layers": (1,) * 5, "widths": (8,) * 5}, "one to four"),
        ({"block": Bottleneck, "layers": (1,), "widths": (8,), "stem": "patch"}, "patch"),
        (
            {"block": Bottleneck, "layers": (1,), "widths": (8,), "replace_stride_with_dilation": (True,)},
            "must have 0 entries",
        ),
    ],
)
def test_impossible_nets_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ResNet(**arguments)


def test_every_builder_is_registered_under_its_own_name() -> None:
    assert all(getattr(zoo, name) is builder for name, builder in ARCHITECTURES.items())
    assert set(ARCHITECTURES) <= set(zoo.__all__)


def test_importing_bnfold_leaves_torch_alone() -> None:
    subprocess.run(
        [sys.executable, "-c", "import sys, bnfold; sys.exit('torch' in sys.modules)"], check=True, timeout=60
    )
