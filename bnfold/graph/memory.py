"""What a folded ONNX model remembers about operators that were kept, as an entry of its `metadata_props`."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import onnx_ir as ir

from bnfold.memory import KEY, decoded, encoded
from bnfold.network import Network
from bnfold.plan import Reason


def recall(model: ir.Model) -> Mapping[str, Reason]:
    """What an earlier fold kept, by node name."""
    return decoded(model.metadata_props.get(KEY))


def remember(model: ir.Model, kept: Mapping[str, Reason]) -> None:
    """Let the model remember exactly this; without anything to remember it has no entry."""
    if kept:
        model.metadata_props[KEY] = encoded(kept)
    else:
        model.metadata_props.pop(KEY, None)


def forget(model: ir.Model, names: Collection[str]) -> None:
    """Remember nothing about nodes that are gone."""
    remember(model, {name: reason for name, reason in recall(model).items() if name not in names})


def name_lastingly(network: Network, sites: Mapping[str, tuple[ir.Node, ...]], names: Collection[str]) -> None:
    """Give these nodes, and the owners of the bodies that they stand in, the names that they go by.

    A node without a name is called after its output, which may be called otherwise in the folded model.
    """
    for node in network.nodes:
        if any(name == node.name or name.startswith(f"{node.name}/") for name in names):
            sites[node.name][0].name = node.name.removeprefix(node.body)
