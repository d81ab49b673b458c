"""Where a sliding window of Conv, AveragePool or MaxPool lies, by the ONNX operator specification.

effective = dilation * (kernel - 1) + 1
out       = floor or ceil((size + head + tail - effective) / stride) + 1
SAME_*    : out = ceil(size / stride), the smallest padding that gives it, the odd cell at the end (UPPER)
            or at the start (LOWER)
ceil_mode : a last window that would start in the tail padding or beyond is dropped
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Windows:
    """The windows along the spatial axes, one entry per axis."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    heads: tuple[int, ...]
    tails: tuple[int, ...]
    sizes: tuple[int, ...]
    outs: tuple[int, ...]

    @property
    def effective(self) -> tuple[int, ...]:
        """Extent of one window, dilation included."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilations, strict=True))

    def spread(self, x: Array, fill: float) -> Array:
        """Pad or crop `x` (N, C, *sizes) with `fill` so that exactly the windows fit: (N, C, *extents)."""
        extents = [(o - 1) * s + e for o, s, e in zip(self.outs, self.strides, self.effective, strict=True)]
        tails = [n - h - size for n, h, size in zip(extents, self.heads, self.sizes, strict=True)]
        crop = tuple(slice(0, size + min(t, 0)) for size, t in zip(self.sizes, tails, strict=True))
        x = x[(slice(None), slice(None), *crop)]
        if not any(self.heads) and all(t <= 0 for t in tails):
            return x
        widths = [(0, 0), (0, 0), *((h, max(t, 0)) for h, t in zip(self.heads, tails, strict=True))]
        return np.pad(x, widths, constant_values=fill)

    def taps(self) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
        """Each kernel position with the spatial slices of a spread tensor that it meets."""
        for tap in product(*map(range, self.kernel)):
            starts = [t * d for t, d in zip(tap, self.dilations, strict=True)]
            yield (
                tap,
                tuple(
                    slice(a, a + (o - 1) * s + 1, s) for a, o, s in zip(starts, self.outs, self.strides, strict=True)
                ),
            )


def place(
    sizes: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int] | None,
    dilations: Sequence[int] | None,
    pads: Sequence[int] | None,
    auto_pad: str | None,
    ceil_mode: int | None = 0,
) -> Windows:
    """Windows over spatial `sizes`; `pads` is (heads..., tails...), all as in the ONNX attributes.

    Raises:
        ValueError: a pad is negative or a window does not fit.
    """
    rank = len(sizes)
    strides, dilations = tuple(strides or (1,) * rank), tuple(dilations or (1,) * rank)
    pads = tuple(pads or (0,) * (2 * rank))
    effective = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    heads, tails, outs = list(pads[:rank]), list(pads[rank:]), []
    for i, size in enumerate(sizes):
        if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
            out = -(-size // strides[i])
            total = max(0, (out - 1) * strides[i] + effective[i] - size)
            heads[i] = total // 2 if auto_pad == "SAME_UPPER" else total - total // 2
            tails[i] = total - heads[i]
        else:
            if auto_pad == "VALID":
                heads[i] = tails[i] = 0
            room = size + heads[i] + tails[i] - effective[i]
            if room < 0 or heads[i] < 0 or tails[i] < 0:
                raise ValueError(f"a window of {effective[i]} does not fit a padded size of {room + effective[i]}")
            out = (-(-room // strides[i]) if ceil_mode else room // strides[i]) + 1
            if ceil_mode and (out - 1) * strides[i] >= size + heads[i]:
                out -= 1
        outs.append(out)
    return Windows(tuple(kernel), strides, dilations, tuple(heads), tuple(tails), tuple(sizes), tuple(outs))
