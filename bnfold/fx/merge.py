"""Carry a MergePlan out on a traced module: each region becomes a layer in the place of its largest one."""

from __future__ import annotations

import copy
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from bnfold.affine import Array
from bnfold.fx.lift import Lifted
from bnfold.fx.lower import stored_tensor
from bnfold.fx.memory import name_call
from bnfold.fx.probe import Fact
from bnfold.fx.trace import attribute
from bnfold.merge.evaluate import merged_constants
from bnfold.merge.plan import Merge, MergePlan
from bnfold.merge.window import Window

_CONVOLUTIONS: tuple[Any, ...] = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def merge_layers(truth: Lifted, stored: Lifted, plan: MergePlan, *, exact: bool = False) -> fx.GraphModule:
    """The module with the merges carried out.

    Args:
        truth: the folded module with unrounded parameters, whose network the merges were found in.
        stored: the same module with parameters in their stored dtypes, node for node the same graph.
        plan: what to do.
        exact: return a float64 module whose parameters are not rounded.

    Raises:
        OutOfRangeError: a merged parameter is finite but not so in its stored dtype.
    """
    base = truth if exact else stored
    twin = copy.deepcopy(base.graph_module)
    twins = dict(zip(truth.graph_module.graph.nodes, twin.graph.nodes, strict=True))
    facts = dict(zip(truth.graph_module.graph.nodes, base.graph_module.graph.nodes, strict=True))
    by_name = {tensor_name(node): node for node in truth.graph_module.graph.nodes}
    for merge in plan.merges:
        last, host = truth.sites[merge.nodes[-1]].result, truth.sites[merge.into].node
        fact = base.seen.values[facts[last]]
        assert isinstance(fact, Fact)
        numbers = {index: constant.numpy() for index, constant in merged_constants(truth.network, merge).items()}
        made = _layer(
            merge,
            numbers,
            None if exact else fact.dtype,
            fact.device,
            _trains(twin, [twins[truth.sites[name].node] for name in merge.nodes]),
        )
        path = _free(twin, str(host.target) if host.op == "call_module" else f"{host.name}_merged")
        twin.add_submodule(path, made)
        with twin.graph.inserting_after(twins[last]):
            call = twin.graph.call_module(path, (twins[by_name[merge.input]],))
        name_call(call, merge.op, merge.into)
        if merge.window.pads and _uneven(merge.window):
            with twin.graph.inserting_before(call):
                padded = twin.graph.call_function(F.pad, (call.args[0], _padding(merge.window)))
            call.args = (padded,)
        twins[last].replace_all_uses_with(call, delete_user_cb=lambda user, call=call: user is not call)
    twin.graph.eliminate_dead_code()
    twin.graph.lint()
    twin.delete_all_unused_submodules()
    return fx.GraphModule(twin, twin.graph, base.graph_module.__class__.__name__).eval()


def _layer(
    merge: Merge, numbers: Mapping[int, Array], dtype: torch.dtype | None, device: torch.device, trains: bool
) -> nn.Module:
    window, biased = merge.window, merge.biased
    made: nn.Module
    if merge.op == "Conv":
        made = _CONVOLUTIONS[len(window.spans) - 1](
            window.inputs,
            window.outputs,
            window.kernel,
            tuple(span.stride for span in window.spans),
            0 if _uneven(window) else tuple(span.front for span in window.spans),
            tuple(span.dilation for span in window.spans),
            window.groups,
            bias=biased,
            device="meta",
        )
    else:
        made = nn.Linear(window.inputs, window.outputs, bias=biased, device="meta")
    weight = numbers[1] if merge.op == "Conv" else numbers[1].T
    for name, array in {"weight": weight, **({"bias": numbers[2]} if biased else {})}.items():
        value = stored_tensor(merge.into, array, dtype, device)
        setattr(made, name, nn.Parameter(value, requires_grad=trains))
    return made


def _uneven(window: Window) -> bool:
    return any(span.front != span.back for span in window.spans)


def _padding(window: Window) -> list[int]:
    """Of the last axis first, as torch wants it."""
    return [amount for span in reversed(window.spans) for amount in (span.front, span.back)]


def tensor_name(node: fx.Node) -> str:
    """What the network calls the node's value: an item of several goes by the name of the whole and its position."""
    if node.target is operator.getitem and isinstance(node.args[0], fx.Node) and isinstance(node.args[1], int | str):
        return f"{tensor_name(node.args[0])}.{node.args[1]}"
    return node.name


def _free(twin: fx.GraphModule, path: str) -> str:
    """The path, or another one if something that stays may use what lies there."""
    users = [node for node in twin.graph.nodes if node.op in ("call_module", "get_attr")]
    if sum(str(node.target) == path or str(node.target).startswith(f"{path}.") for node in users) <= 1:
        return path
    number = 2
    while _exists(twin, f"{path}_{number}"):
        number += 1
    return f"{path}_{number}"


def _exists(twin: fx.GraphModule, path: str) -> bool:
    try:
        attribute(twin, path)
    except AttributeError:
        return False
    return True


def _trains(twin: fx.GraphModule, calls: Sequence[fx.Node]) -> bool:
    """Whether any parameter of the calls takes part in training."""
    paths = [str(call.target) for call in calls if call.op == "call_module"]
    paths += [str(node.target) for call in calls for node in call.all_input_nodes if node.op == "get_attr"]
    held = [attribute(twin, path) for path in paths]
    parameters = (list(part.parameters()) if isinstance(part, nn.Module) else [part] for part in held)
    return any(parameter.requires_grad for part in parameters for parameter in part)
