"""Exact BatchNormalization (inference) and LRN.

`onnx.reference` mixes batch statistics into a BatchNormalization of opset 9 to 13, and its LRN walks the
batch axis where it means the channels.
"""

import numpy as np
from onnx.reference.op_run import OpRun

from bnfold.errors import BnfoldError
from bnfold.verification.operators.windows import Array


class TrainingModeError(BnfoldError):
    """A node asks for statistics of the batch, so it has no fixed inference result."""


class BatchNormalization(OpRun):
    """y = scale * (x - mean) / sqrt(var + epsilon) + bias along axis 1, in every opset.

    Epsilon is used as stored, in float32. Opset 1 to 8 with spatial = 0 has one parameter per activation
    (C, *sizes). A rank-1 input has one channel.
    """

    def _run(self, x: Array, scale: Array, bias: Array, mean: Array, var: Array, **attributes: float) -> tuple[Array]:
        version = self.run_params["opsets"][""]
        outputs = sum(bool(name) for name in self.output)
        if version >= 14:
            training = bool(attributes.get("training_mode"))
        elif version >= 7:
            training = outputs > 1
        else:
            training = not attributes.get("is_test")
        if training or outputs > 1:
            raise TrainingModeError(f"BatchNormalization {self.onnx_node.name!r} is in training mode.")
        per_activation = version < 9 and attributes.get("spatial", 1) == 0
        tail = () if per_activation else (1,) * (x.ndim - 2)
        shape = (1, *scale.shape, *tail) if x.ndim > 1 else scale.shape
        scale, bias, mean, var = (p.reshape(shape) for p in (scale, bias, mean, var))
        y: Array = x - mean
        y *= scale / np.sqrt(var + np.float64(attributes["epsilon"]))
        y += bias
        return (y,)


class LRN(OpRun):
    """y = x / (bias + alpha / size * s)^beta, s the sum of squares over `size` neighbouring channels."""

    def _run(self, x: Array, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0, size: int = 1) -> tuple[Array]:
        before, after, channels = (size - 1) // 2, size // 2, x.shape[1]
        squares = np.cumsum(np.pad(x * x, [(0, 0), (1, 0), *[(0, 0)] * (x.ndim - 2)]), axis=1)
        index = np.arange(channels)
        high, low = np.minimum(index + after + 1, channels), np.maximum(index - before, 0)
        window = squares[:, high] - squares[:, low]
        y: Array = x / (np.float64(bias) + np.float64(alpha) / size * window) ** np.float64(beta)
        return (y,)
