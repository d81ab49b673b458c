"""Python's search for garbage in cycles, put off while much is made and little thrown away."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """Let nobody look for cycles meanwhile.

    A solver makes hundreds of thousands of objects, hardly any of them in a cycle, and the collector goes through all
    of them again and again: up to a fifth of the time. Reference counts free what is done with, as ever.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
