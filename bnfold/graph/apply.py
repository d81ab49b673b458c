"""Carry a Plan out on an ONNX graph: rewrite the constants, take the removed nodes out, keep the interface."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from bnfold import linear
from bnfold.affine import Array
from bnfold.errors import BnfoldError
from bnfold.gauge.rules.affine import DEFAULT_EPSILON, affine_of, compressed
from bnfold.graph.constants import EXACT, constant_tensor
from bnfold.graph.facts import Facts
from bnfold.network import Node, Tensor
from bnfold.plan import Plan, Unit


class OutOfRangeError(BnfoldError):
    """A rewritten constant of `node` does not fit the stored type."""

    def __init__(self, node: str) -> None:
        super().__init__(f"a folded weight of {node} leaves the range of its type")
        self.node = node


def apply_plan(model: ir.Model, facts: Facts, plan: Plan, *, exact: bool = False) -> None:
    """Change `model` in place as planned.

    Args:
        model: the model that `facts` were read from.
        facts: its facts.
        plan: what to do.
        exact: store rewritten constants unrounded, as float64; such a model mixes types and only serves the proof.

    Raises:
        OutOfRangeError: a rewritten constant is finite but not so in the stored type.
    """
    editor = _Editor(model, facts, plan, exact)
    for node in facts.network.nodes:
        if node.name in plan.rewritten:
            editor.rewrite(node)
    for name in plan.removed:
        editor.remove(facts.nodes[name][0])
    RemoveUnusedNodesPass()(model)
    editor.rename_changed()
    if exact:
        for value in model.graph.initializers.values():
            if EXACT in value.meta:
                value.const_value = ir.tensor(value.meta[EXACT], name=value.name)
                value.type = ir.TensorType(ir.DataType.DOUBLE)


class _Editor:
    def __init__(self, model: ir.Model, facts: Facts, plan: Plan, exact: bool) -> None:
        self._graph = model.graph
        self._facts = facts
        self._plan = plan
        self._exact = exact
        self._names = set(ir.convenience.create_value_mapping(model.graph))

    def rewrite(self, node: Node) -> None:
        """Give a linear layer, or an affine operator that stays, its constants for the new units."""
        if node.name not in self._plan.linear:
            self._rewrite_affine(node)
        elif node.op in ("Conv", "ConvTranspose"):
            self._rewrite_conv(node)
        elif node.op == "Gemm":
            self._rewrite_gemm(node)
        else:
            self._rewrite_matmul(node)

    def _ends(self, node: Node, x_axis: int, inputs: int, y_axis: int, outputs: int) -> linear.Ends:
        x, y = self._unit(node.inputs[0]), self._unit(node.outputs[0])
        return linear.Ends(
            _along(x.scale, x_axis, inputs),
            _along(x.shift, x_axis, inputs),
            _along(y.gain, y_axis, outputs),
            _along(y.offset, y_axis, outputs),
        )

    def _unit(self, tensor: Tensor | None) -> Unit:
        original = Unit(np.ones(()), np.zeros(()))
        return original if tensor is None else self._plan.units.get(tensor.name, original)

    def _rewrite_conv(self, node: Node) -> None:
        (site,) = self._facts.nodes[node.name]
        weight, groups = _value(node, 1), int(node.attributes.get("group", 1))
        transposed = node.op == "ConvTranspose"
        inputs = weight.shape[0] if transposed else weight.shape[1] * groups
        outputs = weight.shape[1] * groups if transposed else weight.shape[0]
        ends = self._ends(node, 1, inputs, 1, outputs)
        formula = linear.conv_transpose if transposed else linear.conv
        new_weight, new_bias = formula(weight, _bias(node, outputs), ends, groups)
        self._write(node, site, 1, new_weight, "weight")
        if node.input(2) is not None or new_bias.any():
            self._write(node, site, 2, new_bias, "bias")

    def _rewrite_gemm(self, node: Node) -> None:
        (site,) = self._facts.nodes[node.name]
        attributes = node.attributes
        alpha, beta = float(attributes.get("alpha", 1.0)), float(attributes.get("beta", 1.0))
        transposed = bool(attributes.get("transB", 0))
        weight = _value(node, 1).T if transposed else _value(node, 1)
        inputs, outputs = weight.shape
        ends = self._ends(node, 0 if attributes.get("transA", 0) else 1, inputs, 1, outputs)
        bias = beta * np.asarray(_value(node, 2), np.float64) if node.input(2) is not None else np.zeros(outputs)
        new_weight, new_bias = linear.dense(weight * alpha, bias, ends)
        new_weight = new_weight / alpha
        self._write(node, site, 1, new_weight.T if transposed else new_weight, "weight")
        if node.input(2) is not None or new_bias.any():
            self._write(node, site, 2, new_bias, "bias")
            site.attributes["beta"] = ir.AttrFloat32("beta", 1.0)

    def _rewrite_matmul(self, node: Node) -> None:
        site, *adds = self._facts.nodes[node.name]
        weight = _value(node, 1)
        inputs, outputs = weight.shape
        new_weight, new_bias = linear.dense(weight, _bias(node, outputs), self._ends(node, -1, inputs, -1, outputs))
        self._write(node, site, 1, new_weight, "weight")
        if adds:
            index = 1 if adds[0].inputs[0] is site.outputs[0] else 0
            self._write(node, adds[0], index, new_bias.reshape(_value(node, 2).shape), "bias")
        elif new_bias.any():
            self._add_bias(node, site, new_bias)

    def _add_bias(self, node: Node, site: ir.Node, bias: Array) -> None:
        """Put a constant behind a MatMul that has none: as a Gemm where the input is a matrix, else as an Add."""
        assert node.inputs[0] is not None
        assert node.inputs[0].shape is not None
        product = site.outputs[0]
        if len(node.inputs[0].shape) == 2:
            made = ir.Node("", "Gemm", [*site.inputs, None], name=site.name)
        else:
            made = ir.Node("", "Add", [product, None], name=f"{node.name}.bias")
        self._graph.insert_after(site, made)
        self._write(node, made, len(made.inputs) - 1, bias, "bias", like=site)
        result = made.outputs[0]
        _take_over(product, result)
        product.replace_all_uses_with(result, replace_graph_outputs=True)
        if made.op_type == "Gemm":
            self._graph.remove(site, safe=True)
        else:
            made.replace_input_with(0, product)
            product.name = self._new_name(f"{node.name}.product")

    def _rewrite_affine(self, node: Node) -> None:
        (site,) = self._facts.nodes[node.name]
        affine = affine_of(node)
        index = next(i for i, t in enumerate(node.inputs) if t is not None and t.constant is None)
        x, y = self._unit(node.inputs[index]), self._unit(node.outputs[0])
        scale = y.gain * affine.scale * x.scale
        shift = y.gain * (affine.scale * x.shift + affine.shift) + y.offset
        if node.op == "BatchNormalization":
            epsilon = float(node.attributes.get("epsilon", DEFAULT_EPSILON))
            channels = scale.size
            self._write(node, site, 1, scale.reshape(-1) * np.sqrt(1 + epsilon), "weight")
            self._write(node, site, 2, shift.reshape(-1), "bias")
            self._write(node, site, 3, np.zeros(channels), "running_mean")
            self._write(node, site, 4, np.ones(channels), "running_var")
            return
        constant = {
            "Add": shift,
            "Sub": shift if index == 1 else -shift,
            "Mul": scale,
            "Div": 1 / scale,
        }[node.op]
        rank, constant = _value(node, 1 - index).ndim, compressed(constant)
        while constant.ndim > rank and constant.shape[0] == 1:
            constant = constant[0]
        self._write(node, site, 1 - index, constant, "constant")

    def _write(
        self, node: Node, site: ir.Node, index: int, array: Array, role: str, *, like: ir.Node | None = None
    ) -> None:
        """Store a constant as an input of `site`, in place where nobody else reads the old one."""
        old = site.inputs[index] if index < len(site.inputs) else None
        pattern = constant_tensor(old) or constant_tensor((like or site).inputs[1])
        assert pattern is not None
        if self._exact:
            tensor = ir.tensor(array)
        else:
            with np.errstate(over="ignore", under="ignore"):
                rounded = array.astype(pattern.dtype.numpy())
            if not np.isfinite(rounded.astype(np.float64))[np.isfinite(array)].all():
                raise OutOfRangeError(node.name)
            tensor = ir.tensor(rounded, dtype=pattern.dtype)
        if old is not None and old.is_initializer() and len(old.uses()) == 1:
            value = old
        else:
            value = ir.Value(name=self._new_name(f"{node.name}.{role}"), const_value=tensor)
            self._graph.register_initializer(value)
            if index >= len(site.inputs):
                site.resize_inputs(index + 1)
            site.replace_input_with(index, value)
        value.const_value = tensor
        value.shape, value.type = ir.Shape(array.shape), ir.TensorType(tensor.dtype)
        value.meta.pop(EXACT, None)

    def _new_name(self, wanted: str) -> str:
        while wanted in self._names:
            wanted += "'"
        self._names.add(wanted)
        return wanted

    def remove(self, site: ir.Node) -> None:
        """Take an affine operator out; whoever read its output reads its input.

        The tensor that is left goes by the name of the output if it has the output's values, as it must for an output
        of the graph.
        """
        y = site.outputs[0]
        x = next(value for value in site.inputs if value is not None and constant_tensor(value) is None)
        anchored = x.is_graph_input() or x.is_graph_output() or x.producer() is None
        if y.is_graph_output() and anchored:
            identity = ir.Node("", "Identity", [x], name=site.name)
            self._graph.insert_after(site, identity)
            x, anchored = identity.outputs[0], False
        if y.name not in self._plan.units and not anchored:
            _take_over(y, x)
        y.replace_all_uses_with(x, replace_graph_outputs=True)
        self._graph.remove(site, safe=True)

    def rename_changed(self) -> None:
        """A tensor in other units gets another name, so that equal names mean equal values."""
        for node in self._graph:
            for value in node.outputs:
                if value.name in self._plan.units:
                    value.name = self._new_name(f"{value.name}.folded")


def _take_over(old: ir.Value, new: ir.Value) -> None:
    """Give `new` what a caller sees of `old`."""
    name, old.name = old.name, None
    new.name, new.shape, new.type = name, old.shape, old.type
    new.doc_string = old.doc_string
    new.metadata_props.update(old.metadata_props)


def _along(array: Array, axis: int, extent: int) -> Array:
    """The values along one axis of units that do not vary along the others: [extent]."""
    if array.ndim == 0:
        return np.broadcast_to(array, (extent,))
    line = np.moveaxis(array, axis, -1).reshape(-1, array.shape[axis])[0]
    return np.broadcast_to(line, (extent,))


def _value(node: Node, index: int) -> np.ndarray:
    tensor = node.input(index)
    value = None if tensor is None else tensor.value()
    assert value is not None
    return value


def _bias(node: Node, features: int) -> Array:
    """The bias as float64 [features]; zeros if there is none."""
    if node.input(2) is None:
        return np.zeros(features)
    return np.asarray(_value(node, 2), np.float64).reshape(-1)
