"""A state dict of the family comes back as the net it was saved from; any other is refused by name."""

import io
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from bnfold.errors import SourceError
from bnfold.zoo import (
    ARCHITECTURES,
    BasicBlock,
    Bottleneck,
    PreActBasicBlock,
    PreActBottleneck,
    PreActResNet,
    ResNet,
    recognize,
    resnet20,
)

State = dict[str, Tensor]

VARIANTS: dict[str, Callable[[], nn.Module]] = {
    "one stage": lambda: ResNet(BasicBlock, (2,), stem="cifar", stem_width=8, widths=(8,), num_classes=2),
    "four stages, CIFAR stem": lambda: ResNet(BasicBlock, (1, 2, 1, 1), stem="cifar", widths=(8, 8, 16, 16)),
    "ResNeXt, few planes": lambda: ResNet(
        Bottleneck, (1, 2), widths=(16, 32), stem_width=16, groups=4, width_per_group=8, in_channels=5
    ),
    "wide stages, narrow stem": lambda: PreActResNet(
        PreActBasicBlock, (1, 1, 1), stem="cifar", stem_width=16, widths=(32, 64, 128)
    ),
    "v2 bottleneck, deep stem": lambda: PreActResNet(
        PreActBottleneck, (2, 1), stem="deep", stem_width=16, widths=(8, 16), in_channels=1
    ),
    "ResNet-D, basic": lambda: ResNet(BasicBlock, (1, 1, 1), stem="deep", avg_down=True, widths=(64, 32, 8)),
    "odd inner width": lambda: ResNet(Bottleneck, (1,), widths=(24,), stem_width=8, width_per_group=100),
}


def randomized(model: nn.Module) -> nn.Module:
    """Give every BN its own parameters, so that a mixed-up pair of layers changes the output."""
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                assert tensor is not None
                tensor.data = torch.rand(tensor.shape, generator=generator) + 0.5
    return model.eval()


def assert_same_function(again: nn.Module, model: nn.Module, size: int) -> None:
    x = torch.rand(2, next(model.parameters()).shape[1], size, size)
    with torch.no_grad():
        assert torch.equal(again(x), model(x))


@pytest.mark.parametrize("name", ["resnet20", "resnet20v2"])
def test_architecture_comes_back_with_the_same_outputs(name: str) -> None:
    model = randomized(ARCHITECTURES[name]())
    assert_same_function(recognize(model.state_dict()), model, 33)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_registered_structure_comes_back(name: str) -> None:
    with torch.device("meta"):
        model = ARCHITECTURES[name](num_classes=3, in_channels=4).eval()
    again = recognize(model.state_dict())
    assert str(again) == str(model)
    assert not again.training


@pytest.mark.parametrize("build", VARIANTS.values(), ids=VARIANTS.keys())
def test_variant_comes_back_with_the_same_outputs(build: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    model = randomized(build())
    again = recognize(model.state_dict())
    assert str(again) == str(model)
    assert_same_function(again, model, 17)


def test_tensors_are_copied_with_their_dtype() -> None:
    state = resnet20().half().state_dict()
    again = recognize(state)
    assert {k: t.dtype for k, t in again.state_dict().items()} == {k: t.dtype for k, t in state.items()}
    with torch.no_grad():
        again.fc.weight.zero_()
    assert state["fc.weight"].any()


def test_eps_is_what_the_caller_says() -> None:
    model = randomized(resnet20(eps=0.1))
    assert_same_function(recognize(model.state_dict(), eps=0.1), model, 8)


def test_checkpoint_without_batch_counters_is_recognized() -> None:
    state = {k: t for k, t in resnet20().state_dict().items() if "num_batches_tracked" not in k}
    assert recognize(state).state_dict().keys() == resnet20().state_dict().keys()


def test_recognized_net_can_be_pickled() -> None:
    model = recognize(resnet20().state_dict())
    again = pickle.load(io.BytesIO(pickle.dumps(model)))
    assert_same_function(again, model, 8)


def test_bottleneck_without_planes_is_refused() -> None:
    state = ResNet(Bottleneck, (1,), widths=(8,)).state_dict()
    with pytest.raises(SourceError, match=r"`layer1\.0\.conv3\.weight` has too few channels"):
        recognize({**state, "layer1.0.conv3.weight": torch.ones(2, 8, 1, 1)})


def without(key: str) -> Callable[[State], State]:
    return lambda state: {k: t for k, t in state.items() if k != key}


def with_entry(key: str, tensor: Tensor) -> Callable[[State], State]:
    return lambda state: {**state, key: tensor}


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        (lambda _: nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)).state_dict(), "but a `0.weight`"),
        (lambda s: {k.replace("fc.", "linear."): t for k, t in s.items()}, "but a `linear.weight`"),
        (lambda s: {k: t for k, t in s.items() if not k.startswith("layer")}, "`layer1.0.`"),
        (lambda s: {k: t for k, t in s.items() if not k.startswith("layer2")}, "`layer3.0.conv1.weight`"),
        (without("layer2.0.downsample.0.weight"), "`layer2.0.downsample.0.weight` is missing"),
        (without("layer1.0.bn1.running_var"), "`layer1.0.bn1.running_var` is missing"),
        (with_entry("layer1.0.se.fc1.weight", torch.ones(4, 16, 1, 1)), "`layer1.0.se.fc1.weight`"),
        (with_entry("layer1.0.conv1.bias", torch.ones(16)), "`layer1.0.conv1.bias`"),
        (with_entry("layer99.0.conv1.weight", torch.ones(16, 16, 3, 3)), "`layer99.0.conv1.weight`"),
        (with_entry("conv1.weight", torch.ones(16, 3, 5, 5)), "(16, 3, 5, 5) instead of (16, 3, 7, 7)"),
        (with_entry("conv1.weight", torch.ones(16, 3, 3)), "`conv1.weight` has shape (16, 3, 3)"),
        (with_entry("fc.weight", torch.ones(0, 64)), "`fc.weight` has shape (0, 64)"),
        (with_entry("layer1.0.conv3.weight", torch.ones(2, 16, 1, 1)), "`layer2.0.conv3.weight`"),
        (with_entry("fc.weight", torch.ones(10, 64, dtype=torch.int8)), "`fc.weight` holds torch.int8"),
    ],
)
def test_other_nets_are_refused_with_a_key_and_an_advice(change: Callable[[State], State], culprit: str) -> None:
    with pytest.raises(SourceError) as refusal:
        recognize(change(resnet20().state_dict()))
    message = str(refusal.value)
    assert culprit in message
    assert "pass the whole module or an ONNX file" in message
    assert message.endswith(".")
    assert "\n" not in message
