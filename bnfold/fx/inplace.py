"""Make a graph write nothing in place, so that any node can be taken out without its input being overwritten."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import fx

from bnfold.errors import SourceError
from bnfold.fx.probe import Probe
from bnfold.fx.trace import ADVICE, attribute

PURE: Mapping[Callable[..., Any], Callable[..., Any]] = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
}


def without_writes(graph_module: fx.GraphModule, seen: Probe) -> None:
    """Replace every operation that writes into its first input by the one that does not, in place.

    Whoever reads that input afterwards reads the result. `view` becomes `reshape`, because the tensor it sees may
    become one of another memory layout.

    Raises:
        SourceError: memory is changed that is also read under another name, or by an unknown operation.
    """
    order = {node: index for index, node in enumerate(graph_module.graph.nodes)}
    for node in list(graph_module.graph.nodes):
        if node in seen.writes:
            _redirect(node, order, seen)
            _purify(graph_module, node)
        elif node.op == "call_function" and node.target in PURE:
            node.target = PURE[node.target]
        if node.op == "call_method" and node.target == "view" and not _reinterprets(node):
            node.target = "reshape"
    for module in graph_module.modules():
        if getattr(module, "inplace", None) is True:
            setattr(module, "inplace", False)  # noqa: B010 - torch declares no such attribute


def _redirect(node: fx.Node, order: Mapping[fx.Node, int], seen: Probe) -> None:
    target = node.args[0] if node.args else None
    if not isinstance(target, fx.Node) or seen.values[target] != seen.values[node]:
        raise _refusal(node)
    for user in list(target.users):
        if order[user] > order[node]:
            user.replace_input_with(target, node)
    for other, group in seen.memory.items():
        if group == seen.memory[node] and other.op == "get_attr":
            raise SourceError(f"The module changes its own attribute {other.target} whenever it runs; {ADVICE}.")
        if other is node or group != seen.memory[node] or order[other] > order[node]:
            continue
        if any(order[user] > order[node] for user in other.users):
            raise _refusal(node)


def _purify(graph_module: fx.GraphModule, node: fx.Node) -> None:
    target: Any = node.target
    if node.op == "call_module":
        if getattr(attribute(graph_module, target), "inplace", None) is not True:
            raise _refusal(node)
    elif node.op == "call_method":
        node.target = _out_of_place_name(node, target, torch.Tensor)
    elif isinstance(target, torch._ops.OpOverload):
        packet = getattr(torch.ops, target.namespace)
        node.target = getattr(getattr(packet, _out_of_place_name(node, target._opname, packet)), target._overloadname)
    elif target in PURE:
        node.target = PURE[target]
    elif not _switch_off(node, target):
        name = getattr(target, "__name__", "")
        namespace = torch if hasattr(torch, name) else torch.nn.functional
        node.target = getattr(namespace, _out_of_place_name(node, name, namespace))


def _switch_off(node: fx.Node, function: Callable[..., Any]) -> bool:
    """Turn `inplace=True` off; False if the function has no such argument."""
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return False
    if "inplace" not in names:
        return False
    position = names.index("inplace")
    if position < len(node.args):
        node.update_arg(position, False)
    else:
        node.update_kwarg("inplace", False)
    return True


def _out_of_place_name(node: fx.Node, name: str, namespace: Any) -> str:
    if name.startswith("__i") and name.endswith("__"):
        name = f"__{name[3:]}"
    elif name.endswith("_"):
        name = name[:-1]
    else:
        raise _refusal(node)
    if not hasattr(namespace, name):
        raise _refusal(node)
    return name


def _reinterprets(node: fx.Node) -> bool:
    return any(isinstance(argument, torch.dtype) for argument in (*node.args, *node.kwargs.values()))


def _refusal(node: fx.Node) -> SourceError:
    return SourceError(f"{node.name} writes into memory that is read under another name; {ADVICE}.")
