"""The input that a network of images is usually given, where nothing states it."""

from __future__ import annotations

from torch import nn

IMAGENET, CIFAR, INCEPTION = 224, 32, 299
IMAGES = (1, 3, 4)
"""Channels that images have."""


def usual_shape(module: nn.Module) -> tuple[int, ...] | None:
    """A shape, batch first, that suits the way the network begins; None if it begins with no 2-D convolution of images.

    timm's networks state their own. Those of torchvision take 224 x 224, Inception v3 299 x 299. Any other takes
    32 x 32 if its first convolution is 3 x 3 of stride 1, as is usual for CIFAR, and 224 x 224 otherwise.
    """
    stated = (getattr(module, "pretrained_cfg", None) or {}).get("input_size")
    if stated:
        return (1, *(int(extent) for extent in stated))
    channels = _channels(module)
    if channels not in IMAGES:
        return None
    if type(module).__module__.startswith("torchvision."):
        extent = INCEPTION if type(module).__name__ == "Inception3" else IMAGENET
    else:
        extent = CIFAR if _begins_small(module) else IMAGENET
    return (1, channels, extent, extent)


def _channels(module: nn.Module) -> int | None:
    weight = next((value for value in module.parameters() if value.ndim > 1), None)
    return int(weight.shape[1]) if weight is not None and weight.ndim == 4 else None


def _begins_small(module: nn.Module) -> bool:
    for part in module.modules():
        stride, kernel = getattr(part, "stride", None), getattr(part, "kernel_size", None)
        if stride is not None and kernel is not None and isinstance(getattr(part, "weight", None), nn.Parameter):
            return tuple(stride) == (1, 1) and tuple(kernel) == (3, 3)
    first = next(value for value in module.parameters() if value.ndim == 4)  # TorchScript does not tell the stride
    return tuple(first.shape[2:]) == (3, 3)
