"""From what people save to what a module loads."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from bnfold.errors import SourceError

_PLAIN = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "params", "module")
_AVERAGED = ("state_dict_ema", "model_ema", "ema_state_dict", "ema", "params_ema")
_CONTAINERS = (*_PLAIN, *_AVERAGED)
_PREFIXES = ("module.", "model.", "_orig_mod.")


def unwrap_state_dict(checkpoint: Mapping[str, object]) -> dict[str, Tensor]:
    """Return the bare state dict inside a checkpoint.

    Descends through containers such as `state_dict`, `model_state_dict`, `model` and, if there is none of these, the
    averaged `ema`, and takes off the prefixes `module.` (DataParallel), `model.` (Lightning) and `_orig_mod.`
    (torch.compile) as long as every key has one. The tensors are the checkpoint's own, not copies.

    Args:
        checkpoint: a state dict or a training checkpoint that holds one.

    Raises:
        SourceError: it is empty, or holds something that is not a tensor under a string.
    """
    entries = checkpoint
    while inner := [entries[name] for name in _CONTAINERS if isinstance(entries.get(name), Mapping)]:
        assert isinstance(inner[0], Mapping)
        entries = inner[0]
    if not entries:
        raise SourceError("The state dict is empty: pass a checkpoint that holds weights.")
    tensors: dict[str, Tensor] = {}
    for name, value in entries.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise SourceError(
                f"The entry {name!r} is a {type(value).__name__}, so this is no state dict: "
                "pass the state dict alone, the whole module or an ONNX file."
            )
        tensors[name] = value
    while prefix := next((p for p in _PREFIXES if all(name.startswith(p) for name in tensors)), None):
        tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    return tensors


def module_within(content: object) -> nn.Module | None:
    """The module that a file holds, alone or in one of the containers, without DataParallel around it."""
    while isinstance(content, Mapping):
        held = (content[name] for name in _CONTAINERS if isinstance(content.get(name), Mapping | nn.Module))
        content = next(held, None)
    while isinstance(content, nn.DataParallel):
        content = content.module
    return content if isinstance(content, nn.Module) else None
