"""Carry a Plan out on a traced module: new parameters, and the removed calls bypassed."""

from __future__ import annotations

import copy
import operator
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from bnfold.affine import Array
from bnfold.fx.call import Site, Slot
from bnfold.fx.lift import Lifted
from bnfold.fx.memory import name_call
from bnfold.fx.probe import NUMPY, Fact
from bnfold.fx.reparametrized import plain
from bnfold.fx.steps import STEPS
from bnfold.fx.trace import attribute
from bnfold.network import Node
from bnfold.plan import Form, Plan, step_name
from bnfold.rewrite import CALLED, new_constants, role, rounded


def lower(lifted: Lifted, plan: Plan, *, exact: bool = False) -> fx.GraphModule:
    """The module with the plan carried out; `lifted` and the module it came from are not changed.

    Args:
        lifted: the traced module and its facts.
        plan: what to do.
        exact: make a float64 module whose new parameters are not rounded, for the proof.

    Returns:
        A module in eval mode that holds only what it uses.

    Raises:
        OutOfRangeError: a new parameter is finite but not so in its stored dtype.
    """
    twin = copy.deepcopy(lifted.graph_module)
    editor = _Editor(lifted, twin.double() if exact else twin, plan, exact)
    for node in lifted.network.nodes:
        editor.name(node)
        if node.name in plan.rewritten:
            editor.rewrite(node)
    for name in plan.removed:
        editor.remove(name)
    for node in lifted.network.nodes:
        if plan.forms.get(node.name):
            editor.replace(node, plan.forms[node.name])
    twin.graph.eliminate_dead_code()
    twin.graph.lint()
    return fx.GraphModule(twin, twin.graph, lifted.graph_module.__class__.__name__).eval()


