"""ResNet v1 and its relatives by other numbers: ResNeXt, wide, ResNet-D, dilated and CIFAR nets."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from bnfold.zoo.stages import Block, Norm, batch_norm, build_stages, conv1x1, initialize
from bnfold.zoo.stem import Stem, stem_convolution, stem_pooling


class ResNet(nn.Module):
    """Stem -> BN -> ReLU -> one to four stages of residual blocks -> global average -> linear.

    BN: `bn1` behind the stem's (last) convolution, and as the block says behind every other one; none follows
    the last addition. `eps` is added to the variance inside the square root, in training and at inference.
    `momentum` is the share of the newest batch in the running statistics; it changes nothing at inference.

    Parameters are named as in torchvision: conv1, bn1, layer1.0.conv1, layer1.0.downsample.0, fc.
    Maps (N, in_channels, H, W) to (N, num_classes), any floating dtype; H and W are free.
    """

    def __init__(
        self,
        block: Block,
        layers: Sequence[int],
        *,
        num_classes: int = 1000,
        in_channels: int = 3,
        stem: Stem = "imagenet",
        stem_width: int = 64,
        widths: Sequence[int] = (64, 128, 256, 512),
        groups: int = 1,
        width_per_group: int = 64,
        avg_down: bool = False,
        replace_stride_with_dilation: Sequence[bool] = (),
        eps: float = 1e-5,
        momentum: float = 0.1,
    ) -> None:
        """Build the net with random weights, in training mode.

        Args:
            block: `BasicBlock` or `Bottleneck`.
            layers: blocks per stage.
            num_classes: outputs of `fc`.
            in_channels: channels of the image.
            stem: "cifar", "imagenet" or "deep", see `stem_convolution`.
            stem_width: channels that the stem delivers.
            widths: planes per stage, as many as there are stages.
            groups: groups of a bottleneck's 3x3 convolution (ResNeXt: 32).
            width_per_group: its channels per group and 64 planes (wide ResNet: 128).
            avg_down: ResNet-D shortcuts, which average 2x2 before a 1x1 convolution of stride 1.
            replace_stride_with_dilation: one flag per stage after the first; empty means none.
            eps: of every BN.
            momentum: of every BN.

        Raises:
            ValueError: arguments that do not fit each other.
        """
        super().__init__()
        norm = batch_norm(eps, momentum)
        stages = build_stages(
            block,
            layers,
            widths,
            stem_width,
            norm=norm,
            shortcut=partial(_average_projection if avg_down else _projection, norm),
            groups=groups,
            base_width=width_per_group,
            replace_stride_with_dilation=replace_stride_with_dilation,
        )
        features = widths[-1] * block.expansion
        self.conv1: nn.Module = stem_convolution(stem, in_channels, stem_width, norm)
        self.bn1: nn.Module = norm(stem_width)
        self.relu: nn.ReLU = nn.ReLU(inplace=True)
        self.maxpool: nn.Module = stem_pooling(stem)
        self.layer1: nn.Module = stages[0]
        self.layer2: nn.Module = stages[1]
        self.layer3: nn.Module = stages[2]
        self.layer4: nn.Module = stages[3]
        self.avgpool: nn.AdaptiveAvgPool2d = nn.AdaptiveAvgPool2d((1, 1))
        self.fc: nn.Linear = nn.Linear(features, num_classes)
        initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the class scores; shapes and dtype as the class says."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        x = torch.flatten(self.avgpool(x), 1)
        scores: Tensor = self.fc(x)
        return scores


def _projection(norm: Norm, in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(conv1x1(in_channels, out_channels, stride=stride), norm(out_channels))


def _average_projection(norm: Norm, in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    # A stride of 1 averages nothing, yet the entry stays: checkpoints count the convolution as the second
    # layer. The half windows at an odd border average over real pixels only, as in the nets trained this way.
    pool: nn.Module = nn.Identity()
    if stride != 1:
        pool = nn.AvgPool2d(2, stride, ceil_mode=True, count_include_pad=False)
    return nn.Sequential(pool, conv1x1(in_channels, out_channels), norm(out_channels))
