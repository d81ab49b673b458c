"""Cast without narrowing, Erf in float64, and Softmax with its two meanings."""

from math import erf
from typing import Any

import numpy as np
from onnx import TensorProto
from onnx.reference.op_run import OpRun
from onnx.reference.ops.op_cast import cast_to

from bnfold.verification.operators.windows import Array

_cast: Any = cast_to
_NARROW = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)
_erf = np.vectorize(erf, otypes=[np.float64])


class Cast(OpRun):
    """A cast to float16, bfloat16 or float32 becomes one to float64; any other is done as asked."""

    def _run(self, x: Array, to: int, saturate: int = 1, round_mode: str = "up") -> tuple[Array]:
        wide = TensorProto.DOUBLE if to in _NARROW else to
        return (_cast(x, wide, bool(saturate), round_mode),)


class Erf(OpRun):
    """The error function; `onnx.reference` rounds it to float32."""

    def _run(self, x: Array) -> tuple[Array]:
        return (np.asarray(_erf(x)) if x.size else x,)


class Softmax(OpRun):
    """exp(x) / sum(exp(x)) over one axis; before opset 13 over all axes from `axis` on (default 1)."""

    def _run(self, x: Array, axis: int = -1) -> tuple[Array]:
        e, total = _exponentials(self, x, axis)
        return (np.exp(e) / total,)


class LogSoftmax(OpRun):
    """log(Softmax(x)), with the same axes."""

    def _run(self, x: Array, axis: int = -1) -> tuple[Array]:
        e, total = _exponentials(self, x, axis)
        return (e - np.log(total),)


def _exponentials(node: OpRun, x: Array, axis: int) -> tuple[Array, Array]:
    """Return x - max and the sum of its exponentials over the node's axes, both broadcastable against x."""
    axes: tuple[int, ...] = (axis,)
    if node.run_params["opsets"][""] < 13:
        if all(attribute.name != "axis" for attribute in node.onnx_node.attribute):
            axis = 1
        axes = tuple(range(axis % x.ndim, x.ndim))
    if not x.size:
        return x, np.ones_like(x)
    shifted: Array = x - x.max(axis=axes, keepdims=True)
    return shifted, np.exp(shifted).sum(axis=axes, keepdims=True)
