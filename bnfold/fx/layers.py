"""Convolutions, matrix products and batch normalizations, as modules and as functions."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import fx, nn

from bnfold.fx.call import Call, Slot, Value, constant
from bnfold.network import Dim, OpaqueError, Tensor

PAD_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""torch's names of padding modes, and ONNX's."""

OWN = {1: Slot("weight"), 2: Slot("bias"), 3: Slot("running_mean"), 4: Slot("running_var")}
"""Where modules keep what ONNX has at these inputs."""


def conv_module(call: Call) -> None:
    """nn.Conv1d, 2d, 3d with any padding mode."""
    mode = call.setting("padding_mode")
    conv(call, call.parameter("weight"), call.parameter("bias"), OWN, _settings(call), mode)


def conv_function(call: Call) -> None:
    """F.conv1d, 2d, 3d."""
    names = ("stride", "padding", "dilation", "groups")
    settings = {name: call.static(i, name, int(name != "padding")) for i, name in enumerate(names, 3)}
    slots = {1: Slot("weight", 1), 2: Slot("bias", 2)}
    conv(call, call.tensor(1, "weight"), call.tensor(2, "bias"), slots, settings, "zeros")


def _settings(call: Call) -> dict[str, Any]:
    return {name: call.setting(name) for name in ("stride", "padding", "dilation", "groups")}


def conv(
    call: Call,
    weight: Tensor | None,
    bias: Tensor | None,
    slots: Mapping[int, Slot],
    settings: Mapping[str, Any],
    mode: str,
) -> None:
    """A convolution with stride, padding, dilation and groups, and a padding mode that may need a Pad before it."""
    kernel = _kernel(call, weight)
    dilations = each(settings["dilation"], len(kernel))
    begins, ends = _pads(settings["padding"], kernel, dilations)
    x = call.x
    if mode != "zeros":
        spatial = zip(call.extents[2:], begins, ends, strict=True)
        grown: list[Dim] = [dim + a + b if isinstance(dim, int) else None for dim, a, b in spatial]
        padded = call.helper("padded", [*call.extents[:2], *grown])
        call.emit("Pad", [x], outputs=[padded], mode=PAD_MODES[mode], pads=[0, 0, *begins, 0, 0, *ends])
        x, begins, ends = padded, [0] * len(kernel), [0] * len(kernel)
    call.emit(
        "Conv",
        [x, weight, bias],
        slots=slots,
        strides=each(settings["stride"], len(kernel)),
        pads=[*begins, *ends],
        dilations=dilations,
        group=settings["groups"],
    )


def _kernel(call: Call, weight: Tensor | None) -> list[int]:
    if weight is None or weight.constant is None or weight.shape is None or len(weight.shape) != call.rank():
        raise OpaqueError("the weight is computed, or the input has no batch axis")
    return [int(extent) for extent in weight.constant.shape[2:]]


