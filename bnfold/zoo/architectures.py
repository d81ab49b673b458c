"""The named members of the family.

Every builder takes `num_classes`, `in_channels` and, as keywords, `replace_stride_with_dilation`, `eps` and
`momentum` (see `ResNet`); it returns a net with random weights in training mode that maps (N, in_channels, H,
W) to (N, num_classes). `eps` stands inside the square root of every BN, also at inference; `momentum` only
steers the running statistics while training. Both default to torch's 1e-5 and 0.1. A ValueError means that
the dilation flags do not match the number of stages.
"""

from collections.abc import Callable, Sequence
from typing import TypedDict, Unpack

from bnfold.zoo.blocks import BasicBlock, Bottleneck
from bnfold.zoo.preact import PreActBasicBlock, PreActBottleneck, PreActResNet
from bnfold.zoo.resnet import ResNet


class Options(TypedDict, total=False):
    """Keywords that every builder passes on."""

    replace_stride_with_dilation: Sequence[bool]
    eps: float
    momentum: float


def resnet18(num_classes: int = 1000, in_channels: int = 3, **options: Unpack[Options]) -> ResNet:
    """ResNet-18: 2-2-2-2 basic blocks, BN behind each convolution; `eps` and `momentum` as above."""
    return ResNet(BasicBlock, (2, 2, 2, 2), num_classes=num_classes, in_channels=in_channels, **options)


def resnet34(num_classes: int = 1000, in_channels: int = 3, **options: Unpack[Options]) -> ResNet:
    """ResNet-34: 3-4-6-3 basic blocks, BN behind each convolution; `eps` and `momentum` as above."""
    return ResNet(BasicBlock, (3, 4, 6, 3), num_classes=num_classes, in_channels=in_channels, **options)


def resnet50(num_classes: int = 1000, in_channels: int = 3, **options: Unpack[Options]) -> ResNet:
    """ResNet-50: 3-4-6-3 bottlenecks, BN behind each convolution; `eps` and `momentum` as above."""
    return ResNet(Bottleneck, (3, 4, 6, 3), num_classes=num_classes, in_channels=in_channels, **options)


def resnet101(num_classes: int = 1000, in_channels: int = 3, **options: Unpack[Options]) -> ResNet:
    """ResNet-101: 3-4-23-3 bottlenecks, BN behind each convolution; `eps` and `momentum` as above."""
    return ResNet(Bottleneck, (3, 4, 23, 3), num_classes=num_classes, in_channels=in_channels, **options)


def resnet152(num_classes: int = 1000, in_channels: int = 3, **options: Unpack[Options]) -> ResNet:
    """ResNet-152: 3-8-36-3 bottlenecks, BN behind each convolution; `eps` and `momentum` as above."""
    return ResNet(Bottleneck, (3, 8, 36, 3), num_classes=num_classes, in_channels=in_channels, **options)


def resnext50_32x4d(num_classes: int = 1000, in_channels: int = 3, **options: Unpack[Options]) -> ResNet:
    """ResNeXt-50 (32 groups of 4): BN behind each convolution; `eps` and `momentum` as above."""
    return ResNet(
        Bottleneck,
        (3, 4, 6, 3),
        num_classes=num_classes,
        in_channels=in_channels,
        groups=32,
        width_per_group=4,
        **options,
    )


def resnext101_32x8d(num_classes: int = 1000, in_channels: int = 3, **options: Unpack[Options]) -> ResNet:
    """ResNeXt-101 (32 groups of 8): BN behind each convolution; `eps` and `momentum` as above."""
    return ResNet(
        Bottleneck,
        (3, 4, 23, 3),
        num_classes=num_classes,
        in_channels=in_channels,
        groups=32,
        width_per_group=8,
        **options,
    )


def wide_resnet50_2(num_classes: int = 1000, in_channels: int = 3, **options: Unpack[Options]) -> ResNet:
    """ResNet-50, inner width doubled: BN behind each convolution; `eps` and `momentum` as above."""
    return ResNet(
        Bottleneck,
        (3, 4, 6, 3),
        num_classes=num_classes,
        in_channels=in_channels,
        width_per_group=128,
        **options,
    )


