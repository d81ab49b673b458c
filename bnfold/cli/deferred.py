"""Modules that are imported by every command, used by almost none, and slow to import: they wait for their first use.

onnx_ir imports sympy, for arithmetic on symbolic dimensions; importing it takes longer than all the rest of onnx_ir.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_NAMES = ("sympy", "onnx_ir._symbolic_shapes")


def defer() -> None:
    """Let these modules be imported when something in them is asked for; what is imported already stays."""
    if "onnx_ir" not in sys.modules:
        for name in _NAMES:
            sys.modules.setdefault(name, _Deferred(name))


class _Deferred(ModuleType):
    """Stands for a module until an attribute is asked for, and passes on to it from then on."""

    def __getattr__(self, attribute: str) -> Any:
        name = self.__name__
        if sys.modules.get(name) is self:
            del sys.modules[name]
        return getattr(import_module(name), attribute)
