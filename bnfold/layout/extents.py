"""When two tensors with the same elements in the same order have the same shape."""

from __future__ import annotations

from collections.abc import Sequence

from bnfold.network import Dim


def same_extents(before: Sequence[Dim] | None, after: Sequence[Dim] | None) -> bool:
    """Whether shapes are the same; one unknown extent at the same place is, for all others are."""
    if before is None or after is None or len(before) != len(after):
        return False
    pairs = list(zip(before, after, strict=True))
    fixed = [pair for pair in pairs if isinstance(pair[0], int) and isinstance(pair[1], int)]
    open_ = [pair for pair in pairs if not (isinstance(pair[0], int) or isinstance(pair[1], int))]
    equal = all(a == b and a != 0 for a, b in fixed)
    return equal and len(open_) <= 1 and len(fixed) + len(open_) == len(pairs)
