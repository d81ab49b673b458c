"""ResNet v2 (pre-activation): BN and ReLU stand before each convolution, and the residual stream is bare.

Between two blocks nothing but additions touches the stream, so each of its BNs reads a sum that other BNs
read too. That makes this the family in which folding BNs is not a local matter.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from bnfold.zoo.stages import (
    Block,
    Norm,
    batch_norm,
    build_stages,
    conv1x1,
    conv3x3,
    initialize,
    inner_width,
)
from bnfold.zoo.stem import Stem, stem_convolution, stem_pooling


class PreActBasicBlock(nn.Module):
    """shortcut + Conv3x3(ReLU(BN(Conv3x3(a)))) with a = ReLU(BN(x)).

    BN: `bn1` before `conv1`, `bn2` before `conv2`; none behind the last convolution, none in the shortcut.
    The shortcut is x itself or, where the shape changes, a 1x1 convolution of a. `eps` (inside the square
    root, also at inference) and `momentum` (running statistics, training only) are those of `norm`.

    Maps (N, in_channels, H, W) to (N, planes, ceil(H / stride), ceil(W / stride)), any floating dtype.
    """

    expansion: ClassVar[int] = 1

    def __init__(
        self,
        in_channels: int,
        planes: int,
        *,
        norm: Norm,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        base_width: int = 64,
        downsample: nn.Module | None = None,
    ) -> None:
        """Raise ValueError for `groups` or `base_width` other than 1 and 64: only the bottleneck has them."""
        super().__init__()
        if (groups, base_width) != (1, 64):
            raise ValueError("a basic block has neither groups nor another inner width; use a bottleneck")
        self.bn1: nn.Module = norm(in_channels)
        self.conv1: nn.Conv2d = conv3x3(in_channels, planes, stride=stride, dilation=dilation)
        self.bn2: nn.Module = norm(planes)
        self.conv2: nn.Conv2d = conv3x3(planes, planes, dilation=dilation)
        self.relu: nn.ReLU = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output; shapes and dtype as the class says."""
        activated = self.relu(self.bn1(x))
        shortcut = x if self.downsample is None else self.downsample(activated)
        out = self.conv1(activated)
        out = self.conv2(self.relu(self.bn2(out)))
        joined: Tensor = out + shortcut
        return joined


class PreActBottleneck(nn.Module):
    """shortcut + Conv1x1(ReLU(BN(Conv3x3(ReLU(BN(Conv1x1(a))))))) with a = ReLU(BN(x)).

    BN: `bn1`, `bn2`, `bn3` before their convolutions; none behind the last one, none in the shortcut. The
    shortcut is x itself or, where the shape changes, a 1x1 convolution of a. `eps` (inside the square root,
    also at inference) and `momentum` (running statistics, training only) are those of `norm`.

    Maps (N, in_channels, H, W) to (N, 4 * planes, ceil(H / stride), ceil(W / stride)), any floating dtype.
    """

    expansion: ClassVar[int] = 4

    def __init__(
        self,
        in_channels: int,
        planes: int,
        *,
        norm: Norm,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        base_width: int = 64,
        downsample: nn.Module | None = None,
    ) -> None:
        super().__init__()
        width = inner_width(planes, groups, base_width)
        self.bn1: nn.Module = norm(in_channels)
        self.conv1: nn.Conv2d = conv1x1(in_channels, width)
        self.bn2: nn.Module = norm(width)
        self.conv2: nn.Conv2d = conv3x3(width, width, stride=stride, dilation=dilation, groups=groups)
        self.bn3: nn.Module = norm(width)
        self.conv3: nn.Conv2d = conv1x1(width, planes * self.expansion)
        self.relu: nn.ReLU = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output; shapes and dtype as the class says."""
        activated = self.relu(self.bn1(x))
        shortcut = x if self.downsample is None else self.downsample(activated)
        out = self.conv1(activated)
        out = self.conv2(self.relu(self.bn2(out)))
        out = self.conv3(self.relu(self.bn3(out)))
        joined: Tensor = out + shortcut
        return joined


class PreActResNet(nn.Module):
    """Stem -> one to four stages of pre-activation blocks -> BN -> ReLU -> global average -> linear.

    BN: none behind the stem's (last) convolution, as the block says inside, and one named `bn` that ends the
    stream. `eps` is added to the variance inside the square root, in training and at inference. `momentum` is
    the share of the newest batch in the running statistics; it changes nothing at inference.

    Parameters are named as in `ResNet`, so far as they exist: conv1, layer1.0.bn1, layer2.0.downsample.0, bn,
    fc. Maps (N, in_channels, H, W) to (N, num_classes), any floating dtype; H and W are free.
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
        replace_stride_with_dilation: Sequence[bool] = (),
        eps: float = 1e-5,
        momentum: float = 0.1,
    ) -> None:
        """Build the net with random weights, in training mode.

        Args and errors are those of `ResNet`, with `PreActBasicBlock` or `PreActBottleneck` as the block.
        """
        super().__init__()
        norm = batch_norm(eps, momentum)
        stages = build_stages(
            block,
            layers,
            widths,
            stem_width,
            norm=norm,
            shortcut=_projection,
            groups=groups,
            base_width=width_per_group,
            replace_stride_with_dilation=replace_stride_with_dilation,
        )
        features = widths[-1] * block.expansion
        self.conv1: nn.Module = stem_convolution(stem, in_channels, stem_width, norm)
        self.maxpool: nn.Module = stem_pooling(stem)
        self.layer1: nn.Module = stages[0]
        self.layer2: nn.Module = stages[1]
        self.layer3: nn.Module = stages[2]
        self.layer4: nn.Module = stages[3]
        self.bn: nn.Module = norm(features)
        self.relu: nn.ReLU = nn.ReLU(inplace=True)
        self.avgpool: nn.AdaptiveAvgPool2d = nn.AdaptiveAvgPool2d((1, 1))
        self.fc: nn.Linear = nn.Linear(features, num_classes)
        initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        """Return the class scores; shapes and dtype as the class says."""
        x = self.maxpool(self.conv1(x))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        x = self.relu(self.bn(x))
        x = torch.flatten(self.avgpool(x), 1)
        scores: Tensor = self.fc(x)
        return scores


def _projection(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(conv1x1(in_channels, out_channels, stride=stride))
