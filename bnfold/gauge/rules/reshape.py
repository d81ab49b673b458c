"""Where every element of a tensor goes when only its shape changes, told from the two shapes alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bnfold.affine_operators import compressed
from bnfold.gauge.equations import Ids
from bnfold.gauge.units import MAX_GAUGE
from bnfold.network import Dim, OpaqueError


def reshaped(gauge: Ids, source: Sequence[Dim], target: Sequence[Dim]) -> Ids:
    """The gauge after reshaping a tensor from `source` to `target`.

    Axes are matched in groups whose extents have the same product. A group in which the gauge does not vary stays
    uniform, whatever its extents; any other is written out element by element.

    Raises:
        OpaqueError: the gauge varies along axes whose extents are not known.
    """
    if gauge.size == 1:
        return gauge.reshape((1,) * len(target))
    expanded: list[int] = []
    result: list[int] = []
    first = 0
    for group, image in _groups(*_aligned(source, target)):
        extents = gauge.shape[first : first + len(group)]
        first += len(group)
        if all(extent == 1 for extent in extents):
            expanded += extents
            result += [1] * len(image)
            continue
        known, wanted = ([dim for dim in dims if isinstance(dim, int)] for dims in (group, image))
        if len(known) < len(group) or len(wanted) < len(image):
            raise OpaqueError
        expanded += known
        result += wanted
    if math.prod(expanded) > MAX_GAUGE:
        raise OpaqueError
    return compressed(np.broadcast_to(gauge, expanded).reshape(result))


def _aligned(source: Sequence[Dim], target: Sequence[Dim]) -> tuple[list[Dim], list[Dim]]:
    """If each shape has one unknown extent and the known ones agree, the unknown ones are the same."""
    a, b = list(source), list(target)
    unknown = [[i for i, dim in enumerate(shape) if not isinstance(dim, int)] for shape in (a, b)]
    known = [math.prod(dim for dim in shape if isinstance(dim, int)) for shape in (a, b)]
    if len(unknown[0]) == len(unknown[1]) == 1 and known[0] == known[1]:
        a[unknown[0][0]] = b[unknown[1][0]] = "the same"
    return a, b


def _groups(source: list[Dim], target: list[Dim]) -> list[tuple[list[Dim], list[Dim]]]:
    """Split both shapes, front to back, into the shortest groups of equal product.

    Where an extent is unknown, equal last axes are told first: the last index stays the same whatever lies in front.
    """
    groups: list[tuple[list[Dim], list[Dim]]] = []
    tail: list[tuple[list[Dim], list[Dim]]] = []
    unknown = any(not isinstance(dim, int) for dim in (*source, *target))
    while unknown and source and target and isinstance(source[-1], int) and source[-1] == target[-1]:
        tail.insert(0, (source[-1:], target[-1:]))
        source, target = source[:-1], target[:-1]
    while source or target:
        for i, j in _cuts(source, target):
            groups.append((source[:i], target[:j]))
            source, target = source[i:], target[j:]
            break
    return groups + tail


def _cuts(source: list[Dim], target: list[Dim]) -> list[tuple[int, int]]:
    if source and target and source[0] == target[0] and source[0] is not None:
        return [(1, 1)]
    i = j = 1
    while i < len(source) or j < len(target):
        head, image = source[:i], target[:j]
        if not all(isinstance(dim, int) for dim in (*head, *image)):
            break
        left, right = math.prod(map(int, head)), math.prod(map(int, image))  # type: ignore[arg-type]
        if left == right:
            return [(min(i, len(source)), min(j, len(target)))]
        if left < right and i < len(source):
            i += 1
        elif right < left and j < len(target):
            j += 1
        else:
            break
    return [(len(source), len(target))]
