"""Regions of operators that work in any layout, between Transposes: they change over if fewer Transposes are left.

A network converted from a channels-last framework moves the channels before and behind every convolution. Whatever lies
in between, as far as it has the same form in another layout, is one region; it changes over as a whole or not at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from bnfold.graph.shapes import UNKNOWN, Known
from bnfold.graph.tensors import constant_tensor, exact_of, set_exact, take_over
from bnfold.layout.operators import Change, Rewritten, entered, rewritten
from bnfold.layout.view import Perm, Views, inverse, perm_of
from bnfold.network import Computed


@dataclass(frozen=True)
class _Region:
    """Nodes and their other forms, and the layout that every tensor has which they read or write in one."""

    forms: Mapping[ir.Node, Rewritten]
    layouts: Mapping[ir.Value, Perm]

    def sources(self) -> list[ir.Value]:
        """What the region reads in its layout and does not compute itself."""
        made = set(self.results())
        read = [node.inputs[index] for node, form in self.forms.items() for index in form.moved]
        return [value for value in dict.fromkeys(read) if value is not None and value not in made]

    def results(self) -> list[ir.Value]:
        """What it computes that changes its layout."""
        return [value for node, form in self.forms.items() if not form.same for value in node.outputs if value.name]

    def readers(self, value: ir.Value) -> list[ir.Node]:
        """Who reads a tensor outside the region."""
        return [node for node in dict.fromkeys(value.consumers()) if node not in self.forms]

    def undoes(self, node: ir.Node) -> bool:
        """Whether a reader of a result is a Transpose that the changed region needs no more."""
        value = node.inputs[0]
        layout = None if value is None else self.layouts.get(value)
        return layout is not None and perm_of(node) == inverse(layout)


def change_layouts(model: ir.Model, known: dict[str, Known], views: Views) -> bool:
    """Change over, in place, one region of the main graph that is better off; whether there was one."""
    opset = model.opset_imports.get("", 1)
    for transpose in list(model.graph):
        perm = perm_of(transpose)
        if perm is None:
            continue
        for reader in dict.fromkeys(transpose.outputs[0].consumers()):
            region = _grown(model.graph, reader, perm, opset, known)
            if region.forms and _gains(region, known):
                _Editor(model, known, views).change(region)
                return True
    return False


def _grown(graph: ir.Graph, start: ir.Node, perm: Perm, opset: int, known: Mapping[str, Known]) -> _Region:
    """The largest region around a node that reads a tensor in the layout."""
    forms: dict[ir.Node, Rewritten] = {}
    layouts: dict[ir.Value, Perm] = {}
    waiting = [(start, perm, True)]
    while waiting:
        node, layout, reads = waiting.pop()
        outside = node in forms or node.graph is not graph
        if outside or (node.op_type == "Transpose" and len(layout) == len(perm)):  # it ends the region
            continue
        entry = layout if reads else entered(node, layout, known)
        form = None if entry is None else rewritten(node, entry, opset, known)
        if entry is None or form is None or (form.same and not reads):
            continue
        end = form.result or entry
        read = [value for index in form.moved if (value := node.inputs[index]) is not None]
        made = [] if form.same else [value for value in node.outputs if value.name]
        claimed = {**dict.fromkeys(read, entry), **dict.fromkeys(made, end)}
        agrees = all(layouts.get(value, theirs) == theirs for value, theirs in claimed.items())
        if not (agrees and (reads or end == layout)):
            continue
        forms[node] = form
        layouts.update(claimed)
        waiting += [(producer, entry, False) for value in read if (producer := value.producer()) is not None]
        waiting += [(reader, end, True) for value in made for reader in value.consumers()]
    return _Region({node: forms[node] for node in graph if node in forms}, layouts)


def _gains(region: _Region, known: Mapping[str, Known]) -> bool:
    """Whether fewer Transposes are left, that do not move more elements."""
    nodes = elements = 0

    def count(value: ir.Value, sign: int) -> None:
        nonlocal nodes, elements
        shape = known.get(value.name or "", UNKNOWN).shape or ()
        nodes += sign
        elements += sign * math.prod(extent for extent in shape if isinstance(extent, int))

    for value in region.sources():
        if perm_of(value.producer()) != region.layouts[value]:
            count(value, 1)
        elif not region.readers(value) and not value.is_graph_output():
            count(value, -1)
    for value in region.results():
        readers = region.readers(value)
        for node in readers:
            if region.undoes(node):
                count(node.outputs[0], -1)
        if value.is_graph_output() or not all(region.undoes(node) for node in readers):
            count(value, 1)
    return nodes < 0 and elements <= 0


class _Editor:
    def __init__(self, model: ir.Model, known: dict[str, Known], views: Views) -> None:
        self._graph = model.graph
        self._known = known
        self._views = views
        self._names = set(ir.convenience.create_value_mapping(model.graph))

    def change(self, region: _Region) -> None:
        """Write the region's nodes for the other layout."""
        sources = {value: self._source(value, region) for value in region.sources()}
        for node, form in region.forms.items():
            for index in form.moved:
                value = node.inputs[index]
                if value in sources:
                    node.replace_input_with(index, sources[value])
            for index, change in form.constants.items():
                self._constant(node, index, change)
            node.attributes.update(form.attributes)
        for value in region.results():
            self._result(value, region)
        for value in sources:
            producer = value.producer()
            unused = not value.uses() and not value.is_graph_output()
            if producer is not None and producer.inputs[0] is sources[value] and unused and value.name:
                self._views.gone(value.name, sources[value].name or "", region.layouts[value])
                self._graph.remove(producer, safe=True)

    def _source(self, value: ir.Value, region: _Region) -> ir.Value:
        """The tensor in the region's layout."""
        producer, perm = value.producer(), region.layouts[value]
        if producer is not None and perm_of(producer) == perm:
            source = producer.inputs[0]
            assert source is not None
            return source
        made = self._transpose(value, inverse(perm), f"{value.name}.transposed")
        first = next(node for node in region.forms if value in node.inputs)
        self._graph.insert_before(first, made)
        return made.outputs[0]

    def _result(self, value: ir.Value, region: _Region) -> None:
        """A tensor that comes in another layout now takes the name of one that was this; others get it as it was."""
        old, readers, perm = value.name, region.readers(value), region.layouts[value]
        assert old is not None
        undone = [node for node in readers if region.undoes(node)]
        named = next((node.outputs[0] for node in undone if node.outputs[0].is_graph_output()), None)
        named = named or (undone[0].outputs[0] if undone else None)
        before = self._known.get(old, UNKNOWN)
        shape = None if before.shape is None else tuple(before.shape[axis] for axis in inverse(perm))
        others = [node for node in readers if node not in undone]
        if others or value.is_graph_output():
            self._copy(value, old, others, perm)
        if named is None:
            value.name = self._free(f"{old}.transposed")
            value.shape = None if shape is None or value.type is None else ir.Shape(shape)
        else:
            take_over(named, value)
        assert value.name is not None
        self._known[value.name] = Known(shape, before.dtype)
        if not (others or any(old == output.name for output in self._graph.outputs)):
            self._views.gone(old, value.name, perm)
        for node in undone:
            self._undo(node, value)

    def _undo(self, node: ir.Node, value: ir.Value) -> None:
        """Take a Transpose out whose result is `value` now."""
        result = node.outputs[0]
        if result.is_graph_output() and result.name is not None:  # a second output that is the same
            same = ir.Node("", "Identity", [value], name=node.name)
            same.outputs[0].shape, same.outputs[0].type = result.shape, result.type
            self._graph.insert_before(node, same)
            name, result.name = result.name, None
            same.outputs[0].name = name
            result.replace_all_uses_with(same.outputs[0], replace_graph_outputs=True)
        else:
            if result.name is not None and value.name is not None:
                self._views.gone(result.name, value.name)
            result.replace_all_uses_with(value, replace_graph_outputs=True)
        self._graph.remove(node, safe=True)

    def _copy(self, value: ir.Value, name: str, readers: list[ir.Node], perm: Perm) -> None:
        """Give readers outside the region, and the caller, the tensor as it was."""
        producer = value.producer()
        assert producer is not None
        made = self._transpose(value, perm, None)
        copy = made.outputs[0]
        copy.shape, copy.type, copy.doc_string = value.shape, value.type, value.doc_string
        copy.metadata_props.update(value.metadata_props)
        for node, index in list(value.uses()):
            if node in readers:
                node.replace_input_with(index, copy)
        for index, output in enumerate(self._graph.outputs):
            if output is value:
                self._graph.outputs[index] = copy
        value.name = None
        copy.name = name
        self._graph.insert_after(producer, made)

    def _transpose(self, value: ir.Value, perm: Perm, name: str | None) -> ir.Node:
        made = ir.Node("", "Transpose", [value], [ir.AttrInt64s("perm", perm)], name=self._free(f"{value.name}.layout"))
        if name is not None:
            known = self._known.get(value.name or "", UNKNOWN)
            result = made.outputs[0]
            result.name, result.type = self._free(name), value.type
            shape = None if known.shape is None else tuple(known.shape[axis] for axis in perm)
            result.shape = None if shape is None or value.type is None else ir.Shape(shape)
            self._known[result.name] = Known(shape, known.dtype)
        return made

    def _constant(self, node: ir.Node, index: int, change: Change) -> None:
        value = node.inputs[index]
        tensor = constant_tensor(value)
        assert value is not None
        assert tensor is not None
        made, exact = ir.Value(name=self._free(f"{value.name}.transposed")), exact_of(value)
        array = np.ascontiguousarray(change(tensor.numpy()))
        if exact is None:
            made.const_value = ir.tensor(array, dtype=tensor.dtype, name=made.name)
            made.shape, made.type = ir.Shape(array.shape), ir.TensorType(tensor.dtype)
        else:
            set_exact(made, Computed.of(change(exact.numpy())), tensor.dtype, node.name or "")
        self._graph.register_initializer(made)
        node.replace_input_with(index, made)

    def _free(self, wanted: str) -> str:
        while wanted in self._names:
            wanted += "'"
        self._names.add(wanted)
        return wanted