def _pads(padding: Any, kernel: Sequence[int], dilations: Sequence[int]) -> tuple[list[int], list[int]]:
    if padding == "valid":
        padding = 0
    if padding == "same":
        totals = [dilation * (extent - 1) for dilation, extent in zip(dilations, kernel, strict=True)]
        begins = [total // 2 for total in totals]
        return begins, [total - begin for total, begin in zip(totals, begins, strict=True)]
    pads = each(padding, len(kernel))
    return pads, pads


def each(value: Any, count: int) -> list[int]:
    """One integer per spatial axis, given as one for all or one for each."""
    values = list(value) if isinstance(value, tuple | list) else [value]
    return [int(v) for v in (values * count if len(values) == 1 else values)]


def conv_transpose_module(call: Call) -> None:
    """nn.ConvTranspose1d, 2d, 3d."""
    conv_transpose(call, call.parameter("weight"), call.parameter("bias"), OWN, _settings(call))


def conv_transpose_function(call: Call) -> None:
    """F.conv_transpose1d, 2d, 3d."""
    places = {"stride": 3, "padding": 4, "groups": 6, "dilation": 7}
    settings = {name: call.static(i, name, int(name != "padding")) for name, i in places.items()}
    slots = {1: Slot("weight", 1), 2: Slot("bias", 2)}
    conv_transpose(call, call.tensor(1, "weight"), call.tensor(2, "bias"), slots, settings)


def conv_transpose(
    call: Call, weight: Tensor | None, bias: Tensor | None, slots: Mapping[int, Slot], settings: Mapping[str, Any]
) -> None:
    """A transposed convolution; the shape of its result tells the output padding."""
    kernel = _kernel(call, weight)
    count = len(kernel)
    strides, dilations = each(settings["stride"], count), each(settings["dilation"], count)
    pads = each(settings["padding"], count)
    call.emit(
        "ConvTranspose",
        [call.x, weight, bias],
        slots=slots,
        strides=strides,
        pads=pads * 2,
        output_padding=_beyond(call, kernel, strides, pads, dilations),
        dilations=dilations,
        group=settings["groups"],
    )


def _beyond(
    call: Call, kernel: Sequence[int], strides: Sequence[int], pads: Sequence[int], dilations: Sequence[int]
) -> list[int]:
    """How much longer than the kernel reaches the result is: that can also be asked for by its size."""
    extents = zip(call.extents[2:], call.shape()[2:], kernel, strides, pads, dilations, strict=True)
    more = []
    for source, target, width, stride, pad, dilation in extents:
        if not isinstance(source, int) or not isinstance(target, int):
            raise OpaqueError("the extent of the image is not known")
        more.append(target - ((source - 1) * stride - 2 * pad + dilation * (width - 1) + 1))
    return more


def linear_module(call: Call) -> None:
    """nn.Linear."""
    _linear(call, call.parameter("weight"), call.parameter("bias"), OWN)


def linear_function(call: Call) -> None:
    """F.linear."""
    _linear(call, call.tensor(1, "weight"), call.tensor(2, "bias"), {1: Slot("weight", 1), 2: Slot("bias", 2)})


def _linear(call: Call, weight: Tensor | None, bias: Tensor | None, slots: Mapping[int, Slot]) -> None:
    value = None if weight is None else weight.value()
    if weight is None or value is None or value.ndim != 2:
        raise OpaqueError("the weight is no constant matrix")
    if call.rank() == 2:
        call.emit("Gemm", [call.x, weight, bias], slots=slots, transB=1)
        return
    matrix = Tensor(f"{weight.name}.T", value.T.shape, True, Value(value.T))
    turned = {**slots, 1: replace(slots[1], transposed=True)}
    call.emit("MatMul", [call.x, matrix, bias], slots=turned)


def addmm(call: Call) -> None:
    """torch.addmm with a constant matrix and a constant row: a Gemm."""
    bias, weight = call.known(0, "input"), call.known(2, "mat2")
    if any(call.node.kwargs.get(name, 1) != 1 for name in ("alpha", "beta")) or len(bias.shape or ()) != 1:
        raise OpaqueError("it is scaled")
    call.emit("Gemm", [call.known(1, "mat1"), weight, bias], slots={1: Slot("mat2", 2), 2: Slot("input", 0)})


def matmul(call: Call) -> None:
    """A product x @ W with a constant matrix; the constant row that alone reads and shifts the product is its bias."""
    weight = call.known(1, "mat2" if call.node.target is torch.mm else "other")
    if weight.constant is None or len(weight.constant.shape) != 2 or call.x.constant is not None:
        raise OpaqueError("it is no constant matrix on the right")
    slots = {1: Slot("mat2" if call.node.target is torch.mm else "other", 1)}
    behind = _bias_behind(call, int(weight.constant.shape[1]))
    if behind is None:
        call.emit("MatMul", [call.x, weight], slots=slots)
        return
    add, slot, bias = behind
    call.lift.skipped.add(add)
    call.lift.add(call, "MatMul", [call.x, weight, bias], slots, None, {}, result=add, bias=slot)


def _bias_behind(call: Call, columns: int) -> tuple[fx.Node, Slot, Tensor] | None:
    users = list(call.node.users)
    if len(users) != 1 or users[0].target not in (operator.add, torch.add, "add") or users[0].kwargs:
        return None
    (add,) = users
    if len(add.args) != 2 or not all(isinstance(argument, fx.Node) for argument in add.args):
        return None
    position = 1 if add.args[0] is call.node else 0
    bias = call.lift.tensor(add.args[position])
    shape = [] if bias.constant is None else list(bias.constant.shape)
    fits = shape == [1] * (len(shape) - 1) + [columns] and len(shape) <= call.rank()
    same = call.lift.seen.values[add] == call.lift.seen.values[call.node]
    return (add, Slot("other" if position else "input", position), bias) if fits and same else None


def batch_norm_module(call: Call) -> None:
    """nn.BatchNorm1d, 2d, 3d and nn.SyncBatchNorm."""
    parameters = [call.parameter(OWN[index].name) for index in (1, 2, 3, 4)]
    training = bool(call.setting("training")) or parameters[2] is None
    _batch_norm(call, parameters, OWN, float(call.setting("eps")), training=training)


def instance_norm_module(count: int) -> Callable[[Call], None]:
    """nn.InstanceNorm1d, 2d, 3d: with running statistics, in eval mode, what a batch normalization does."""

    def read(call: Call) -> None:
        if call.setting("running_mean") is None or call.rank() != count + 2:
            raise OpaqueError("it normalizes by the statistics of each sample, or the input has no batch axis")
        batch_norm_module(call)

    return read


def instance_norm_function(call: Call) -> None:
    """F.instance_norm with statistics of its own."""
    if call.static(5, "use_input_stats", True) or call.raw(1, "running_mean") is None:
        raise OpaqueError("it normalizes by the statistics of each sample")
    slots = {1: Slot("weight", 3), 2: Slot("bias", 4), 3: Slot("running_mean", 1), 4: Slot("running_var", 2)}
    parameters = [call.tensor(slots[index].position, slots[index].name) for index in (1, 2, 3, 4)]
    _batch_norm(call, parameters, slots, float(call.static(7, "eps", 1e-5)), training=False)


def batch_norm_function(call: Call) -> None:
    """F.batch_norm, and torch.batch_norm, which orders its arguments differently."""
    if call.node.target is F.batch_norm:
        slots = {1: Slot("weight", 3), 2: Slot("bias", 4), 3: Slot("running_mean", 1), 4: Slot("running_var", 2)}
    else:
        slots = {index: Slot(slot.name, index) for index, slot in OWN.items()}
    parameters = [call.tensor(slots[index].position, slots[index].name) for index in (1, 2, 3, 4)]
    training = bool(call.static(5, "training", False))
    _batch_norm(call, parameters, slots, float(call.static(7, "eps", 1e-5)), training=training)


def _batch_norm(
    call: Call, parameters: Sequence[Tensor | None], slots: Mapping[int, Slot], epsilon: float, *, training: bool
) -> None:
    if call.rank() < 2 or not isinstance(call.extents[1], int):
        raise OpaqueError("the number of channels is not known")
    channels = call.extents[1]
    defaults = (1.0, 0.0, 0.0, 1.0)
    inputs = [
        constant(f"{call.node.name}.{slots[index].name}", np.full(channels, default)) if tensor is None else tensor
        for index, (tensor, default) in enumerate(zip(parameters, defaults, strict=True), 1)
    ]
    call.emit(
        "BatchNormalization",
        [call.x, *inputs],
        slots=slots,
        epsilon=epsilon,
        training_mode=int(training),
    )


Reader = Callable[[Call], None]

MODULES: dict[type[nn.Module], Reader] = {
    **dict.fromkeys((nn.Conv1d, nn.Conv2d, nn.Conv3d), conv_module),
    **dict.fromkeys((nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d), conv_transpose_module),
    nn.Linear: linear_module,
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm), batch_norm_module),
    nn.InstanceNorm1d: instance_norm_module(1),
    nn.InstanceNorm2d: instance_norm_module(2),
    nn.InstanceNorm3d: instance_norm_module(3),
}
FUNCTIONS: dict[Callable[..., object], Reader] = {
    **dict.fromkeys((F.conv1d, F.conv2d, F.conv3d), conv_function),
    **dict.fromkeys((F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d), conv_transpose_function),
    F.linear: linear_function,
    torch.addmm: addmm,
    **dict.fromkeys((torch.matmul, torch.mm, operator.matmul), matmul),
    **dict.fromkeys((F.batch_norm, torch.batch_norm), batch_norm_function),
    F.instance_norm: instance_norm_function,
}
METHODS: dict[str, Reader] = {"matmul": matmul, "mm": matmul, "addmm": addmm}
