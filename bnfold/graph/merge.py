"""Carry a MergePlan out on an ONNX graph: each region becomes one operator under the name of its largest layer."""

from __future__ import annotations

import onnx_ir as ir

from bnfold.graph.bodies import remove_unused
from bnfold.graph.facts import Facts
from bnfold.graph.memory import forget
from bnfold.graph.tensors import constant_tensor, set_exact, take_over
from bnfold.merge.evaluate import merged_constants
from bnfold.merge.plan import Merge, MergePlan


def apply_merges(model: ir.Model, facts: Facts, plan: MergePlan) -> None:
    """Change `model` in place as planned; the new constants are computed when they are written.

    Args:
        model: the model that `facts` were read from.
        facts: its facts.
        plan: what to do.
    """
    editor = _Editor(model, facts)
    for merge in plan.merges:
        editor.merge(merge)
    remove_unused(model)
    forget(model, {name for merge in plan.merges for name in merge.nodes})


class _Editor:
    def __init__(self, model: ir.Model, facts: Facts) -> None:
        self._graph = model.graph
        self._facts = facts
        self._names = set(ir.convenience.create_value_mapping(model.graph))

    def merge(self, merge: Merge) -> None:
        """Put one operator in the place of a region."""
        sites = [site for name in merge.nodes for site in self._facts.nodes[name]]
        host = self._facts.nodes[merge.into]
        x = next(value for site in sites for value in site.inputs if value is not None and value.name == merge.input)
        made = _operators(merge, host[0].name, x)
        graph = sites[-1].graph
        assert graph is not None
        graph.insert_after(sites[-1], made)
        old, new = sites[-1].outputs[0], made[-1].outputs[0]
        take_over(old, new)
        old.replace_all_uses_with(new, replace_graph_outputs=True)
        if len(made) > 1:
            made[0].outputs[0].name = self._new_name(f"{merge.into}.product")
        constants = [value for site in host for value in site.inputs if value and constant_tensor(value) is not None]
        graph.remove(sites, safe=True)
        self._store(merge, made, constants)

    def _store(self, merge: Merge, made: list[ir.Node], old: list[ir.Value]) -> None:
        """Give the new operator its constants, by the names of the largest layer's where nobody needs these now."""
        pattern = constant_tensor(old[0])
        assert pattern is not None
        merged = merged_constants(self._facts.network, merge)
        for index, constant in merged.items():
            called = ("input", "weight", "bias")[index]
            value = ir.Value(name=self._name_of(old[index - 1 : index], f"{merge.into}.{called}"))
            set_exact(value, constant, pattern.dtype, merge.into)
            self._graph.register_initializer(value)
            site, position = (made[-1], 1) if index == 2 and len(made) > 1 else (made[0], index)
            site.resize_inputs(max(len(site.inputs), position + 1))
            site.replace_input_with(position, value)

    def _name_of(self, old: list[ir.Value], wanted: str) -> str:
        for value in old:
            unused = value.is_initializer() and not value.uses() and not value.is_graph_output()
            if unused and value.graph is self._graph and value.name:
                name = value.name
                del self._graph.initializers[name]
                return name
        return self._new_name(wanted)

    def _new_name(self, wanted: str) -> str:
        while wanted in self._names:
            wanted += "'"
        self._names.add(wanted)
        return wanted


def _operators(merge: Merge, name: str | None, x: ir.Value) -> list[ir.Node]:
    """The merged operator without its constants: one node, or a MatMul and the Add that is its bias."""
    if merge.op != "Conv":
        made = [ir.Node("", merge.op, [x, None], name=name)]
        if merge.op == "MatMul" and merge.biased:
            made.append(ir.Node("", "Add", [made[0].outputs[0], None], name=f"{merge.into}.bias"))
        return made
    spans = merge.window.spans
    attributes = [
        ir.AttrInt64s("dilations", [span.dilation for span in spans]),
        ir.AttrInt64("group", merge.window.groups),
        ir.AttrInt64s("kernel_shape", merge.window.kernel),
        ir.AttrInt64s("pads", [*(span.front for span in spans), *(span.back for span in spans)]),
        ir.AttrInt64s("strides", [span.stride for span in spans]),
    ]
    return [ir.Node("", "Conv", [x, None], attributes, name=name)]
