"""Pooling over windows and reductions over axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from bnfold.fx.call import Call
from bnfold.fx.layers import each
from bnfold.network import OpaqueError, Tensor

Reader = Callable[[Call], None]


def _spatial(call: Call, count: int) -> None:
    if call.rank() != count + 2:
        raise OpaqueError("the input has no batch axis")


def _average(count: int) -> Reader:
    def read(call: Call) -> None:
        setting = _settings(call, AVERAGE)
        if count > 1 and setting("divisor_override") is not None:
            raise OpaqueError("it divides by another number than it sums")
        _spatial(call, count)
        call.emit(
            "AveragePool", [call.x], count_include_pad=int(setting("count_include_pad")), **_windows(setting, count)
        )

    return read


def _maximum(count: int) -> Reader:
    def read(call: Call) -> None:
        setting = _settings(call, MAXIMUM)
        _spatial(call, count)
        dilations = each(setting("dilation"), count)
        call.emit("MaxPool", [call.x], dilations=dilations, **_windows(setting, count))

    return read


WINDOW: dict[str, tuple[int, str, Any]] = {
    "kernel_size": (1, "kernel_size", None),
    "stride": (2, "stride", None),
    "padding": (3, "padding", 0),
}
"""Position, name and default of the arguments that all pools share."""

AVERAGE: dict[str, tuple[int, str, Any]] = {
    **WINDOW,
    "ceil_mode": (4, "ceil_mode", False),
    "count_include_pad": (5, "count_include_pad", True),
    "divisor_override": (6, "divisor_override", None),
}
MAXIMUM: dict[str, tuple[int, str, Any]] = {
    **WINDOW,
    "dilation": (4, "dilation", 1),
    "ceil_mode": (5, "ceil_mode", False),
}


def _settings(call: Call, places: Mapping[str, tuple[int, str, Any]]) -> Callable[[str], Any]:
    return call.setting if call.module is not None else lambda name: call.static(*places[name])


def _windows(setting: Callable[[str], Any], count: int) -> dict[str, Any]:
    kernel, stride = setting("kernel_size"), setting("stride")
    return {
        "kernel_shape": each(kernel, count),
        "strides": each(kernel if stride is None or stride == [] else stride, count),
        "pads": each(setting("padding"), count) * 2,
        "ceil_mode": int(setting("ceil_mode")),
    }


def _adaptive(count: int, op: str, over_all: str) -> Reader:
    """Every window of an adaptive pool lies inside the input, whatever its extent, so units pass as in any pool."""

    def read(call: Call) -> None:
        _spatial(call, count)
        source, target = call.extents[2:], call.shape()[2:]
        if all(dim == 1 for dim in target):
            call.emit(over_all, [call.x])
            return
        # Windows of one size, or the attribute is left out: then this is no pool that ONNX has.
        steps = [
            a // b
            for a, b in zip(source, target, strict=True)
            if isinstance(a, int) and isinstance(b, int) and a % b == 0
        ]
        windows: dict[str, Any] = {"kernel_shape": steps, "strides": steps} if len(steps) == count else {}
        call.emit(op, [call.x], **windows)

    return read


def _reduction(op: str) -> Reader:
    def read(call: Call) -> None:
        if not call.keeps_type():
            raise OpaqueError("it changes the dtype")
        _reduce(call, op, call.static(1, "dim", None), bool(call.static(2, "keepdim", False)), None)

    return read


def _extremum(op: str) -> Reader:
    """torch.max and min: over everything, or over one axis with the places as second result."""

    def read(call: Call) -> None:
        axis = call.static(1, "dim", None)
        outputs = call.lift.all_tensors(call.node)
        _reduce(call, op, axis, bool(call.static(2, "keepdim", False)), outputs[:1])

    return read


def _reduce(call: Call, op: str, axes: Any, keep: bool, outputs: list[Tensor] | None) -> None:
    rank = call.rank()
    given = list(axes) if isinstance(axes, tuple | list) else [] if axes is None else [axes]
    reduced = [axis % rank for axis in given] or list(range(rank))
    if not reduced:
        raise OpaqueError("there is nothing to reduce")
    x = call.x
    if op == "ReduceSum":
        # How many elements that are depends on the size of the image, which the examples do not settle.
        dims = (None if axis in reduced and axis >= 2 else dim for axis, dim in enumerate(call.extents))
        x = Tensor(x.name, tuple(dims), x.floating, x.constant)
    call.emit(op, [x], outputs=outputs, axes=reduced, keepdims=int(keep))


AVERAGES = ("AveragePool", "GlobalAveragePool")
MAXIMA = ("MaxPool", "GlobalMaxPool")

MODULES: dict[type[nn.Module], Reader] = {
    nn.AvgPool1d: _average(1),
    nn.AvgPool2d: _average(2),
    nn.AvgPool3d: _average(3),
    nn.MaxPool1d: _maximum(1),
    nn.MaxPool2d: _maximum(2),
    nn.MaxPool3d: _maximum(3),
    nn.AdaptiveAvgPool1d: _adaptive(1, *AVERAGES),
    nn.AdaptiveAvgPool2d: _adaptive(2, *AVERAGES),
    nn.AdaptiveAvgPool3d: _adaptive(3, *AVERAGES),
    nn.AdaptiveMaxPool1d: _adaptive(1, *MAXIMA),
    nn.AdaptiveMaxPool2d: _adaptive(2, *MAXIMA),
    nn.AdaptiveMaxPool3d: _adaptive(3, *MAXIMA),
}
FUNCTIONS: dict[Callable[..., object], Reader] = {
    F.avg_pool1d: _average(1),
    F.avg_pool2d: _average(2),
    F.avg_pool3d: _average(3),
    **dict.fromkeys((F.max_pool1d, torch.max_pool1d), _maximum(1)),
    **dict.fromkeys((F.max_pool2d, torch.max_pool2d), _maximum(2)),
    **dict.fromkeys((F.max_pool3d, torch.max_pool3d), _maximum(3)),
    **dict.fromkeys((F.adaptive_avg_pool1d, torch.adaptive_avg_pool1d), _adaptive(1, *AVERAGES)),
    F.adaptive_avg_pool2d: _adaptive(2, *AVERAGES),
    F.adaptive_avg_pool3d: _adaptive(3, *AVERAGES),
    F.adaptive_max_pool1d: _adaptive(1, *MAXIMA),
    F.adaptive_max_pool2d: _adaptive(2, *MAXIMA),
    F.adaptive_max_pool3d: _adaptive(3, *MAXIMA),
    torch.mean: _reduction("ReduceMean"),
    torch.sum: _reduction("ReduceSum"),
    torch.amax: _reduction("ReduceMax"),
    torch.amin: _reduction("ReduceMin"),
    torch.max: _extremum("ReduceMax"),
    torch.min: _extremum("ReduceMin"),
}
METHODS: dict[str, Reader] = {
    "mean": _reduction("ReduceMean"),
    "sum": _reduction("ReduceSum"),
    "amax": _reduction("ReduceMax"),
    "amin": _reduction("ReduceMin"),
    "max": _extremum("ReduceMax"),
    "min": _extremum("ReduceMin"),
}
