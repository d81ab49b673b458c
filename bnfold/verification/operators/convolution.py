"""Exact Conv and ConvTranspose.

`onnx.reference` gathers the whole batch's columns at once (its memory grows without bound) and writes only
one channel per group of a grouped ConvTranspose.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from onnx.reference.op_run import OpRun

from bnfold.verification.operators.windows import Array, place

_COLUMN_BYTES = 32 << 20


class Conv(OpRun):
    """y[n, m, o] = b[m] + sum over c, k of W[m, c, k] * x[n, g*C/G + c, o*stride + k*dilation - head]."""

    def _run(
        self,
        x: Array,
        w: Array,
        b: Array | None = None,
        auto_pad: str | None = None,
        dilations: list[int] | None = None,
        group: int = 1,
        kernel_shape: list[int] | None = None,
        pads: list[int] | None = None,
        strides: list[int] | None = None,
    ) -> tuple[Array]:
        at = place(x.shape[2:], w.shape[2:], strides, dilations, pads, auto_pad)
        rank, filters, depth = len(at.outs), w.shape[0], w[0].size
        spread = at.spread(x, 0.0)
        axes = tuple(range(2, 2 + rank))
        view = sliding_window_view(spread, at.effective, axis=axes)
        steps = tuple(slice(None, None, s) for s in (*at.strides, *at.dilations))
        view = view[(slice(None), slice(None), *steps)]
        view = view.reshape(x.shape[0], group, w.shape[1], *at.outs, *at.kernel) if group > 1 else view[:, None]
        # (N, G, C/G, *outs, *kernel) -> (N, G, C/G, *kernel, *outs)
        view = np.moveaxis(view, range(3, 3 + rank), range(3 + rank, 3 + 2 * rank))
        matrix = w.reshape(group, filters // group, depth)
        y = np.empty((x.shape[0], filters, *at.outs))
        row_bytes = 8 * group * depth * int(np.prod(at.outs[1:]))
        rows = max(1, _COLUMN_BYTES // max(1, row_bytes))
        for image, columns in zip(y, view, strict=True):
            for start in range(0, at.outs[0], rows):
                chunk = columns[(Ellipsis, slice(start, start + rows), *(slice(None),) * (rank - 1))]
                part = matrix @ chunk.reshape(group, depth, -1)
                image[:, start : start + rows] = part.reshape(filters, -1, *at.outs[1:])
        if b is not None:
            y += b.reshape(-1, *(1,) * rank)
        return (y,)


class ConvTranspose(OpRun):
    """The transpose of Conv, cropped by the pads and extended by output_padding; W is (C, M/G, *k)."""

    def _run(
        self,
        x: Array,
        w: Array,
        b: Array | None = None,
        auto_pad: str | None = None,
        dilations: list[int] | None = None,
        group: int = 1,
        kernel_shape: list[int] | None = None,
        output_padding: list[int] | None = None,
        output_shape: list[int] | None = None,
        pads: list[int] | None = None,
        strides: list[int] | None = None,
    ) -> tuple[Array]:
        images, channels, *sizes = x.shape
        rank, kernel = len(sizes), w.shape[2:]
        strides, dilations = strides or [1] * rank, dilations or [1] * rank
        extra = output_padding or [0] * rank
        full = [(n - 1) * s + d * (k - 1) + 1 for n, s, d, k in zip(sizes, strides, dilations, kernel, strict=True)]
        heads, outs = _crop(sizes, full, extra, strides, pads, output_shape, auto_pad)
        filters = w.shape[1] * group
        # (G, M/G * K, C/G) times (G, C/G, L)
        matrix = w.reshape(group, channels // group, -1).transpose(0, 2, 1)
        at = place(full, kernel, strides, dilations, None, None)
        y = np.empty((images, filters, *outs))
        for image, pixels in zip(y, x, strict=True):
            columns = (matrix @ pixels.reshape(group, channels // group, -1)).reshape(filters, *kernel, *sizes)
            canvas = np.zeros((filters, *(max(f, h + o) for f, h, o in zip(full, heads, outs, strict=True))))
            for tap, where in at.taps():
                canvas[(slice(None), *where)] += columns[(slice(None), *tap)]
            image[...] = canvas[(slice(None), *(slice(h, h + o) for h, o in zip(heads, outs, strict=True)))]
        if b is not None:
            y += b.reshape(-1, *(1,) * rank)
        return (y,)


def _crop(
    sizes: list[int],
    full: list[int],
    extra: list[int],
    strides: list[int],
    pads: list[int] | None,
    output_shape: list[int] | None,
    auto_pad: str | None,
) -> tuple[list[int], list[int]]:
    """First kept cell and output size per axis; a given output size makes the pads."""
    rank = len(sizes)
    same = auto_pad in ("SAME_UPPER", "SAME_LOWER")
    if output_shape is None and not same:
        pads = [0] * 2 * rank if pads is None or auto_pad == "VALID" else pads
        outs = [full[i] + extra[i] - pads[i] - pads[rank + i] for i in range(rank)]
        return pads[:rank], outs
    outs = list(output_shape[-rank:]) if output_shape else [n * s for n, s in zip(sizes, strides, strict=True)]
    totals = [max(0, f + e - o) for f, e, o in zip(full, extra, outs, strict=True)]
    return [t // 2 if auto_pad == "SAME_UPPER" else t - t // 2 for t in totals], outs
