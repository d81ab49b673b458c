"""A Reshape in blocks: axes that it splits or joins, apart from those that it leaves alone."""

from __future__ import annotations

from collections.abc import Sequence

from bnfold.layout.view import Perm
from bnfold.network import Dim


def regrouped(x: Sequence[Dim] | None, y: Sequence[Dim] | None, perm: Perm) -> Perm | None:
    """The axes of `y` in the order in which a Reshape of the permuted tensor has to make them.

    With t = Transpose(t', perm) of shape `x` and u = Reshape(t) of shape `y`, u' = Reshape(t') has the axes of u in
    that order if every block of axes is still side by side in t'. None if one is not, or the blocks are not known.
    """
    blocks = None if x is None or y is None or len(x) != len(perm) else _blocks(x, y)
    if blocks is None:
        return None
    placed = sorted(([perm[axis] for axis in before], after) for before, after in blocks)
    if any(places != list(range(places[0], places[0] + len(places))) for places, _ in placed):
        return None
    return tuple(axis for _, after in placed for axis in after)


def _blocks(x: Sequence[Dim], y: Sequence[Dim]) -> list[tuple[list[int], list[int]]] | None:
    """Shortest runs of axes of equal size on both sides, from the front; one unknown extent is like its counterpart."""
    blocks: list[tuple[list[int], list[int]]] = []
    i = j = guessed = 0
    while i < len(x) and j < len(y):
        before, after = [i], [j]
        m, n = x[i], y[j]
        i, j = i + 1, j + 1
        if not (isinstance(m, int) and isinstance(n, int)):
            if isinstance(m, int) or isinstance(n, int):
                return None
            guessed += m is None or m != n
        while isinstance(m, int) and isinstance(n, int) and m != n:
            side, axes, shape, at = (0, before, x, i) if m < n else (1, after, y, j)
            extent = shape[at] if at < len(shape) else None
            if not isinstance(extent, int):
                return None
            axes.append(at)
            m, n, i, j = (m * extent, n, i + 1, j) if side == 0 else (m, n * extent, i, j + 1)
        blocks.append((before, after))
    rest = [*x[i:], *y[j:]]
    if not blocks or guessed > 1 or any(extent != 1 for extent in rest):
        return None
    blocks[-1] = (blocks[-1][0] + list(range(i, len(x))), blocks[-1][1] + list(range(j, len(y))))
    return blocks
