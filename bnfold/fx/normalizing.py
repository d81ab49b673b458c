"""Normalizations by the statistics of each sample, which no rule lets units through."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from bnfold.fx.call import Call, constant
from bnfold.network import OpaqueError, Tensor

Reader = Callable[[Call], None]


def layer_norm_module(call: Call) -> None:
    """nn.LayerNorm."""
    shape = call.setting("normalized_shape")
    _layer_norm(call, shape, call.parameter("weight"), call.parameter("bias"), call.setting("eps"))


def layer_norm_function(call: Call) -> None:
    """F.layer_norm and torch.layer_norm."""
    shape = call.static(1, "normalized_shape")
    _layer_norm(call, shape, call.tensor(2, "weight"), call.tensor(3, "bias"), call.static(4, "eps", 1e-5))


def _layer_norm(call: Call, shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, epsilon: float) -> None:
    if not call.keeps_type():
        raise OpaqueError("it changes the dtype")
    scale = weight or constant(f"{call.node.name}.weight", np.ones(tuple(shape)))
    call.emit("LayerNormalization", [call.x, scale, bias], axis=-len(shape), epsilon=float(epsilon))


MODULES: dict[type[nn.Module], Reader] = {nn.LayerNorm: layer_norm_module}
FUNCTIONS: dict[Callable[..., object], Reader] = dict.fromkeys((F.layer_norm, torch.layer_norm), layer_norm_function)
