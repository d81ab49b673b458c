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
    corners, antialias = bool(call.static(4, "align_corners", False)), bool(call.static(6, "antialias", False))
    # Positions follow the factor that is given, unless it is asked to be computed anew from the sizes.
    factor = None if call.static(5, "recompute_scale_factor", False) else call.static(2, "scale_factor")
    _resize(call, call.static(3, "mode", "nearest"), factor, corners=corners, antialias=antialias)


def upsample_module(call: Call) -> None:
    """nn.Upsample and its relatives."""
    factor = None if call.setting("recompute_scale_factor") else call.setting("scale_factor")
    _resize(call, call.setting("mode"), factor, corners=bool(call.setting("align_corners")), antialias=False)


def _resize(call: Call, mode: str, factor: Any, *, corners: bool, antialias: bool) -> None:
    if mode not in RESIZE_MODES:
        raise OpaqueError("it resamples in an unknown way")
    if antialias:
        # Weights that are normalized by division sum to 1 only nearly, like those of a cubic.
        call.emit("Resize", [call.x], mode="cubic", antialias=1)
        return
    spatial = list(zip(call.extents[2:], call.shape()[2:], strict=True))
    factors = each_factor(factor, len(spatial))
    exact = all(
        isinstance(a, int) and isinstance(b, int) and f in (None, b / a)
        for (a, b), f in zip(spatial, factors, strict=True)
    )
    if mode == "nearest":
        where: dict[str, Any] = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    elif mode == "nearest-exact":
        where = {"coordinate_transformation_mode": "half_pixel", "nearest_mode": "round_prefer_ceil"}
    else:
        where = {"coordinate_transformation_mode": "align_corners" if corners else "half_pixel"}
        where |= {"cubic_coeff_a": -0.75} if mode == "bicubic" else {}
    sizes: dict[str, Any] = {"sizes": [b for _, b in spatial], "axes": list(range(2, call.rank()))} if exact else {}
    call.emit("Resize", [call.x], mode=RESIZE_MODES[mode], **where, **sizes)


def each_factor(factor: Any, count: int) -> list[float | None]:
    """One factor per spatial axis, given as one for all or one for each; None where none is given."""
    if isinstance(factor, tuple | list):
        return list(factor)
    return [factor] * count


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
