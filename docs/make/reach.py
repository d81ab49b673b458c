"""Which names a function may use: the strings in its code, in what it closes over and in functions of its module."""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterator
from itertools import pairwise
from types import CodeType, FunctionType
from typing import Any

COMPARES = frozenset({"COMPARE_OP"})
"""What is compared is asked about, not used."""


def reached(function: Callable[..., Any], *, compared: bool = True) -> set[str]:
    """The strings, without those that something is only compared with if so asked; deeper calls stay in the package."""
    found: set[str] = set()
    seen: set[int] = set()
    pending: list[Any] = [function]
    while pending:
        current = pending.pop()
        if not isinstance(current, FunctionType) or id(current) in seen:
            continue
        seen.add(id(current))
        for code in _nested(current.__code__):
            found.update(_strings(code, compared))
            pending += (_followed(current, name) for name in code.co_names)
        for cell in current.__closure__ or ():
            value = cell.cell_contents
            pending.append(value)
            if isinstance(value, str):
                found.add(value)
    return found


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def _strings(code: CodeType, compared: bool) -> Iterator[str]:
    instructions = list(dis.get_instructions(code))
    for this, after in pairwise(instructions):
        if compared or after.opname not in COMPARES:
            values = this.argval if isinstance(this.argval, tuple | frozenset) else (this.argval,)
            yield from (value for value in values if this.opcode in dis.hasconst and isinstance(value, str))


def _followed(function: FunctionType, name: str) -> Any:
    """A function of the same package that is called by its name."""
    value = function.__globals__.get(name)
    package = function.__module__.rpartition(".")[0]
    return value if isinstance(value, FunctionType) and value.__module__.startswith(package) else None
