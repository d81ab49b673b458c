"""The calls of PyTorch that become each ONNX operator when a module is read, from the tables of that door."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import onnx
import torch.nn.functional as F
from torch import nn

from bnfold.fx.table import FOREIGN, FUNCTIONS, METHODS, MODULES
from docs.make.reach import reached


def _calls() -> Mapping[str, list[str]]:
    operators = {schema.name for schema in onnx.defs.get_all_schemas()}
    found: dict[str, set[str]] = {}
    for known in (MODULES, FUNCTIONS, METHODS, FOREIGN):
        for call, reader in known.items():
            for op in reached(reader, compared=False) & operators:
                found.setdefault(op, set()).add(_spelling(call, method=known is METHODS))
    return {op: _together(calls) for op, calls in found.items()}


def _together(calls: Iterable[str]) -> list[str]:
    """In alphabetical order; calls that differ in their number of dimensions as one."""
    found: dict[str, list[str]] = {}
    for call in sorted(calls, key=str.lower):
        stem, dimensions = re.sub(r"([123]d)?$", r" \1", call, count=1).split(" ")
        found.setdefault(stem, []).append(dimensions)
    return [stem + "/".join(filter(None, dimensions)) for stem, dimensions in found.items()]


def _spelling(call: Any, *, method: bool) -> str:
    """As a user writes it."""
    if isinstance(call, str):
        return f".{call}()" if method else call
    name = call.__name__
    if isinstance(call, type) and issubclass(call, nn.Module):
        return f"nn.{name}"
    if getattr(F, name, None) is call:
        return f"F.{name}"
    return f"operator.{name}" if call.__module__ == "_operator" else f"torch.{name}"


CALLS = _calls()
"""By operator, in alphabetical order."""
