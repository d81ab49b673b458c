"""The three ways a net of the family begins."""

from typing import Literal

from torch import nn

from bnfold.zoo.stages import Norm, conv3x3

Stem = Literal["cifar", "imagenet", "deep"]


def stem_convolution(kind: Stem, in_channels: int, width: int, norm: Norm) -> nn.Module:
    """Return what stands under the name `conv1`; the BN behind it, if any, is the net's own.

    - "cifar": one 3x3 convolution, (N, in_channels, H, W) -> (N, width, H, W);
    - "imagenet": one 7x7 convolution of stride 2, -> (N, width, H/2, W/2);
    - "deep" (ResNet-C and -D): three 3x3 convolutions, the first of stride 2, with BN and ReLU between them.

    Raises:
        ValueError: another kind.
    """
    if kind == "cifar":
        return conv3x3(in_channels, width)
    if kind == "imagenet":
        return nn.Conv2d(in_channels, width, kernel_size=7, stride=2, padding=3, bias=False)
    if kind == "deep":
        half = width // 2
        return nn.Sequential(
            conv3x3(in_channels, half, stride=2),
            norm(half),
            nn.ReLU(inplace=True),
            conv3x3(half, half),
            norm(half),
            nn.ReLU(inplace=True),
            conv3x3(half, width),
        )
    raise ValueError(f"stem {kind!r} is none of cifar, imagenet, deep")


def stem_pooling(kind: Stem) -> nn.Module:
    """Return what stands under the name `maxpool`: nothing for the small images of CIFAR."""
    return nn.Identity() if kind == "cifar" else nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
