"""Give a network the parameters that training would have moved: fresh ones (1, 0) would make every fold trivial."""

from __future__ import annotations

import torch
from torch import nn

from benchmarks.zoo.models import NORMALIZATIONS

LAYER_SCALES = ("gamma", "layer_scale", "alpha", "scale", "lambda", "ls")
"""Names of parameters, up to a number behind them, with which networks weigh a branch per channel."""


def randomize(module: nn.Module, seed: int = 0) -> None:
    """Random positive scales, shifts, means and variances for every batch normalization, and random layer scales."""
    source = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if type(part).__name__.startswith(NORMALIZATIONS):
            _normalization(part, source)
        elif not hasattr(part, "weight"):
            for name, parameter in part.named_parameters(recurse=False):
                if name.rstrip("_0123456789").startswith(LAYER_SCALES):
                    parameter.data.uniform_(0.25, 0.75, generator=source)


def _normalization(part: nn.Module, source: torch.Generator) -> None:
    weight, bias = getattr(part, "weight", None), getattr(part, "bias", None)
    if weight is not None:
        weight.data.uniform_(0.5, 1.5, generator=source)
    if bias is not None:
        bias.data.normal_(0, 0.2, generator=source)
    mean, variance = getattr(part, "running_mean", None), getattr(part, "running_var", None)
    if mean is not None and variance is not None:
        mean.data.normal_(0, 0.2, generator=source)
        variance.data.uniform_(0.5, 2, generator=source)
