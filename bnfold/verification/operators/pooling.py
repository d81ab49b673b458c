"""Exact AveragePool and MaxPool, by whole-array operations instead of a Python loop per window."""

from typing import Any

import numpy as np
from onnx.reference.op_run import OpRun
from onnx.reference.ops.op_max_pool import MaxPool as IndexedMaxPool

from bnfold.verification.operators.windows import Array, Windows, place

_indexed_run: Any = IndexedMaxPool._run


class AveragePool(OpRun):
    """Mean of each window: over the cells of the tensor, or with count_include_pad over the padded cells too.

    Cells that only ceil_mode adds beyond the tail padding never count.
    """

    def _run(
        self,
        x: Array,
        auto_pad: str | None = None,
        ceil_mode: int = 0,
        count_include_pad: int = 0,
        dilations: list[int] | None = None,
        kernel_shape: list[int] | None = None,
        pads: list[int] | None = None,
        strides: list[int] | None = None,
    ) -> tuple[Array]:
        at = place(x.shape[2:], kernel_shape or (), strides, dilations, pads, auto_pad, ceil_mode)
        spread = at.spread(x, 0.0)
        total = np.zeros((*x.shape[:2], *at.outs))
        for _, where in at.taps():
            total += spread[(slice(None), slice(None), *where)]
        for axis in range(len(at.outs)):
            counts = _cells(at, axis, bool(count_include_pad))
            total /= counts.reshape(-1, *(1,) * (len(at.outs) - 1 - axis))
        return (total,)


def _cells(at: Windows, axis: int, padding_counts: bool) -> Array:
    """How many cells of each window along `axis` count: (outs[axis],)."""
    starts = np.arange(at.outs[axis]) * at.strides[axis] - at.heads[axis]
    cells = starts[:, None] + np.arange(at.kernel[axis]) * at.dilations[axis]
    low = -at.heads[axis] if padding_counts else 0
    high = at.sizes[axis] + (at.tails[axis] if padding_counts else 0)
    counts: Array = ((cells >= low) & (cells < high)).sum(1)
    return counts


class MaxPool(IndexedMaxPool):
    """Largest cell of each window; with the second output (indices) the slow loop of `onnx.reference`."""

    def _run(  # type: ignore[override]
        self,
        x: Array,
        auto_pad: str | None = None,
        ceil_mode: int = 0,
        dilations: list[int] | None = None,
        kernel_shape: list[int] | None = None,
        pads: list[int] | None = None,
        storage_order: int = 0,
        strides: list[int] | None = None,
    ) -> tuple[Array, ...]:
        if len(self.output) > 1:
            both: tuple[Array, ...] = _indexed_run(
                self, x, auto_pad, ceil_mode, dilations, kernel_shape, pads, storage_order, strides
            )
            return both
        at = place(x.shape[2:], kernel_shape or (), strides, dilations, pads, auto_pad, ceil_mode)
        lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        spread = at.spread(x, lowest)
        best = np.full((*x.shape[:2], *at.outs), lowest, x.dtype)
        for _, where in at.taps():
            np.maximum(best, spread[(slice(None), slice(None), *where)], out=best)
        return (best,)


class GlobalMaxPool(OpRun):
    """The largest value of each channel, over all axes behind it; theirs reduces the last two, whatever the rank."""

    def _run(self, x: Array) -> tuple[Array]:
        return (x.max(axis=tuple(range(2, x.ndim)), keepdims=True),)
