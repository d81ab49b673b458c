"""How long steps tell the user where they are."""

from collections.abc import Callable
from typing import Protocol


class Progress(Protocol):
    """Called with the name of a step and, where it is known, the share of it that is done."""

    def __call__(self, step: str, share: float | None = None) -> None: ...


def silent(step: str, share: float | None = None) -> None:
    """Tell nobody."""


class Meter:
    """One share from 0 to 1 over many pieces of work.

    Args:
        tell: who is told.
        total: all work, in any unit.
    """

    def __init__(self, tell: Progress, total: float) -> None:
        self._tell, self._total = tell, max(total, 1e-9)
        self._done, self._step = 0.0, ""

    def expect(self, total: float) -> None:
        """All work is another than was thought."""
        self._total = max(total, 1e-9)

    def step(self, name: str) -> None:
        """What is done from now on."""
        self._step = name
        self._tell(name, min(1.0, self._done / self._total))

    def advance(self, work: float) -> None:
        """So much more is done."""
        self._done += work
        self._tell(self._step, min(1.0, self._done / self._total))

    def finish(self) -> None:
        """Everything is done."""
        self._tell(self._step, 1.0)


def prefixed(tell: Progress, prefix: str) -> Progress:
    """`tell`, with a prefix before the name of each step."""
    inner: Callable[..., None] = tell

    def told(step: str, share: float | None = None) -> None:
        inner(f"{prefix}{step}", share)

    return told
