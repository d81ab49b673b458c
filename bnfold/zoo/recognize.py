"""Which net of the family a state dict belongs to, read from its keys and shapes alone."""

import re
from collections.abc import Mapping
from typing import Any, NoReturn

import torch
from torch import Tensor

from bnfold.errors import SourceError
from bnfold.zoo.blocks import BasicBlock, Bottleneck
from bnfold.zoo.preact import PreActBasicBlock, PreActBottleneck, PreActResNet
from bnfold.zoo.resnet import ResNet
from bnfold.zoo.stem import Stem
from bnfold.zoo.unwrap import unwrap_state_dict

_COUNTER = "num_batches_tracked"
_FAMILY = re.compile(r"(conv1|bn1|bn|fc|layer\d+)\.")
_BLOCK = re.compile(r"layer(\d+)\.(\d+)\.")
_NETS: dict[str, Any] = {net.__name__: net for net in (ResNet, PreActResNet)}
_BLOCKS: dict[str, Any] = {b.__name__: b for b in (BasicBlock, Bottleneck, PreActBasicBlock, PreActBottleneck)}


def recognize(checkpoint: Mapping[str, object], *, eps: float = 1e-5) -> ResNet | PreActResNet:
    """Return the net that the state dict was saved from, with its weights loaded strictly, in eval mode.

    Read from the tensors: v1 or v2, basic blocks or bottlenecks, blocks and planes per stage, groups and
    inner width, the stem, ResNet-D shortcuts, input channels and classes. Every tensor is copied with its
    dtype and device.

    What no tensor tells is taken as torchvision has it: ReLU everywhere, no dilation, stride 2 in the first
    block of each stage but the first (a bottleneck's in its 3x3 convolution), a max-pool behind a stem that
    is not CIFAR's, and `eps`. A net trained otherwise has the same state dict and another function: pass the
    module itself instead.

    Args:
        checkpoint: a state dict, or a training checkpoint that `unwrap_state_dict` can open.
        eps: of every BN; it is not stored in a state dict.

    Raises:
        SourceError: not of this family; the message names a key that does not fit.
    """
    tensors = unwrap_state_dict(checkpoint)
    model = from_settings(settings_of(tensors, eps=eps))
    _compare(model, tensors)
    # A bare state dict carries no version, which lets BNs saved before torch 0.4.1 do without their counters.
    copies = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    model.load_state_dict(copies, strict=True, assign=True)
    return model.eval()


def settings_of(tensors: Mapping[str, Tensor], *, eps: float = 1e-5) -> dict[str, Any]:
    """What `from_settings` builds the net of: its class, its block and the arguments of its constructor, as plain data.

    Args:
        tensors: a bare state dict.
        eps: of every BN.

    Raises:
        SourceError: not of this family.
    """
    stem, stem_width, in_channels = _stem(tensors)
    layers = _blocks_per_stage(tensors)
    bottleneck = "layer1.0.conv3.weight" in tensors
    last, expansion = ("conv3", 4) if bottleneck else ("conv2", 1)
    stages = range(1, len(layers) + 1)
    widths = [_shape(tensors, f"layer{stage}.0.{last}.weight", 4)[0] // expansion for stage in stages]
    if min(widths) == 0:
        _refuse(f"`layer{widths.index(0) + 1}.0.{last}.weight` has too few channels for a bottleneck")
    groups, width_per_group = _grouping(tensors, widths[0]) if bottleneck else (1, 64)
    num_classes, _ = _shape(tensors, "fc.weight", 2)
    preact = "bn.weight" in tensors
    settings = {
        "net": "PreActResNet" if preact else "ResNet",
        "block": ("PreAct" if preact else "") + ("Bottleneck" if bottleneck else "BasicBlock"),
        "layers": layers,
        "num_classes": num_classes,
        "in_channels": in_channels,
        "stem": stem,
        "stem_width": stem_width,
        "widths": widths,
        "groups": groups,
        "width_per_group": width_per_group,
        "eps": eps,
    }
    if preact:
        return settings
    averages = any(name.endswith(".downsample.1.weight") and t.ndim == 4 for name, t in tensors.items())
    return settings | {"avg_down": averages}


def from_settings(settings: Mapping[str, Any]) -> ResNet | PreActResNet:
    """The net of these settings on the meta device, where no weight is drawn or stored.

    Raises:
        KeyError, TypeError, ValueError: they are not as `settings_of` makes them.
    """
    arguments = dict(settings)
    net, block = _NETS[arguments.pop("net")], _BLOCKS[arguments.pop("block")]
    with torch.device("meta"):
        model: ResNet | PreActResNet = net(block, **arguments)
    return model


def _stem(tensors: Mapping[str, Tensor]) -> tuple[Stem, int, int]:
    """Return the kind of stem, the channels it delivers and those it reads."""
    if "conv1.0.weight" in tensors:
        _, in_channels, _, _ = _shape(tensors, "conv1.0.weight", 4)
        width, _, _, _ = _shape(tensors, "conv1.6.weight", 4)
        return "deep", width, in_channels
    width, in_channels, height, _ = _shape(tensors, "conv1.weight", 4)
    return "cifar" if height == 3 else "imagenet", width, in_channels


def _blocks_per_stage(tensors: Mapping[str, Tensor]) -> list[int]:
    found = {(int(m[1]), int(m[2])) for m in map(_BLOCK.match, tensors) if m}
    layers: list[int] = []
    while (len(layers) + 1, 0) in found and len(layers) < 4:
        stage = len(layers) + 1
        layers.append(next(count for count in range(1, len(found) + 1) if (stage, count) not in found))
    if not layers:
        _refuse("it has no key that begins with `layer1.0.`")
    return layers


def _grouping(tensors: Mapping[str, Tensor], planes: int) -> tuple[int, int]:
    """Return groups and width per group and 64 planes, from the first bottleneck's 3x3 convolution."""
    width, per_group, _, _ = _shape(tensors, "layer1.0.conv2.weight", 4)
    # Rounding up undoes the rounding down in `inner_width`.
    return max(width // max(per_group, 1), 1), -(-per_group * 64 // planes)


def _shape(tensors: Mapping[str, Tensor], key: str, rank: int) -> tuple[int, ...]:
    if key not in tensors:
        stranger = next((name for name in tensors if not _FAMILY.match(name)), None)
        _refuse(f"it has no `{key}`" + (f" but a `{stranger}`" if stranger else ""))
    shape = tuple(tensors[key].shape)
    if len(shape) != rank or 0 in shape:
        _refuse(f"`{key}` has shape {shape}")
    return shape


def _compare(model: ResNet | PreActResNet, tensors: Mapping[str, Tensor]) -> None:
    """Refuse the first tensor that the net lacks, and the first that it wants otherwise."""
    wanted = model.state_dict()
    for name in tensors:
        if name not in wanted:
            _refuse(f"no net of the family has a `{name}` there")
    for name, tensor in wanted.items():
        counter = name.endswith(_COUNTER)
        if name not in tensors:
            if not counter:
                _refuse(f"`{name}` is missing")
        elif tensors[name].shape != tensor.shape:
            _refuse(f"`{name}` has shape {tuple(tensors[name].shape)} instead of {tuple(tensor.shape)}")
        elif not counter and not tensors[name].is_floating_point():
            _refuse(f"`{name}` holds {tensors[name].dtype}, not floating-point numbers")


def _refuse(why: str) -> NoReturn:
    raise SourceError(
        f"This state dict is not of the ResNet family that bnfold can rebuild: {why}; "
        "name it with --arch, or pass the whole module or an ONNX file."
    )
