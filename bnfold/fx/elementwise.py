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
    given: dict[str, Any] = {name: np.asarray(float(value)) for name, value in limits if value is not None}
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


def _plain(op: str, **attributes: Any) -> Reader:
    """Functions of one element, which no rule lets units through."""

    def read(call: Call) -> None:
        call.emit(op, [call.x], **attributes)

    return read


def silu(call: Call) -> None:
    """X * sigmoid(x)."""
    gate = call.helper("gate", call.extents)
    call.emit("Sigmoid", [call.x], outputs=[gate])
    call.emit("Mul", [call.x, gate])


def _alpha(op: str) -> tuple[Reader, Reader]:
    """ELU or CELU, as a module and as a function."""

    def module(call: Call) -> None:
        call.emit(op, [call.x], alpha=float(call.setting("alpha")))

    def function(call: Call) -> None:
        scales = (call.static(2, "scale", 1), call.static(3, "input_scale", 1)) if op == "Elu" else (1, 1)
        if scales not in ((1, 1), (False, False)):
            raise OpaqueError("it is scaled")
        call.emit(op, [call.x], alpha=float(call.static(1, "alpha", 1.0)))

    return module, function


def gelu(call: Call) -> None:
    """F.gelu, exact or by tanh."""
    call.emit("Gelu", [call.x], approximate=call.static(1, "approximate", "none"))


def gelu_module(call: Call) -> None:
    """nn.GELU."""
    call.emit("Gelu", [call.x], approximate=call.setting("approximate"))


def softplus(call: Call) -> None:
    """Softplus with its defaults; beyond the threshold 20 torch's is off by 2e-9."""
    if (call.static(1, "beta", 1), call.static(2, "threshold", 20)) != (1, 20):
        raise OpaqueError("it has another beta or threshold")
    call.emit("Softplus", [call.x])


def softplus_module(call: Call) -> None:
    """nn.Softplus."""
    if (call.setting("beta"), call.setting("threshold")) != (1, 20):
        raise OpaqueError("it has another beta or threshold")
    call.emit("Softplus", [call.x])


def _softmax(op: str) -> tuple[Reader, Reader]:
    def emit(call: Call, axis: int | None) -> None:
        if axis is None or not call.keeps_type():
            raise OpaqueError("the axis is not said, or the dtype changes")
        call.emit(op, [call.x], axis=axis % call.rank())

    def module(call: Call) -> None:
        emit(call, call.setting("dim"))

    def function(call: Call) -> None:
        emit(call, call.static(1, "dim", None))

    return module, function


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


def stochastic_depth(call: Call) -> None:
    """Torchvision's stochastic depth."""
    if call.static(3, "training", True):
        raise OpaqueError("it drops samples")
    identity(call)


def dropout_module(call: Call) -> None:
    """nn.Dropout and its relatives."""
    if call.setting("training"):
        raise OpaqueError("it drops elements")
    identity(call)


SIGMOID, TANH = _plain("Sigmoid"), _plain("Tanh")
HARD_SIGMOID, HARD_SWISH, MISH = _plain("HardSigmoid", alpha=1 / 6, beta=0.5), _plain("HardSwish"), _plain("Mish")
(ELU_MODULE, ELU), (CELU_MODULE, CELU) = _alpha("Elu"), _alpha("Celu")
(SOFTMAX_MODULE, SOFTMAX), (LOG_SOFTMAX_MODULE, LOG_SOFTMAX) = _softmax("Softmax"), _softmax("LogSoftmax")

MODULES: dict[type[nn.Module], Reader] = {
    nn.Sigmoid: SIGMOID,
    nn.Tanh: TANH,
    nn.SiLU: silu,
    nn.Hardsigmoid: HARD_SIGMOID,
    nn.Hardswish: HARD_SWISH,
    nn.Mish: MISH,
    nn.GELU: gelu_module,
    nn.ELU: ELU_MODULE,
    nn.CELU: CELU_MODULE,
    nn.SELU: _plain("Selu"),
    nn.Softplus: softplus_module,
    nn.Softmax: SOFTMAX_MODULE,
    nn.LogSoftmax: LOG_SOFTMAX_MODULE,
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
    **dict.fromkeys((torch.sigmoid, F.sigmoid), SIGMOID),
    **dict.fromkeys((torch.tanh, F.tanh), TANH),
    F.silu: silu,
    F.hardsigmoid: HARD_SIGMOID,
    F.hardswish: HARD_SWISH,
    F.mish: MISH,
    F.gelu: gelu,
    F.elu: ELU,
    F.celu: CELU,
    **dict.fromkeys((F.selu, torch.selu), _plain("Selu")),
    F.softplus: softplus,
    **dict.fromkeys((torch.softmax, F.softmax), SOFTMAX),
    **dict.fromkeys((torch.log_softmax, F.log_softmax), LOG_SOFTMAX),
    torch.exp: _plain("Exp"),
    torch.log: _plain("Log"),
    torch.sqrt: _plain("Sqrt"),
    **dict.fromkeys((torch.clone, torch.detach), identity),
    **dict.fromkeys(
        (F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout), dropout
    ),
}
FOREIGN: dict[str, Reader] = {"torchvision.ops.stochastic_depth.stochastic_depth": stochastic_depth}
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
    "sigmoid": SIGMOID,
    "tanh": TANH,
    "softmax": SOFTMAX,
    "log_softmax": LOG_SOFTMAX,
    "exp": _plain("Exp"),
    "log": _plain("Log"),
    "sqrt": _plain("Sqrt"),
    **dict.fromkeys(("contiguous", "clone", "detach"), identity),
    **dict.fromkeys(("to", "type", "type_as", "float", "double", "half", "bfloat16", "cpu", "cuda"), same_type),
}
