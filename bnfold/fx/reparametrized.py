"""Layers whose weight is computed from other parameters: parametrizations, weight_norm, spectral_norm and pruning.

In eval mode all of them compute a constant, so such a layer is the plain one that stores it.
"""

from __future__ import annotations

import copy
from typing import Any

from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

COMPUTING: tuple[type[Any], ...] = (WeightNorm, SpectralNorm, BasePruningMethod)
"""Hooks that do nothing but compute a parameter before the layer is called."""


def is_reparametrized(layer: nn.Module) -> bool:
    """Whether a parameter of the layer is computed whenever it is called."""
    return parametrize.is_parametrized(layer) or any(
        isinstance(hook, COMPUTING) for hook in layer._forward_pre_hooks.values()
    )


def is_observed(layer: nn.Module) -> bool:
    """Whether hooks see what the layer reads and writes, and may change it."""
    before = (hook for hook in layer._forward_pre_hooks.values() if not isinstance(hook, COMPUTING))
    return bool(layer._forward_hooks) or any(True for _ in before)


def plain(layer: nn.Module) -> nn.Module:
    """A copy of the layer that stores what would be computed, in the layer's own type."""
    settled = copy.deepcopy(layer)
    if parametrize.is_parametrized(settled):
        # parametrize.remove_parametrizations would take the property off a class that the original shares.
        values = {name: getattr(settled, name) for name in settled.get_submodule("parametrizations")._modules}
        settled.__class__ = parametrize.type_before_parametrizations(settled)
        del settled.parametrizations
        for name, value in values.items():
            settled.register_parameter(name, nn.Parameter(value.detach().clone(), value.requires_grad))
    for key, hook in list(settled._forward_pre_hooks.items()):
        if isinstance(hook, COMPUTING):
            hook.remove(settled)
            del settled._forward_pre_hooks[key]
    if is_reparametrized(layer):
        settled._load_state_dict_pre_hooks.clear()  # they convert older forms of what is no longer computed
    return settled
