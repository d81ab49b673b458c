"""The calls of exported programs: ATen operators take their arguments in the order of the functions they are behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from bnfold.fx import elementwise, layers, normalizing, pooling, shaping, slicing, windows
from bnfold.fx.call import Call, Slot

Reader = Callable[[Call], None]


def convolution(call: Call) -> None:
    """aten._convolution and aten.convolution, which traces make of all convolutions."""
    places = {"stride": 3, "padding": 4, "dilation": 5, "groups": 8}
    settings = {name: call.static(i, name) for name, i in places.items()}
    slots = {1: Slot("weight", 1), 2: Slot("bias", 2)}
    weight, bias = call.tensor(1, "weight"), call.tensor(2, "bias")
    if call.static(6, "transposed"):
        layers.conv_transpose(call, weight, bias, slots, settings)
    else:
        layers.conv(call, weight, bias, slots, settings, "zeros")


def slice_(call: Call) -> None:
    """aten.slice: one axis, from start to end."""
    slicing.cut(
        call, call.static(1, "dim", 0), call.static(2, "start"), call.static(3, "end"), call.static(4, "step", 1)
    )


_BY_FUNCTION = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), layers.conv_function),
    **dict.fromkeys(("_convolution", "convolution"), convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), layers.conv_transpose_function),
    "linear": layers.linear_function,
    "addmm": layers.addmm,
    **dict.fromkeys(("matmul", "mm"), layers.matmul),
    "batch_norm": layers.batch_norm_function,
    "layer_norm": normalizing.layer_norm_function,
    "dropout": elementwise.dropout,
    "relu6": elementwise.relu6,
    "hardtanh": elementwise.hardtanh,
    "leaky_relu": elementwise.leaky_relu,
    "silu": elementwise.silu,
    "gelu": elementwise.gelu,
    "hardsigmoid": elementwise.HARD_SIGMOID,
    "hardswish": elementwise.HARD_SWISH,
    "mish": elementwise.MISH,
    "elu": elementwise.ELU,
    "clamp": elementwise.clamp,
    "flatten": shaping.reshape,
    "view": shaping.reshape,
    "cat": shaping.concat,
    "chunk": shaping.split,
    "slice": slice_,
    "pad": windows.pad,
    "split_with_sizes": shaping.split,
    "unbind": shaping.unbind,
    **{
        name: pooling.FUNCTIONS[getattr(torch.nn.functional, name)]
        for name in ("avg_pool1d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool1d", "adaptive_avg_pool2d")
    },
    **{name: pooling.FUNCTIONS[getattr(torch, name)] for name in ("max_pool1d", "max_pool2d", "max_pool3d")},
    "mean": pooling.METHODS["mean"],
}
_LIKE_METHODS = (
    *("add", "sub", "mul", "div", "neg", "abs", "relu", "sigmoid", "tanh", "softmax"),
    *("reshape", "unflatten", "squeeze", "unsqueeze", "permute", "transpose", "expand", "split", "select"),
    *("contiguous", "clone", "detach"),
)


def _readers() -> Iterator[tuple[str, Reader]]:
    methods = {**elementwise.METHODS, **shaping.METHODS, **slicing.METHODS}
    for name in _LIKE_METHODS:
        yield name, methods[name]
    yield from _BY_FUNCTION.items()


READERS = dict(_readers())


def reader(target: object) -> Reader | None:
    """How a call of this operator is read; None if it is not known. `without_writes` has made it pure."""
    if not isinstance(target, torch._ops.OpOverload) or target.namespace != "aten":
        return None
    return READERS.get(target._opname)
