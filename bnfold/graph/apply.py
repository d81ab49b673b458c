"""Carry a Plan out on an ONNX graph: rewrite the constants, take the removed nodes out, keep the interface."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import onnx_ir as ir

from bnfold.affine import Array
from bnfold.graph.bodies import graphs, remove_unused
from bnfold.graph.facts import Facts
from bnfold.graph.memory import name_lastingly, remember
from bnfold.graph.quantized import copied, dequantized, is_constant, stored_type
from bnfold.graph.tensors import constant_tensor, set_exact, take_over
from bnfold.network import Computed, Constant, Node
from bnfold.plan import Form, Plan, Step, step_name
from bnfold.rewrite import CALLED, OutOfRangeError, new_constants, new_scales, role, rounded


def apply_plan(model: ir.Model, facts: Facts, plan: Plan) -> Mapping[str, str]:
    """Change `model` in place as planned.

    The new constants are computed when they are written, and raise OutOfRangeError then if a finite value is not so in
    the stored type; `unrounded` makes the model that has them in float64.

    Args:
        model: the model that `facts` were read from.
        facts: its facts.
        plan: what to do.

    Returns:
        By the name of every tensor of the model as it was, the name of the one that now holds it in its new units.

    Raises:
        OutOfRangeError: a scale of a quantized weight would not be positive in the stored type.
    """
    editor = _Editor(model, facts, plan)
    name_lastingly(facts.network, facts.nodes, plan.remembered)
    for node in facts.network.nodes:
        if node.name in plan.rewritten:
            editor.rewrite(node)
    for name in plan.removed:
        editor.remove(name)
    for node in facts.network.nodes:
        if plan.forms.get(node.name):
            editor.replace(node, plan.forms[node.name])
    remove_unused(model)
    editor.rename_changed()
    remember(model, plan.remembered)
    return editor.holders()


class _Editor:
    def __init__(self, model: ir.Model, facts: Facts, plan: Plan) -> None:
        self._graph = model.graph
        self._facts = facts
        self._plan = plan
        self._values = ir.convenience.create_value_mapping(model.graph)
        self._names = set(self._values)
        self._replaced: dict[ir.Value, ir.Value] = {}

    def holders(self) -> Mapping[str, str]:
        """Where every tensor of the model, as it was, is stored now."""
        found = {}
        for name, value in self._values.items():
            while value in self._replaced:
                value = self._replaced[value]
            if value.name:
                found[name] = value.name
        return found

    def _replace(self, old: ir.Value, new: ir.Value) -> None:
        """Let all readers of a tensor, and callers of the graph, read another one."""
        old.replace_all_uses_with(new, replace_graph_outputs=True)
        self._replaced[old] = new

    def rewrite(self, node: Node) -> None:
        """Give a linear layer, or an affine operator that stays, its constants for the new units."""
        site, *adds = self._facts.nodes[node.name]
        constants, scales = new_constants(node, self._plan), new_scales(node, self._plan)
        if node.op == "Gemm" and 2 in constants:
            site.attributes["beta"] = ir.AttrFloat32("beta", 1.0)
        for index, constant in constants.items():
            behind = node.op == "MatMul" and index == 2
            reader = adds[0] if behind and adds else site
            slot = next(i for i, value in enumerate(reader.inputs) if value is not site.outputs[0]) if behind else index
            if index in scales:
                self._rescale(node, reader, slot, scales[index])
            elif not behind:
                self._write(node, site, index, constant, role(node, index))
            elif adds:
                old = node.inputs[2]
                assert old is not None
                assert old.constant is not None
                self._write(node, reader, slot, _like(constant, old.constant), role(node, 2))
            else:
                self._add_bias(node, site, constant)
            if behind and adds:
                site.outputs[0].name = self._new_name(f"{node.name}.product")

    def _rescale(self, node: Node, site: ir.Node, index: int, scales: Array) -> None:
        """Change the scales of a quantized constant; where others read it too, of a DequantizeLinear of its own."""
        value = site.inputs[index]
        found = dequantized(value)
        assert value is not None
        assert found is not None
        if scales.shape == found.quantization.scales.shape and (scales == found.quantization.scales).all():
            return
        dequantize, called = found.node, role(node, index)
        if len(value.uses()) > 1 or value.is_graph_output() or dequantize.graph is not site.graph:
            dequantize = copied(dequantize, f"{node.name}.{called}.dequantized")
            assert site.graph is not None
            site.graph.insert_before(site, dequantize)
            dequantize.outputs[0].name = self._new_name(f"{node.name}.{called}")
            site.replace_input_with(index, dequantize.outputs[0])
        stored = constant_tensor(dequantize.inputs[1])
        assert stored is not None
        if scales.size > found.quantization.scales.size:
            axis = int(np.argmax(scales.shape))
            dequantize.attributes["axis"] = ir.AttrInt64("axis", axis)
            self._repeat_zero_point(node, dequantize, scales.size, called)
        shape = scales.shape if found.node.attributes.get_int("block_size", 0) else (scales.size,)
        if scales.size == 1:
            shape = tuple(stored.shape.numpy())
        if not (rounded(node.name, scales, stored.dtype.numpy()).astype(np.float64) > 0).all():
            raise OutOfRangeError(node.name)
        self._write(node, dequantize, 1, Computed.of(scales.reshape(shape)), f"{called}.scale")

    def _repeat_zero_point(self, node: Node, dequantize: ir.Node, count: int, called: str) -> None:
        """One zero point per scale."""
        old = dequantize.inputs[2] if len(dequantize.inputs) > 2 else None
        stored = constant_tensor(old)
        if stored is not None:
            name = self._new_name(f"{node.name}.{called}.zero_point")
            tensor = ir.tensor(stored.numpy().reshape(1).repeat(count), dtype=stored.dtype, name=name)
            value = ir.Value(name=name, const_value=tensor, shape=ir.Shape([count]), type=ir.TensorType(stored.dtype))
            self._graph.register_initializer(value)
            dequantize.replace_input_with(2, value)

    def _add_bias(self, node: Node, site: ir.Node, bias: Computed) -> None:
        """Put a constant behind a MatMul that has none: as a Gemm where the input is a matrix, else as an Add."""
        (rank,) = (len(t.shape) for t in node.inputs if t is not None and t.constant is None and t.shape is not None)
        product = site.outputs[0]
        if rank == 2:
            made = ir.Node("", "Gemm", [*site.inputs, None], name=site.name)
        else:
            made = ir.Node("", "Add", [product, None], name=f"{node.name}.bias")
        _put_after(site, made)
        weight = next(value for value in site.inputs if is_constant(value))
        self._write(node, made, len(made.inputs) - 1, bias, "bias", like=weight)
        result = made.outputs[0]
        take_over(product, result)
        self._replace(product, result)
        if made.op_type == "Gemm":
            _take_out(site)
        else:
            made.replace_input_with(0, product)
            product.name = self._new_name(f"{node.name}.product")

    def _write(
        self, node: Node, site: ir.Node, index: int, constant: Computed, called: str, *, like: ir.Value | None = None
    ) -> None:
        """Store a constant of the graph as an input of `site`, in place where nobody else reads the old one."""
        old = site.inputs[index] if index < len(site.inputs) else None
        dtype = stored_type(old) or stored_type(like or site.inputs[1])
        assert dtype is not None
        value = (
            old if old is not None and self._is_private(old) else ir.Value(name=self._new_name(f"{node.name}.{called}"))
        )
        set_exact(value, constant, dtype, node.name)
        if value is not old:
            self._feed(site, index, value)

    def _is_private(self, value: ir.Value) -> bool:
        """Whether a value is an initializer of the graph that one input of one node reads and no caller sees."""
        seen = value.is_graph_input() or value.is_graph_output()
        return value.is_initializer() and value.graph is self._graph and not seen and len(value.uses()) == 1

    def _new_name(self, wanted: str) -> str:
        while wanted in self._names:
            wanted += "'"
        self._names.add(wanted)
        return wanted

    def remove(self, node: str) -> None:
        """Take an affine operator out; whoever read its output reads its input.

        The tensor that is left goes by the name of the output if it has the output's values, as it must for an output
        of the graph.
        """
        site = self._facts.nodes[node][0]
        y = site.outputs[0]
        x = next(value for value in site.inputs if value is not None and not is_constant(value))
        captured = x.graph is not site.graph
        anchored = captured or x.is_graph_input() or x.is_graph_output() or x.producer() is None
        if y.is_graph_output() and anchored:
            identity = ir.Node("", "Identity", [x], name=site.name)
            _put_after(site, identity)
            x, anchored = identity.outputs[0], False
        if y.name not in self._plan.units and not anchored and node not in self._plan.inside:
            take_over(y, x)
        self._replace(y, x)
        _take_out(site)

    def replace(self, node: Node, form: Form) -> None:
        """Put the steps of a form in the place of a node; the last writes the node's output."""
        site = self._facts.nodes[node.name][-1]
        data = next(value for value in site.inputs if value is not None and not is_constant(value))
        dtype = next(tensor.dtype for tensor in (*node.outputs, *node.inputs) if tensor is not None and tensor.dtype)
        position = site
        for step in form:
            last = step is form[-1]
            name = site.name if last else step_name(node.name, form, step)
            made = ir.Node("", step.op, [data], ir.convenience.convert_attributes(step.attributes), name=name)
            _put_after(position, made)
            for index, constant in step.constants.items():
                value = self._new_constant(node, step, index)
                set_exact(value, constant, ir.DataType.from_numpy(dtype), node.name)
                self._feed(made, index, value)
            for index, integers in step.integers.items():
                value = self._new_constant(node, step, index)
                value.const_value = ir.tensor(list(integers), ir.DataType.INT64, name=value.name)
                value.shape, value.type = ir.Shape((len(integers),)), ir.TensorType(ir.DataType.INT64)
                self._feed(made, index, value)
            position, data = made, made.outputs[0]
            if not last:
                data.name = self._new_name(f"{name}.output")
        take_over(site.outputs[0], data)
        self._replace(site.outputs[0], data)
        _take_out(site)

    def _new_constant(self, node: Node, step: Step, index: int) -> ir.Value:
        return ir.Value(name=self._new_name(f"{node.name}.{CALLED.get((step.op, index), 'constant')}"))

    def _feed(self, site: ir.Node, index: int, value: ir.Value) -> None:
        """Make a new initializer an input of a node."""
        self._graph.register_initializer(value)
        site.resize_inputs(max(len(site.inputs), index + 1))
        site.replace_input_with(index, value)

    def rename_changed(self) -> None:
        """A tensor in other units gets another name, so that equal names mean equal values."""
        for node in (node for graph in graphs(self._graph) for node in graph):
            for value in node.outputs:
                if value.name in self._plan.units:
                    value.name = self._new_name(f"{value.name}.folded")


def _like(constant: Computed, old: Constant) -> Computed:
    """The constant in the shape of the one whose place it takes, where that has as many elements."""
    shape = tuple(int(extent) for extent in old.shape)
    if math.prod(shape) != math.prod(constant.shape):
        return constant
    return Computed(shape, lambda: constant.numpy().reshape(shape))


def _put_after(site: ir.Node, made: ir.Node) -> None:
    assert site.graph is not None
    site.graph.insert_after(site, made)


def _take_out(site: ir.Node) -> None:
    assert site.graph is not None
    site.graph.remove(site, safe=True)
