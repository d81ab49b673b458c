"""The module that an ONNX file was written from, as a witness for what the file has to compute."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bnfold.fx.trace import tensors

BOUND = 1e-6
"""ONNX stores epsilon, alpha and other settings in float32; a module in float64 has them in float64."""
NARROW_BOUNDS = {torch.float16: 5e-2, torch.bfloat16: 4e-1}
OWN_BOUND = 1e-4


class Witness:
    """Runs a module in eval mode and float64; in its own types where its code insists on them.

    Args:
        module: is copied, not changed.
        names: of the inputs, in order.
    """

    def __init__(self, module: nn.Module, names: tuple[str, ...]) -> None:
        self._module, self._names = module, names
        self._own: torch.dtype | None = None
        self._twin: nn.Module | None = None

    @property
    def bound(self) -> float:
        """What max|difference| / max|output| of a faithful file stays below."""
        return BOUND if self._own is None else NARROW_BOUNDS.get(self._own, OWN_BOUND)

    def outputs(self, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[np.float64]]:
        """Every tensor that the module returns, in order, as float64.

        Raises:
            Exception: whatever the module raises on these inputs.
        """
        if self._own is None:
            try:
                return self._run(feeds, torch.float64)
            except Exception:  # a layer that makes tensors of a type of its own
                self._own = next((p.dtype for p in self._module.parameters()), torch.float32)
                self._twin = None
        return self._run(feeds, self._own)

    def _run(self, feeds: Mapping[str, NDArray[Any]], dtype: torch.dtype) -> list[NDArray[np.float64]]:
        inputs = [_tensor(np.asarray(feeds[name]), dtype) for name in self._names]
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self._twin is None:
                self._twin = _evaluating(copy.deepcopy(self._module)).to(dtype)
            return [tensor.double().numpy() for tensor in tensors(self._twin(*inputs))]


def _tensor(array: NDArray[Any], dtype: torch.dtype) -> torch.Tensor:
    """Floating-point numbers in `dtype`, others as they are; ml_dtypes calls bfloat16 void."""
    return torch.from_numpy(array.astype(np.float64)).to(dtype) if array.dtype.kind in "fV" else torch.from_numpy(array)


def _evaluating(module: nn.Module) -> nn.Module:
    """In eval mode; modules of an exported program are, and refuse to be told."""
    return module.eval() if any(part.training for part in module.modules()) else module
