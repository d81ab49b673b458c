"""Exact DequantizeLinear: `onnx.reference` takes integers to float32 first, which rounds those beyond 2^24."""

import numpy as np
from onnx.reference.op_run import OpRun

from bnfold.verification.operators.windows import Array


class DequantizeLinear(OpRun):
    """y = (x - zero_point) * scale, with one scale per tensor, per index of `axis`, or per block of `axis`."""

    def _run(
        self,
        x: Array,
        scale: Array,
        zero_point: Array | None = None,
        axis: int = 1,
        block_size: int = 0,
        **_: int | None,
    ) -> tuple[Array]:
        def placed(values: Array) -> Array:
            values = values.astype(np.float64)
            if block_size:
                return np.repeat(values, block_size, axis=axis).take(np.arange(x.shape[axis]), axis=axis)
            if values.size == 1:
                return values.reshape(())
            return values.reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])

        shifted = x.astype(np.float64) - (0 if zero_point is None else placed(zero_point))
        return (shifted * placed(scale),)
