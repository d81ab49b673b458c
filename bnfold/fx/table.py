"""Every call that is known: what is not in these tables is opaque and keeps the units around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from bnfold.fx import elementwise, layers, normalizing, pooling, shaping, slicing, windows
from bnfold.fx.call import Call

Reader = Callable[[Call], None]
FAMILIES = (layers, elementwise, normalizing, pooling, shaping, slicing, windows)


def _joined(name: str) -> dict[Any, Reader]:
    return {key: reader for family in FAMILIES for key, reader in getattr(family, name, {}).items()}


MODULES: Mapping[type[nn.Module], Reader] = _joined("MODULES")
"""Exact types: a subclass may compute something else."""

FUNCTIONS: Mapping[Callable[..., Any], Reader] = _joined("FUNCTIONS")

METHODS: Mapping[str, Reader] = _joined("METHODS")

FOREIGN: Mapping[str, Reader] = _joined("FOREIGN")
"""Functions of other libraries, by the path they are imported from."""
