"""When two tensors have the same shape, some extents of which may be known only at run time."""

from __future__ import annotations

from collections.abc import Sequence

from bnfold.network import Dim


def same_extents(before: Sequence[Dim] | None, after: Sequence[Dim] | None) -> bool:
    """Whether shapes of as many elements are the same; one unknown extent at the same place is, for all others are."""
    if before is None or after is None or len(before) != len(after):
        return False
    pairs = list(zip(before, after, strict=True))
    fixed = [pair for pair in pairs if isinstance(pair[0], int) and isinstance(pair[1], int)]
    open_ = [pair for pair in pairs if not (isinstance(pair[0], int) or isinstance(pair[1], int))]
    equal = all(a == b and a != 0 for a, b in fixed)
    return equal and len(open_) <= 1 and len(fixed) + len(open_) == len(pairs)


def no_larger(before: Sequence[Dim] | None, after: Sequence[Dim] | None) -> bool:
    """Whether a tensor expanded from `before` to `after` is as it was; two unknown extents need not be one."""
    return before is not None and after is not None and tuple(before) == tuple(after) and None not in before
