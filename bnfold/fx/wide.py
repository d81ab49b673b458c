"""Compute in float64 whatever types a module asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

NARROW = frozenset({torch.float16, torch.bfloat16, torch.float32})
_CONVERSIONS = frozenset({torch.Tensor.float, torch.Tensor.half, torch.Tensor.bfloat16})


class Wide(TorchFunctionMode):
    """Conversions to another floating-point type lead to float64, so that `x.float()` rounds nothing in a proof."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func in _CONVERSIONS:
            return args[0].double()
        if func is torch.Tensor.view:  # with a type, it reads the bits as another number
            return func(*args, **(kwargs or {}))
        return func(*map(_widened, args), **{name: _widened(value) for name, value in (kwargs or {}).items()})


def _widened(value: Any) -> Any:
    return torch.float64 if isinstance(value, torch.dtype) and value in NARROW else value