class _Editor:
    def __init__(self, lifted: Lifted, twin: fx.GraphModule, plan: Plan, exact: bool) -> None:
        self._lifted = lifted
        self._twin = twin
        self._plan = plan
        self._exact = exact
        self._nodes = {node.name: node for node in lifted.network.nodes}
        self._twins = dict(zip(lifted.graph_module.graph.nodes, twin.graph.nodes, strict=True))

    def name(self, node: Node) -> None:
        """Let a call keep the name that its operator has in the plan."""
        name_call(self._twins[self._lifted.sites[node.name].node], node.op, node.name)

    def rewrite(self, node: Node) -> None:
        """Give a linear layer, or an affine operator that stays, its constants for the new units."""
        site = self._lifted.sites[node.name]
        constants = {index: constant.numpy() for index, constant in new_constants(node, self._plan).items()}
        behind = constants.pop(2, None) if node.op == "MatMul" and 2 not in site.slots else None
        if self._twins[site.node].op == "call_module":
            self._store_in_module(node, site, constants)
        else:
            for index, array in constants.items():
                self._store_in_call(node, site.node, site.slots[index], role(node, index), array)
        if behind is not None and site.bias is not None:
            self._store_in_call(node, site.result, site.bias, "bias", behind)
        elif behind is not None:
            self._add_bias(node, site, behind)

    def _store_in_module(
        self, node: Node, site: Site, constants: Mapping[int, Array], epsilon: float | None = None
    ) -> None:
        """The call gets a module of its own, so that no other reader of the old one sees a change."""
        call = self._twins[site.node]
        path = str(call.target)
        module: Any = plain(attribute(self._twin, path))
        like = next(tensor for tensor in module.state_dict().values() if tensor.is_floating_point())
        for index, array in constants.items():
            slot = site.slots[index]
            stored = self._stored(node, array.T if slot.transposed else array, like.dtype, like.device)
            if slot.name in ("weight", "bias"):
                old = module._parameters.get(slot.name)
                trains = _trains(module) if old is None else old.requires_grad
                setattr(module, slot.name, nn.Parameter(stored, requires_grad=trains))
            else:
                setattr(module, slot.name, stored)
        if node.op == "BatchNormalization":
            module.affine = True
            module.eps = epsilon or module.eps
        if self._has_other_readers(call, path):
            path = self._free_name(path)
            call.target = path
        self._twin.add_submodule(path, module)

    def _has_other_readers(self, call: fx.Node, path: str) -> bool:
        return any(
            other is not call
            and other.op in ("call_module", "get_attr")
            and (str(other.target) == path or str(other.target).startswith(f"{path}."))
            for other in self._twin.graph.nodes
        )

    def _store_in_call(self, node: Node, original: fx.Node, slot: Slot, called: str, array: Array) -> None:
        call = self._twins[original]
        positional = 0 <= slot.position < len(original.args)
        old: Any = original.args[slot.position] if positional else original.kwargs.get(slot.name)
        old = old if slot.item is None else old[slot.item]
        fact = self._lifted.seen.values[old] if isinstance(old, fx.Node) else self._pattern(original)
        new: Any = self._stored(node, array.T if slot.transposed else array, fact.dtype, fact.device)
        if isinstance(old, int | float) and array.size == 1:
            new = float(array.reshape(()))
        else:
            parameter = called in ("weight", "bias") and node.name in self._plan.linear
            new = self._attribute(f"{original.name}_{called}", new, call, parameter=parameter)
        if slot.item is not None:
            items = list(call.args[slot.position] if positional else call.kwargs[slot.name])
            items[slot.item] = new
            new = items
        if positional:
            call.update_arg(slot.position, new)
        else:
            call.update_kwarg(slot.name, new)

    def _pattern(self, call: fx.Node) -> Fact:
        """The dtype and device of a constant that the call does not have yet: those of its result."""
        fact = self._lifted.seen.values[call]
        assert isinstance(fact, Fact)
        return fact

    def _add_bias(self, node: Node, site: Site, bias: Array) -> None:
        product, fact = self._twins[site.node], self._pattern(site.node)
        stored = self._stored(node, bias, fact.dtype, fact.device)
        with self._twin.graph.inserting_after(product):
            add = self._twin.graph.call_function(operator.add, (product, product))
        product.replace_all_uses_with(add, delete_user_cb=lambda user: user is not add)
        add.update_arg(1, self._attribute(f"{site.node.name}_bias", stored, add, parameter=True))

    def _stored(self, node: Node, array: Array, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
        return stored_tensor(node.name, array, None if self._exact else dtype, device)

    def _attribute(self, wanted: str, value: torch.Tensor, before: fx.Node, *, parameter: bool) -> fx.Node:
        name = self._free_name(wanted)
        if parameter:
            self._twin.register_parameter(name, nn.Parameter(value, requires_grad=_trains(self._twin)))
        else:
            self._twin.register_buffer(name, value)
        with self._twin.graph.inserting_before(before):
            return self._twin.graph.get_attr(name)

    def _free_name(self, wanted: str) -> str:
        parent = attribute(self._twin, wanted.rpartition(".")[0]) if "." in wanted else self._twin
        number, name = 1, wanted
        while hasattr(parent, name.rpartition(".")[2]):
            number += 1
            name = f"{wanted}_{number}"
        return name

    def remove(self, name: str) -> None:
        """Take an affine call out; whoever read its output reads its input."""
        call = self._twins[self._lifted.sites[name].node]
        call.replace_all_uses_with(self._data(self._nodes[name], call))
        self._twin.graph.erase_node(call)

    def replace(self, node: Node, form: Form) -> None:
        """Put the steps of a form in the place of a call; a batch normalization that is a module stays one."""
        site = self._lifted.sites[node.name]
        call, fact = self._twins[site.node], self._pattern(site.node)
        if call.op == "call_module" and [step.op for step in form] == [node.op] == ["BatchNormalization"]:
            arrays = {index: constant.numpy() for index, constant in form[0].constants.items()}
            self._store_in_module(node, site, arrays, form[0].attributes["epsilon"])
            return
        value = self._data(node, call)
        for step in form:
            constants: dict[int, Any] = dict(step.integers)
            for index, constant in step.constants.items():
                stored = self._stored(node, constant.numpy(), fact.dtype, fact.device)
                wanted = f"{site.node.name}_{CALLED.get((step.op, index), 'constant')}"
                parameter = step.op in ("Conv", "BatchNormalization") and index < 3
                single = not constant.shape
                constants[index] = (
                    stored.item() if single else self._attribute(wanted, stored, call, parameter=parameter)
                )
            with self._twin.graph.inserting_before(call):
                value = STEPS[step.op](self._twin.graph, value, constants, step.attributes)
            name_call(value, step.op, step_name(node.name, form, step))
        call.replace_all_uses_with(value)
        self._twin.graph.erase_node(call)

    def _data(self, node: Node, call: fx.Node) -> fx.Node:
        """What a call with one operand reads besides its constants."""
        index = next(i for i, tensor in enumerate(node.inputs) if tensor is not None and tensor.constant is None)
        reads = call.args[index] if index < len(call.args) else call.kwargs[("input", "other")[index]]
        assert isinstance(reads, fx.Node)
        return reads


def stored_tensor(node: str, array: Array, dtype: torch.dtype | None, device: torch.device) -> torch.Tensor:
    """A new constant of the node of this name, rounded once to a dtype; without one it stays float64.

    Raises:
        OutOfRangeError: a finite value is not finite in that dtype.
    """
    if dtype is None:
        return torch.from_numpy(np.array(array)).to(device)
    # numpy rounds float64 once, where torch goes to half precision by way of float32.
    small = np.ascontiguousarray(rounded(node, np.array(array), NUMPY[dtype]))
    if dtype is torch.bfloat16:
        return torch.from_numpy(small.view(np.int16)).view(torch.bfloat16).to(device)
    return torch.from_numpy(small).to(device)


def _trains(module: nn.Module) -> bool:
    """Whether new parameters take part in training: as those they stand beside do."""
    return any(parameter.requires_grad for parameter in module.parameters())
