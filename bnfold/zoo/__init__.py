"""The ResNet family with torchvision's parameter names, and its recognition from a bare state dict.

Needs torch. It ships with bnfold because a pickled module can only be read where its classes are importable,
and because a state dict says nothing about the order of its layers: some class has to.

    model = resnet20(num_classes=10, in_channels=1)
    again = recognize(model.state_dict())
"""

from bnfold.zoo.architectures import (
    ARCHITECTURES,
    resnet18,
    resnet18v2,
    resnet20,
    resnet20v2,
    resnet32,
    resnet32v2,
    resnet34,
    resnet50,
    resnet50d,
    resnet50v2,
    resnet56,
    resnet101,
    resnet152,
    resnext50_32x4d,
    resnext101_32x8d,
    wide_resnet50_2,
    wide_resnet101_2,
)
from bnfold.zoo.blocks import BasicBlock, Bottleneck
from bnfold.zoo.preact import PreActBasicBlock, PreActBottleneck, PreActResNet
from bnfold.zoo.recognize import recognize
from bnfold.zoo.resnet import ResNet
from bnfold.zoo.unwrap import unwrap_state_dict

__all__ = [
    "ARCHITECTURES",
    "BasicBlock",
    "Bottleneck",
    "PreActBasicBlock",
    "PreActBottleneck",
    "PreActResNet",
    "ResNet",
    "recognize",
    "resnet18",
    "resnet18v2",
    "resnet20",
    "resnet20v2",
    "resnet32",
    "resnet32v2",
    "resnet34",
    "resnet50",
    "resnet50d",
    "resnet50v2",
    "resnet56",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "resnext101_32x8d",
    "unwrap_state_dict",
    "wide_resnet50_2",
    "wide_resnet101_2",
]
