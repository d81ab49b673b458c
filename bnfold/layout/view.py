"""Where a tensor is found after its layout was changed, and what it takes to follow a permutation of axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnx_ir as ir

Perm = tuple[int, ...]


@dataclass(frozen=True)
class View:
    """A tensor of the model before is `Transpose(tensor, perm)`; without `perm` it is `tensor` itself."""

    tensor: str
    perm: Perm | None = None


class Views:
    """What became of tensors that are gone, as it accumulates step by step."""

    def __init__(self) -> None:
        self._found: dict[str, View] = {}

    def gone(self, tensor: str, where: str, perm: Perm | None = None) -> None:
        """Note that `tensor` is gone, and is `Transpose(where, perm)`."""
        for name, view in self._found.items():
            if view.tensor == tensor:
                self._found[name] = View(where, chained(perm, view.perm))
        self._found[tensor] = View(where, perm)

    def result(self) -> Mapping[str, View]:
        """All views, by the names of the tensors before."""
        return dict(self._found)


def chained(first: Perm | None, second: Perm | None) -> Perm | None:
    """The permutation that does `first` and then `second`; None is the identity."""
    if first is None or second is None:
        return first or second
    both = tuple(first[axis] for axis in second)
    return None if both == tuple(range(len(both))) else both


def inverse(perm: Sequence[int]) -> Perm:
    """The permutation that undoes `perm`."""
    return tuple(sorted(range(len(perm)), key=perm.__getitem__))


def perm_of(node: ir.Node | None) -> Perm | None:
    """The permutation of a Transpose; None if the node is none, or its permutation depends on the rank."""
    if node is None or node.op_type != "Transpose" or node.domain not in ("", "ai.onnx"):
        return None
    attribute = node.attributes.get("perm")
    return None if attribute is None or attribute.is_ref() else tuple(attribute.as_ints())
