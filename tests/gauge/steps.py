"""What may come next in a random network: a step appends nodes that read `x`, or returns None if it does not fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

from tests.networks import Net

T = TypeVar("T")
MAX_ELEMENTS = 3000


class Draw:
    """Choices made by hypothesis, so that a failing network shrinks."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self._draw = draw

    def one(self, *options: T) -> T:
        return self._draw(st.sampled_from(options))

    def integer(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))

    def integers(self, count: int, low: int, high: int) -> list[int]:
        return [self.integer(low, high) for _ in range(count)]

    def flag(self) -> bool:
        return self._draw(st.booleans())

    def order(self, n: int) -> list[int]:
        return list(self._draw(st.permutations(range(n))))


Step = Callable[[Net, str, Draw], str | None]
STEPS: dict[str, Step] = {}


def step(function: Step) -> Step:
    """Register a step; the contract suite draws from all of them."""
    assert function.__name__ not in STEPS
    STEPS[function.__name__] = function
    return function


def divisors(n: int) -> Sequence[int]:
    return [d for d in range(1, n + 1) if n % d == 0]


def window(net: Net, x: str, draw: Draw, *, largest_pad: int = 2) -> tuple[list[int], dict[str, Any]] | None:
    """Kernel extents and the attributes of a sliding window over the spatial axes of x, if one fits."""
    sizes = net.shape(x)[2:]
    rank = len(sizes)
    if not 1 <= rank <= 3:
        return None
    kernel = draw.integers(rank, 1, 3)
    attributes: dict[str, Any] = {"strides": draw.integers(rank, 1, 2)}
    mode = draw.one("NOTSET", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")
    pads = draw.integers(2 * rank, 0, largest_pad) if mode == "NOTSET" else [0] * (2 * rank)
    if mode == "NOTSET":
        pads = [min(pad, kernel[i % rank] - 1) for i, pad in enumerate(pads)] if largest_pad == 1 else pads
        attributes["pads"] = pads
    else:
        attributes["auto_pad"] = mode
    if any(
        size + pads[i] + pads[rank + i] < extent for i, (size, extent) in enumerate(zip(sizes, kernel, strict=True))
    ):
        return None
    return kernel, attributes
