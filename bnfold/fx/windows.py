"""Calls that grow, crop or resample the image: padding and interpolation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from bnfold.fx.call import Call
from bnfold.fx.layers import PAD_MODES
from bnfold.network import OpaqueError

Reader = Callable[[Call], None]

RESIZE_MODES = {
    "nearest": "nearest",
    "nearest-exact": "nearest",
    "linear": "linear",
    "bilinear": "linear",
    "trilinear": "linear",
    "bicubic": "cubic",
}
"""torch's interpolation modes, and ONNX's."""


def pad(call: Call) -> None:
    """F.pad."""
    _pad(call, call.static(1, "pad"), call.static(2, "mode", "constant"), call.static(3, "value", None))


def _pad_module(mode: str) -> Reader:
    def read(call: Call) -> None:
        value = getattr(call.module, "value", None) if mode == "constant" else None
        _pad(call, call.setting("padding"), mode, value)

    return read


def _pad(call: Call, widths: Sequence[int], mode: str, value: float | None) -> None:
    """Widths come in pairs, from the last axis on."""
    rank = call.rank()
    if mode not in PAD_MODES:
        raise OpaqueError("it pads in an unknown way")
    before, after = [0] * rank, [0] * rank
    for i in range(len(widths) // 2):
        before[rank - 1 - i], after[rank - 1 - i] = int(widths[2 * i]), int(widths[2 * i + 1])
    filled: dict[str, Any] = {} if value is None else {"value": np.asarray(float(value))}
    call.emit("Pad", [call.x], mode=PAD_MODES[mode], pads=[*before, *after], **filled)


def interpolate(call: Call) -> None:
    """F.interpolate."""
    _resize(call, call.static(3, "mode", "nearest"), antialias=bool(call.static(6, "antialias", False)))


def upsample_module(call: Call) -> None:
    """nn.Upsample and its relatives."""
    _resize(call, call.setting("mode"), antialias=False)


def _resize(call: Call, mode: str, *, antialias: bool) -> None:
    if mode not in RESIZE_MODES:
        raise OpaqueError("it resamples in an unknown way")
    # Weights that are normalized by division sum to 1 only nearly, like those of a cubic.
    call.emit("Resize", [call.x], mode="cubic" if antialias else RESIZE_MODES[mode])


MODULES: dict[type[nn.Module], Reader] = {
    **dict.fromkeys((nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d), _pad_module("constant")),
    **dict.fromkeys((nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d), _pad_module("constant")),
    **dict.fromkeys((nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReflectionPad3d), _pad_module("reflect")),
    **dict.fromkeys((nn.ReplicationPad1d, nn.ReplicationPad2d, nn.ReplicationPad3d), _pad_module("replicate")),
    **dict.fromkeys((nn.CircularPad1d, nn.CircularPad2d, nn.CircularPad3d), _pad_module("circular")),
    **dict.fromkeys((nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d), upsample_module),
}
FUNCTIONS: dict[Callable[..., object], Reader] = {
    **dict.fromkeys((F.pad, torch._C._nn.pad), pad),
    **dict.fromkeys((F.interpolate, F.upsample), interpolate),
}
