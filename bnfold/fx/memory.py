"""What a folded module knows of the fold: the names of its calls, and what was kept for reasons no longer to be seen.

A call without a module of its own is numbered among those like it, and would be called otherwise once some are gone. So
calls carry their names in their `meta`, from the moment the plan is carried out. What is to be remembered stands by
position in the graph, and twice: in the `meta` of the module, which copies keep, and in an attribute, which pickles
keep.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from torch import fx, nn

from bnfold.memory import KEY, decoded, encoded
from bnfold.plan import Reason

_NAMES = "bnfold.names"
_ATTRIBUTE = "bnfold_kept"


def name_call(call: fx.Node, op: str, name: str) -> None:
    """Let the operator of this kind that a call computes go by a name."""
    call.meta[_NAMES] = {**names_of(call), op: name}


def names_of(call: fx.Node) -> Mapping[str, str]:
    """The names that a call's operators go by since an earlier fold, by operator."""
    names: Mapping[str, str] = call.meta.get(_NAMES, {})
    return names


def remember(folded: fx.GraphModule, kept: Mapping[str, Reason]) -> None:
    """Let a folded module remember this; without anything to remember it has no entry."""
    folded.meta.pop(KEY, None)
    calls = [
        (position, op, name)
        for position, call in enumerate(folded.graph.nodes)
        for op, name in names_of(call).items()
        if name in kept
    ]
    if calls:
        entry = json.dumps({"calls": calls, "kept": encoded({name: kept[name] for _, _, name in calls})})
        folded.meta[KEY] = entry
        setattr(folded, _ATTRIBUTE, entry)


def recall(module: nn.Module, traced: fx.Graph) -> dict[str, Reason]:
    """What an earlier fold of the module kept, by name; the calls of its trace get their names back.

    Nothing where the module is no result of a fold, or was changed since.
    """
    if not isinstance(module, fx.GraphModule) or _shape(module.graph) != _shape(traced):
        return {}
    nodes = list(traced.nodes)
    for old, new in zip(module.graph.nodes, nodes, strict=True):
        for op, name in names_of(old).items():
            name_call(new, op, name)
    try:
        entry = json.loads(str(module.meta.get(KEY) or getattr(module, _ATTRIBUTE, "{}")))
        for position, op, name in entry.get("calls", ()):
            name_call(nodes[position], str(op), str(name))
    except (ValueError, TypeError, IndexError, AttributeError):
        return {}
    return decoded(entry.get("kept"))


def _shape(graph: fx.Graph) -> list[tuple[str, Any]]:
    return [(node.op, node.target) for node in graph.nodes]
