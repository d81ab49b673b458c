"""The two residual blocks of the first ResNet paper (v1): BN stands directly behind every convolution.

What the two numbers of a BN do: it computes gamma * (x - mean) / sqrt(var + eps) + beta per channel, so `eps`
is part of the function that a trained net computes and has to be carried into a fold. `momentum` is the
weight of the newest batch in the running mean and variance; it matters while training and never at inference.
"""

from typing import ClassVar

from torch import Tensor, nn

from bnfold.zoo.stages import Norm, conv1x1, conv3x3, inner_width


class BasicBlock(nn.Module):
    """ReLU(shortcut(x) + BN(Conv3x3(ReLU(BN(Conv3x3(x)))))).

    BN: `bn1` behind `conv1`, `bn2` behind `conv2` and before the addition, and one at the end of a projection
    shortcut. Nothing stands between the addition and the last ReLU. `eps` (inside the square root, also at
    inference) and `momentum` (running statistics, training only) are those of `norm`.

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
        self.conv1: nn.Conv2d = conv3x3(in_channels, planes, stride=stride, dilation=dilation)
        self.bn1: nn.Module = norm(planes)
        self.relu: nn.ReLU = nn.ReLU(inplace=True)
        self.conv2: nn.Conv2d = conv3x3(planes, planes, dilation=dilation)
        self.bn2: nn.Module = norm(planes)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output; shapes and dtype as the class says."""
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        joined: Tensor = self.relu(out + shortcut)
        return joined


class Bottleneck(nn.Module):
    """ReLU(shortcut(x) + BN(Conv1x1(ReLU(BN(Conv3x3(ReLU(BN(Conv1x1(x))))))))).

    BN: `bn1`, `bn2` and `bn3` behind their convolutions, `bn3` before the addition, and one at the end of a
    projection shortcut. The stride is in the 3x3 convolution, where torchvision has it. `eps` (inside the
    square root, also at inference) and `momentum` (running statistics, training only) are those of `norm`.

    With groups it is ResNeXt's block, with a larger inner width that of the wide ResNets.

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
        self.conv1: nn.Conv2d = conv1x1(in_channels, width)
        self.bn1: nn.Module = norm(width)
        self.conv2: nn.Conv2d = conv3x3(width, width, stride=stride, dilation=dilation, groups=groups)
        self.bn2: nn.Module = norm(width)
        self.conv3: nn.Conv2d = conv1x1(width, planes * self.expansion)
        self.bn3: nn.Module = norm(planes * self.expansion)
        self.relu: nn.ReLU = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output; shapes and dtype as the class says."""
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        joined: Tensor = self.relu(out + shortcut)
        return joined
