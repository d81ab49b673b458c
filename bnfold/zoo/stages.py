"""How residual blocks are strung into stages, and the few convolutions that everything is made of."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from torch import nn

Norm = Callable[[int], nn.Module]
"""Makes the normalization layer for a number of channels."""

Shortcut = Callable[[int, int, int], nn.Sequential]
"""Makes the projection shortcut for (in_channels, out_channels, stride)."""


class Block(Protocol):
    """What a stage asks of a block class."""

    @property
    def expansion(self) -> int:
        """Output channels per plane."""

    def __call__(
        self,
        in_channels: int,
        planes: int,
        *,
        norm: Norm,
        stride: int,
        dilation: int,
        groups: int,
        base_width: int,
        downsample: nn.Module | None,
    ) -> nn.Module:
        """Make one block."""


def batch_norm(eps: float, momentum: float) -> Norm:
    """Return the maker of `BatchNorm2d` layers with these two numbers."""
    return partial(nn.BatchNorm2d, eps=eps, momentum=momentum)


def conv3x3(in_channels: int, out_channels: int, *, stride: int = 1, dilation: int = 1, groups: int = 1) -> nn.Conv2d:
    """Return a 3x3 convolution without bias that keeps H and W at stride 1, whatever the dilation."""
    return nn.Conv2d(
        in_channels,
        out_channels,
        kernel_size=3,
        stride=stride,
        padding=dilation,
        dilation=dilation,
        groups=groups,
        bias=False,
    )


def conv1x1(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Conv2d:
    """Return a 1x1 convolution without bias."""
    return nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False)


def inner_width(planes: int, groups: int, base_width: int) -> int:
    """Return the channels of a bottleneck's 3x3 convolution: `base_width` per group and 64 planes."""
    return int(planes * (base_width / 64)) * groups


def build_stages(
    block: Block,
    layers: Sequence[int],
    widths: Sequence[int],
    in_channels: int,
    *,
    norm: Norm,
    shortcut: Shortcut,
    groups: int,
    base_width: int,
    replace_stride_with_dilation: Sequence[bool],
) -> list[nn.Module]:
    """Return four stages, absent ones as identities; each but the first halves H and W.

    Args:
        block: the block class.
        layers: blocks per stage, one to four stages.
        widths: planes per stage; a stage puts out `widths[i] * block.expansion` channels.
        in_channels: channels that the stem delivers.
        norm: makes a normalization layer.
        shortcut: makes the projection used where a block changes the shape.
        groups: groups of a bottleneck's 3x3 convolution.
        base_width: its width per group and 64 planes.
        replace_stride_with_dilation: for each stage after the first, whether its stride becomes a dilation;
            empty means none. As in torchvision, a stage's first block still has the dilation before it.

    Raises:
        ValueError: the lengths do not fit each other, or there are no stages, too many, or an empty one.
    """
    if not 1 <= len(layers) <= 4 or min(layers) < 1 or len(widths) != len(layers):
        raise ValueError("layers and widths must list one to four stages of at least one block")
    dilated = [False, *(replace_stride_with_dilation or [False] * (len(layers) - 1))]
    if len(dilated) != len(layers):
        raise ValueError(f"replace_stride_with_dilation must have {len(layers) - 1} entries")
    stages: list[nn.Module] = []
    dilation = 1
    for index, (count, planes) in enumerate(zip(layers, widths, strict=True)):
        first_dilation, stride = dilation, 1 if index == 0 else 2
        if dilated[index]:
            dilation, stride = dilation * stride, 1
        out_channels = planes * block.expansion
        blocks = []
        for position in range(count):
            first = position == 0
            step = stride if first else 1
            projected = step != 1 or in_channels != out_channels
            blocks.append(
                block(
                    in_channels,
                    planes,
                    norm=norm,
                    stride=step,
                    dilation=first_dilation if first else dilation,
                    groups=groups,
                    base_width=base_width,
                    downsample=shortcut(in_channels, out_channels, step) if projected else None,
                )
            )
            in_channels = out_channels
        stages.append(nn.Sequential(*blocks))
    return stages + [nn.Identity() for _ in range(4 - len(stages))]


def initialize(model: nn.Module) -> None:
    """Draw every convolution from He's normal distribution, in place; BNs keep gamma 1 and beta 0."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