def wide_resnet101_2(num_classes: int = 1000, in_channels: int = 3, **options: Unpack[Options]) -> ResNet:
    """ResNet-101, inner width doubled: BN behind each convolution; `eps` and `momentum` as above."""
    return ResNet(
        Bottleneck,
        (3, 4, 23, 3),
        num_classes=num_classes,
        in_channels=in_channels,
        width_per_group=128,
        **options,
    )


def resnet50d(num_classes: int = 1000, in_channels: int = 3, **options: Unpack[Options]) -> ResNet:
    """ResNet-50-D: deep stem with BN behind its three convolutions, averaging shortcuts that end in BN.

    Inside the blocks BN stands behind each convolution; `eps` and `momentum` as above.
    """
    return ResNet(
        Bottleneck,
        (3, 4, 6, 3),
        num_classes=num_classes,
        in_channels=in_channels,
        stem="deep",
        avg_down=True,
        **options,
    )


def resnet20(num_classes: int = 10, in_channels: int = 3, **options: Unpack[Options]) -> ResNet:
    """ResNet-20 for CIFAR: 3-3-3 basic blocks, BN behind each convolution; `eps` and `momentum` as above."""
    return _cifar(3, num_classes, in_channels, options)


def resnet32(num_classes: int = 10, in_channels: int = 3, **options: Unpack[Options]) -> ResNet:
    """ResNet-32 for CIFAR: 5-5-5 basic blocks, BN behind each convolution; `eps` and `momentum` as above."""
    return _cifar(5, num_classes, in_channels, options)


def resnet56(num_classes: int = 10, in_channels: int = 3, **options: Unpack[Options]) -> ResNet:
    """ResNet-56 for CIFAR: 9-9-9 basic blocks, BN behind each convolution; `eps` and `momentum` as above."""
    return _cifar(9, num_classes, in_channels, options)


def resnet20v2(num_classes: int = 10, in_channels: int = 3, **options: Unpack[Options]) -> PreActResNet:
    """Pre-activation ResNet-20 for CIFAR: BN and ReLU before each convolution but the first, and at the end.

    `eps` and `momentum` as above.
    """
    return _cifar_v2(3, num_classes, in_channels, options)


def resnet32v2(num_classes: int = 10, in_channels: int = 3, **options: Unpack[Options]) -> PreActResNet:
    """Pre-activation ResNet-32 for CIFAR: BN and ReLU before each convolution but the first, and at the end.

    `eps` and `momentum` as above.
    """
    return _cifar_v2(5, num_classes, in_channels, options)


def resnet18v2(num_classes: int = 1000, in_channels: int = 3, **options: Unpack[Options]) -> PreActResNet:
    """Pre-activation ResNet-18: BN and ReLU before each convolution but the first, and at the end.

    `eps` and `momentum` as above.
    """
    return PreActResNet(PreActBasicBlock, (2, 2, 2, 2), num_classes=num_classes, in_channels=in_channels, **options)


def resnet50v2(num_classes: int = 1000, in_channels: int = 3, **options: Unpack[Options]) -> PreActResNet:
    """Pre-activation ResNet-50: BN and ReLU before each convolution but the first, and at the end.

    `eps` and `momentum` as above.
    """
    return PreActResNet(PreActBottleneck, (3, 4, 6, 3), num_classes=num_classes, in_channels=in_channels, **options)


def _cifar(depth: int, num_classes: int, in_channels: int, options: Options) -> ResNet:
    return ResNet(
        BasicBlock,
        (depth, depth, depth),
        num_classes=num_classes,
        in_channels=in_channels,
        stem="cifar",
        stem_width=16,
        widths=(16, 32, 64),
        **options,
    )


def _cifar_v2(depth: int, num_classes: int, in_channels: int, options: Options) -> PreActResNet:
    return PreActResNet(
        PreActBasicBlock,
        (depth, depth, depth),
        num_classes=num_classes,
        in_channels=in_channels,
        stem="cifar",
        stem_width=16,
        widths=(16, 32, 64),
        **options,
    )


ARCHITECTURES: dict[str, Callable[..., ResNet | PreActResNet]] = {
    builder.__name__: builder
    for builder in (
        resnet18,
        resnet34,
        resnet50,
        resnet101,
        resnet152,
        resnext50_32x4d,
        resnext101_32x8d,
        wide_resnet50_2,
        wide_resnet101_2,
        resnet50d,
        resnet20,
        resnet32,
        resnet56,
        resnet18v2,
        resnet50v2,
        resnet20v2,
        resnet32v2,
    )
}
