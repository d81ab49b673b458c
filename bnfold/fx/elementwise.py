"""Arithmetic with two operands, activations, and calls that change nothing in eval mode."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import fx, nn

from bnfold.fx.call import Call, Slot
from bnfold.fx.probe import Fact
from bnfold.network import OpaqueError

Reader = Callable[[Call], None]


def _binary(op: str) -> Reader:
    def read(call: Call) -> None:
        if call.node.kwargs.get("alpha", 1) != 1 or call.node.kwargs.get("rounding_mode") is not None:
            raise OpaqueError("it is scaled or rounded")
        operands = [call.known(0, "input"), call.known(1, "other")]
        result = call.lift.seen.values[call.node]
        for position, name in enumerate(("input", "other")):
            argument = call.raw(position, name)
            fact = call.lift.seen.values[argument] if isinstance(argument, fx.Node) else None
            promoted = isinstance(fact, Fact) and isinstance(result, Fact) and fact.dtype != result.dtype
            if promoted or not operands[position].floating:
                raise OpaqueError("it changes the dtype")
        slots = {i: Slot(name, i) for i, name in enumerate(("input", "other")) if operands[i].constant is not None}
        call.emit(op, operands, slots=slots)

    return read


def relu(call: Call) -> None:
    """Relu in any spelling."""
    call.emit("Relu", [call.x])


def negate(call: Call) -> None:
    """Negation."""
    call.emit("Neg", [call.x])


def absolute(call: Call) -> None:
    """Absolute value."""
    call.emit("Abs", [call.x])


def relu6(call: Call) -> None:
    """Relu6."""
    _clip(call, 0.0, 6.0)


def clamp(call: Call) -> None:
    """Clamp, clip; with min=0 alone it is a Relu."""
    _clip(call, call.static(1, "min"), call.static(2, "max"))


def hardtanh(call: Call) -> None:
    """F.hardtanh."""
    _clip(call, call.static(1, "min_val", -1.0), call.static(2, "max_val", 1.0))


def hardtanh_module(call: Call) -> None:
    """nn.Hardtanh."""
    _clip(call, call.setting("min_val"), call.setting("max_val"))


def _clip(call: Call, low: float | None, high: float | None) -> None:
    limits = (("min", low), ("max", high))
    given: dict[str, Any] = {name: np.asarray(value) for name, value in limits if value is not None}
    call.emit("Clip", [call.x], **given)


def leaky_relu(call: Call) -> None:
    """F.leaky_relu."""
    call.emit("LeakyRelu", [call.x], alpha=float(call.static(1, "negative_slope", 0.01)))


def leaky_relu_module(call: Call) -> None:
    """nn.LeakyReLU."""
    call.emit("LeakyRelu", [call.x], alpha=float(call.setting("negative_slope")))


def prelu(call: Call) -> None:
    """F.prelu."""
    call.emit("PRelu", [call.x, call.known(1, "weight")])


def prelu_module(call: Call) -> None:
    """nn.PReLU."""
    call.emit("PRelu", [call.x, call.parameter("weight")])


def identity(call: Call) -> None:
    """Calls that return their input."""
    call.emit("Identity", [call.x])


def same_type(call: Call) -> None:
    """Conversions, which change nothing if the input already has the type and device asked for."""
    if not call.keeps_type():
        raise OpaqueError("it converts")
    identity(call)


def dropout(call: Call) -> None:
    """F.dropout and its relatives, which train unless told otherwise."""
    default = call.node.target not in (F.alpha_dropout, F.feature_alpha_dropout)
    if call.static(2, "training", default):
        raise OpaqueError("it drops elements")
    identity(call)


def dropout_module(call: Call) -> None:
    """nn.Dropout and its relatives."""
    if call.setting("training"):
        raise OpaqueError("it drops elements")
    identity(call)


MODULES: dict[type[nn.Module], Reader] = {
    nn.ReLU: relu,
    nn.ReLU6: relu6,
    nn.Hardtanh: hardtanh_module,
    nn.LeakyReLU: leaky_relu_module,
    nn.PReLU: prelu_module,
    nn.Identity: identity,
    **dict.fromkeys(
        (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout),
        dropout_module,
    ),
}
FUNCTIONS: dict[Callable[..., object], Reader] = {
    **dict.fromkeys((operator.add, torch.add), _binary("Add")),
    **dict.fromkeys((operator.sub, torch.sub, torch.subtract), _binary("Sub")),
    **dict.fromkeys((operator.mul, torch.mul, torch.multiply), _binary("Mul")),
    **dict.fromkeys((operator.truediv, torch.div, torch.true_divide, torch.divide), _binary("Div")),
    **dict.fromkeys((F.relu, torch.relu), relu),
    **dict.fromkeys((operator.neg, torch.neg, torch.negative), negate),
    **dict.fromkeys((operator.abs, torch.abs, torch.absolute), absolute),
    torch.maximum: _binary("Max"),
    torch.minimum: _binary("Min"),
    F.relu6: relu6,
    **dict.fromkeys((torch.clamp, torch.clip, torch.clamp_min), clamp),
    F.hardtanh: hardtanh,
    F.leaky_relu: leaky_relu,
    **dict.fromkeys((F.prelu, torch.prelu), prelu),
    **dict.fromkeys((torch.clone, torch.detach), identity),
    **dict.fromkeys(
        (F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout), dropout
    ),
}
METHODS: dict[str, Reader] = {
    "add": _binary("Add"),
    "sub": _binary("Sub"),
    "subtract": _binary("Sub"),
    "mul": _binary("Mul"),
    "multiply": _binary("Mul"),
    "div": _binary("Div"),
    "divide": _binary("Div"),
    "true_divide": _binary("Div"),
    "relu": relu,
    **dict.fromkeys(("neg", "negative"), negate),
    **dict.fromkeys(("abs", "absolute"), absolute),
    "maximum": _binary("Max"),
    "minimum": _binary("Min"),
    "clamp": clamp,
    "clip": clamp,
    "clamp_min": clamp,
    "prelu": prelu,
    **dict.fromkeys(("contiguous", "clone", "detach"), identity),
    **dict.fromkeys(("to", "type", "type_as", "float", "double", "half", "bfloat16", "cpu", "cuda"), same_type),
}
