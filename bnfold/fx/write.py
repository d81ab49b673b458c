"""From a lifted network to an ONNX model: where every call is known, the lift is the export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np
import onnx_ir as ir
import torch
from numpy.typing import NDArray
from torch import fx, nn

from bnfold.fx.call import Value
from bnfold.fx.forms import NotWritableError, settings_of
from bnfold.fx.lift import Lifted, lift
from bnfold.fx.nodes import name_of
from bnfold.fx.probe import Fact
from bnfold.graph.memory import remember
from bnfold.network import Dim, Node, Tensor

OPSET = 20
"""Of ONNX, the one that torch.onnx writes too; it is the first with Gelu."""
OPSET_OF_BFLOAT16 = 22
"""The first whose convolutions and pools take bfloat16."""
IR_VERSION = 10

TYPES: Mapping[torch.dtype, ir.DataType] = {
    torch.float16: ir.DataType.FLOAT16,
    torch.bfloat16: ir.DataType.BFLOAT16,
    torch.float32: ir.DataType.FLOAT,
    torch.float64: ir.DataType.DOUBLE,
    torch.int64: ir.DataType.INT64,
    torch.int32: ir.DataType.INT32,
    torch.bool: ir.DataType.BOOL,
}
ROUNDED: Mapping[torch.dtype, Any] = {
    torch.bfloat16: ml_dtypes.bfloat16,
    torch.float16: np.float16,
    torch.float32: np.float32,
}


def write_onnx(module: nn.Module, inputs: Sequence[torch.Tensor], names: Sequence[str]) -> ir.Model:
    """Write a module as an ONNX model with a dynamic batch size.

    Nodes and tensors are called by the paths of the modules they come from, initializers by those of the parameters.

    Args:
        module: any module that torch.fx traces; it is not changed.
        inputs: examples, batch first; all extents but the first are fixed to theirs.
        names: of the model's inputs.

    Raises:
        NotWritableError: a call is not known, or the batch size is fixed by the module.
        SourceError: torch.fx cannot trace the module.
        UsageError: it does not take these inputs.
    """
    return _Writer(lift(module, inputs), names).model()


@dataclass
class _Writer:
    lifted: Lifted
    names: Sequence[str]
    values: dict[str, ir.Value] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    nodes: list[ir.Node] = field(default_factory=list)
    initializers: dict[str, ir.Value] = field(default_factory=dict)

    def model(self) -> ir.Model:
        """The whole."""
        results = list(_results(self.lifted.graph_module))
        labels = ["output"] if len(results) == 1 else [label for label, _ in results]
        self.taken |= {*self.names, *labels}
        inputs = [
            self._input(tensor, name) for tensor, name in zip(self.lifted.network.inputs, self.names, strict=True)
        ]
        for node in self.lifted.network.nodes:
            self._write(node)
        outputs = [self._output(node, label) for label, (_, node) in zip(labels, results, strict=True)]
        bfloat16 = any(value.dtype == ir.DataType.BFLOAT16 for value in (*inputs, *self.initializers.values()))
        graph = ir.Graph(
            inputs,
            outputs,
            nodes=self.nodes,
            initializers=list(self.initializers.values()),
            opset_imports={"": OPSET_OF_BFLOAT16 if bfloat16 else OPSET},
            name=type(self.lifted.graph_module).__name__,
        )
        model = ir.Model(graph, ir_version=IR_VERSION, producer_name="bnfold")
        remember(model, self.lifted.network.kept)
        return model

    def _input(self, tensor: Tensor, name: str) -> ir.Value:
        if not tensor.shape or isinstance(tensor.shape[0], int):
            raise NotWritableError("the module fixes the batch size")
        fact = next(fact for node, fact in self.lifted.seen.values.items() if node.name == tensor.name)
        value = ir.Value(name=name, shape=self._shape(tensor.shape), type=self._type(fact))
        self.values[tensor.name] = value
        return value

    def _shape(self, dims: Sequence[Dim]) -> ir.Shape:
        shape = self.lifted.network.inputs[0].shape
        batch = shape[0] if shape else None
        return ir.Shape(["batch" if dim == batch else dim if isinstance(dim, int) else None for dim in dims])

    def _type(self, fact: Fact) -> ir.TensorType:
        if fact.dtype not in TYPES:
            raise NotWritableError(f"{fact.dtype} is not written")
        return ir.TensorType(TYPES[fact.dtype])

    def _write(self, node: Node) -> None:
        if node.opaque and not any(node.outputs):
            return  # an assertion
        if node.opaque:
            raise NotWritableError(f"{node.op.removeprefix('torch.')} at {node.name} is not known")
        first = node.outputs[0]
        if node.op == "Identity" and first is not None and (source := node.inputs[0]) is not None:
            self.values[first.name] = self._read(source, node)
            return
        settings, attributes = settings_of(node)
        if attributes.pop("training_mode", 0):
            raise NotWritableError(f"{node.name} normalizes by the statistics of its batch")
        inputs = [None if tensor is None else self._read(tensor, node) for tensor in node.inputs]
        bias = inputs.pop() if node.op == "MatMul" and len(inputs) > 2 else None
        for index, array in settings.items():
            inputs += [None] * (index + 1 - len(inputs))
            dtype = self._dtype(node) if array.dtype.kind == "f" else torch.int64
            inputs[index] = self._constant(f"{node.name}.{index}", array, dtype)
        while inputs and inputs[-1] is None:
            inputs.pop()
        if bias is None:
            self._emit(node.op, node.name, inputs, node.outputs, attributes)
        else:
            product = Tensor(f"{node.name}.product")
            self._emit(node.op, node.name, inputs, [product], attributes)
            self._emit("Add", f"{node.name}.Add", [self.values[product.name], bias], node.outputs, {})

    def _emit(
        self,
        op: str,
        name: str,
        inputs: Sequence[ir.Value | None],
        outputs: Sequence[Tensor | None],
        attributes: Mapping[str, Any],
    ) -> None:
        made = [ir.Value(name=self._free(name if len(outputs) == 1 else f"{name}.{i}")) for i in range(len(outputs))]
        self.nodes.append(
            ir.Node("", op, inputs, ir.convenience.convert_attributes(attributes), outputs=made, name=name)
        )
        self.values |= {tensor.name: value for tensor, value in zip(outputs, made, strict=True) if tensor is not None}

    def _read(self, tensor: Tensor, node: Node) -> ir.Value:
        if tensor.name in self.values:
            return self.values[tensor.name]
        constant = tensor.constant
        if not isinstance(constant, Value):
            raise NotWritableError(f"{tensor.name} is known at run time only")
        if constant.stored is None:  # a number, or what the network needs and the module does not store
            name = tensor.name if constant.shape else f"{node.name}.by"
            dtype = self._dtype(node) if constant.array.dtype.kind == "f" else torch.int64
            return self._constant(name, constant.array, dtype)
        array = constant.array
        if node.op == "PRelu" and array.size > 1:  # torch's slopes lie along axis 1, ONNX's broadcast
            rank = len(node.outputs[0].shape or ()) if node.outputs[0] else 0
            return self._constant(tensor.name, array.reshape(-1, *(1,) * (rank - 2)), constant.stored)
        if tensor.floating and constant.stored is not self._dtype(node):
            raise NotWritableError(f"{tensor.name} is of another type than what it meets")
        value = self._constant(tensor.name, array, constant.stored)
        self.values[tensor.name] = value
        return value

    def _constant(self, name: str, array: NDArray[Any], dtype: torch.dtype) -> ir.Value:
        if dtype not in TYPES:
            raise NotWritableError(f"{name} is of a type that is not written")
        name = self._free(name)
        stored = np.ascontiguousarray(array.astype(ROUNDED.get(dtype, array.dtype), copy=False)).reshape(array.shape)
        value = ir.Value(name=name, const_value=ir.tensor(stored, TYPES[dtype], name=name))
        value.shape, value.type = ir.Shape(array.shape), ir.TensorType(TYPES[dtype])
        self.initializers[name] = value
        return value

    def _dtype(self, node: Node) -> torch.dtype:
        fact = self.lifted.seen.values[self.lifted.sites[node.name].result]
        fact = fact[0] if isinstance(fact, tuple) and fact else fact
        if not isinstance(fact, Fact):
            raise NotWritableError(f"{node.name} makes no tensor")
        return fact.dtype

    def _output(self, node: fx.Node, label: str) -> ir.Value:
        fact, value = self.lifted.seen.values[node], self.values.get(name_of(node, self.lifted.seen))
        if value is None or value.producer() is None or value.is_graph_output() or not isinstance(fact, Fact):
            raise NotWritableError("an output is an input, a constant or another output")
        value.name, value.shape, value.type = label, self._shape(fact.shape), self._type(fact)
        return value

    def _free(self, wanted: str) -> str:
        number, name = 1, wanted
        while name in self.taken:
            number += 1
            name = f"{wanted}.{number}"
        self.taken.add(name)
        return name


def _results(graph_module: fx.GraphModule) -> Iterator[tuple[str, fx.Node]]:
    """Every tensor that the module returns and what to call it: by its key in a dict, by its place elsewhere."""
    (returned,) = next(iter(reversed(graph_module.graph.nodes))).args

    def within(value: Any, label: str) -> Iterator[tuple[str, fx.Node]]:
        if isinstance(value, fx.Node):
            yield label or "output", value
        elif isinstance(value, Mapping):
            for key, item in value.items():
                yield from within(item, f"{label}.{key}" if label else str(key))
        elif isinstance(value, tuple | list):
            for i, item in enumerate(value):
                yield from within(item, f"{label or 'output'}_{i}")
        elif value is not None:
            raise NotWritableError("it returns something that is no tensor")

    yield from within(returned, "")
