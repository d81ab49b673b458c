"""Calls that pick elements: indexing with integers, slices and constants."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch

from bnfold.fx.call import Call
from bnfold.network import OpaqueError, Tensor

Reader = Callable[[Call], None]
END = 1 << 31
"""Past the end of any axis."""


def getitem(call: Call) -> None:
    """x[...] with integers, slices, None and an ellipsis: a Slice, and a Reshape where axes come or go."""
    given: Any = call.node.args[1]
    items: list[Any] = list(given) if isinstance(given, tuple) else [given]
    items = [call.resolved(item) for item in items]
    if not all(item is None or item is Ellipsis or type(item) in (int, slice) for item in items):
        raise OpaqueError("it picks by a tensor")
    axes = call.rank() - sum(type(item) in (int, slice) for item in items)
    if Ellipsis in items:
        at = items.index(Ellipsis)
        items[at : at + 1] = [slice(None)] * axes
    picks = [item for item in items if item is not None]
    bounds = {axis: _bounds(item) for axis, item in enumerate(picks) if item != slice(None)}
    _slice(call, bounds, reshapes=any(type(item) is not slice for item in items))


def _bounds(item: int | slice) -> tuple[int, int, int]:
    if isinstance(item, int):
        return item, END if item == -1 else item + 1, 1
    start = 0 if item.start is None else item.start
    return start, END if item.stop is None else item.stop, 1 if item.step is None else item.step


def select(call: Call) -> None:
    """x.select(dim, index)."""
    axis = call.static(1, "dim") % call.rank()
    _slice(call, {axis: _bounds(int(call.static(2, "index")))}, reshapes=True)


def narrow(call: Call) -> None:
    """x.narrow(dim, start, length)."""
    axis, start = call.static(1, "dim") % call.rank(), call.static(2, "start")
    length = call.static(3, "length")
    stop = start + length
    _slice(call, {axis: (start, END if start < 0 and stop >= 0 else stop, 1)}, reshapes=False)


def cut(call: Call, axis: int, start: int | None, stop: int | None, step: int) -> None:
    """A slice of one axis."""
    _slice(call, {axis % call.rank(): _bounds(slice(start, stop, step))}, reshapes=False)


def flip(call: Call) -> None:
    """Reversal of axes."""
    axes = {axis % call.rank(): (-1, -END, -1) for axis in call.rest(1, "dims")}
    _slice(call, axes, reshapes=False)


def index_select(call: Call) -> None:
    """x.index_select(dim, index) with constant indices."""
    axis = call.static(1, "dim") % call.rank()
    call.emit("Gather", [call.x, call.known(2, "index")], axis=axis)


def _slice(call: Call, bounds: dict[int, tuple[int, int, int]], *, reshapes: bool) -> None:
    def cut(x: Tensor, outputs: list[Tensor] | None) -> None:
        starts, ends, steps = ([bound[i] for bound in bounds.values()] for i in range(3))
        call.emit("Slice", [x], outputs=outputs, starts=starts, ends=ends, axes=list(bounds), steps=steps)

    if not reshapes:
        cut(call.x, None)
        return
    dims = [_cut(dim, bounds[axis]) if axis in bounds else dim for axis, dim in enumerate(call.extents)]
    piece = call.helper("slice", dims)
    cut(call.x, [piece])
    call.emit("Reshape", [piece])


def _cut(dim: Any, bound: tuple[int, int, int]) -> int | None:
    if isinstance(dim, int):
        return len(range(dim)[slice(*bound)])
    start, stop, step = bound
    return 1 if step == 1 and (stop - start == 1 or start == -1) else None


FUNCTIONS: dict[Callable[..., object], Reader] = {
    operator.getitem: getitem,
    torch.select: select,
    torch.narrow: narrow,
    torch.flip: flip,
    torch.index_select: index_select,
}
METHODS: dict[str, Reader] = {
    "select": select,
    "narrow": narrow,
    "flip": flip,
    "index_select": index_select,
}
