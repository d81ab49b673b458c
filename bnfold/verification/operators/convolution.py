"""Exact Conv and ConvTranspose.

`onnx.reference` gathers the whole batch's columns at once (its memory grows without bound) and writes only
one channel per group of a grouped ConvTranspose.
"""

import math

import numpy as np
from onnx.reference.op_run import OpRun

from bnfold.verification.operators.windows import Array, Windows, place

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
        y = np.empty((x.shape[0], w.shape[0], *at.outs))
        spread = at.spread(x, 0.0)
        if w.shape[1] == 1 and w.shape[0] == group:
            _depthwise(spread, w, at, y)
        elif math.prod(at.kernel) == 1 and group == 1 and set(at.strides) <= {1} and spread.flags.c_contiguous:
            np.matmul(w.reshape(w.shape[:2]), spread.reshape(*x.shape[:2], -1), out=y.reshape(*y.shape[:2], -1))
        else:
            _by_columns(spread, w, at, group, y)
        if b is not None:
            y += b.reshape(-1, *(1,) * len(at.outs))
        return (y,)


def _depthwise(spread: Array, w: Array, at: Windows, y: Array) -> None:
    """One filter a channel, summed tap by tap."""
    y[...] = 0.0
    column = (-1, *(1,) * len(at.outs))
    for weights, (_, where) in zip(w.reshape(w.shape[0], -1).T, at.taps(), strict=True):
        y += weights.reshape(column) * spread[(slice(None), slice(None), *where)]


def _by_columns(spread: Array, w: Array, at: Windows, group: int, y: Array) -> None:
    """Matrix products with as many rows of output at a time as keep the columns small."""
    channels = spread.shape[1]
    matrix = w.reshape(group, w.shape[0] // group, -1)
    taps = [(slice(None), *where) for _, where in at.taps()]
    row_bytes = 8 * channels * math.prod(at.kernel) * math.prod(at.outs[1:])
    rows = max(1, _COLUMN_BYTES // max(1, row_bytes))
    for image, pixels in zip(y, spread, strict=True):
        for start in range(0, at.outs[0], rows):
            part = image[:, start : start + rows]
            columns = np.empty((channels, len(taps), *part.shape[1:]))
            for number, where in enumerate(taps):
                columns[:, number] = pixels[where][:, start : start + rows]
            found = matrix @ columns.reshape(group, -1, math.prod(part.shape[1:]))
            part[...] = found.reshape(part.shape)


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
