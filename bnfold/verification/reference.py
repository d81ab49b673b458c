"""A float64 interpreter for ONNX models: the truth that float32 runtimes are measured against.

Every float16, bfloat16 and float32 initializer, constant and input becomes float64, and so does the result of
every cast to one of these types. The operators are those of `onnx.reference`, except the ones in
`bnfold.verification.operators` and those that have no float64 implementation at all (see `evaluator`).
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import numpy as np
import onnx
import onnx_ir as ir

from bnfold.verification.evaluator import Evaluator, Float64Error, one_line
from bnfold.verification.precision import NARROW, Array, widen

Parameters = Callable[[str, Array], Array]

TOGETHER = 1 << 19
"""Numbers of input that go through a model together: three images of 224 by 224, whose tensors all are in memory."""


class Reference:
    """A model made ready to run in float64.

    Args:
        model: functions and subgraphs included; initializers may be stored in any mix of float types.
        parameters: called with the name and the stored array of every float initializer and Constant; returns
            the values to compute with (float64). Default: the stored values.

    Raises:
        Float64Error: the model has an operator that cannot be evaluated in float64.
    """

    def __init__(self, model: ir.Model, parameters: Parameters | None = None) -> None:
        self.outputs: list[str] = [_name(value) for value in model.graph.outputs]
        self._parameters = parameters or _as_stored
        try:
            self._evaluator = Evaluator(_skeleton(model))
        except Float64Error:
            raise
        except Exception as error:
            raise Float64Error(f"The model cannot be evaluated in float64: {one_line(error)}") from error
        for node in self._evaluator.rt_nodes_:
            if node.op_type == "Constant" and isinstance(getattr(node, "cst", None), np.ndarray):
                node.cst = self._read(node.output[0], node.cst)
        stored = {name: value.const_value for name, value in model.graph.initializers.items()}
        self._weights = _Weights({name: tensor for name, tensor in stored.items() if tensor is not None}, self._read)

    def run(self, feeds: Mapping[str, Array], keep: Collection[str] | None = None) -> dict[str, Array]:
        """Outputs by name, and the intermediates named in `keep` that the model has.

        Args:
            feeds: every input without initializer, by name, in any float type.
            keep: intermediates to return too; all others are freed after their last reader.

        Raises:
            Float64Error: an operator failed or would have narrowed its result.
        """
        (found,) = self.run_each([feeds], keep)
        return found

    def run_each(
        self, batches: Sequence[Mapping[str, Array]], keep: Collection[str] | None = None
    ) -> Iterator[dict[str, Array]]:
        """The same for several sets of inputs, some of them together, so that a weight is made once for all of these.

        Raises:
            Float64Error: as `run`.
        """
        wanted = list(dict.fromkeys([*self.outputs, *(keep or ())]))
        self._evaluator.work = 0
        for some in _together(batches):
            given = [{name: widen(np.asarray(value)) for name, value in feeds.items()} for feeds in some]
            with np.errstate(all="ignore"):
                found = self._evaluator.evaluate(given, wanted, self._weights)
            yield from ({name: results[name] for name in wanted if name in results} for results in found)

    @property
    def lent(self) -> list[str]:
        """The operators that so far were run on ONNX Runtime in float32."""
        return list(dict.fromkeys(self._evaluator.lent))

    @property
    def work(self) -> int:
        """What the last run took so far, all its inputs together, in multiply-adds (see `effort`)."""
        return self._evaluator.work

    def _read(self, name: str, stored: Array) -> Array:
        if stored.dtype in NARROW or stored.dtype == np.float64:
            return np.asarray(self._parameters(name, stored), np.float64)
        return stored


class _Weights(Mapping[str, Array]):
    """Initializers as the values to compute with, made anew whenever one is asked for: nobody holds them all."""

    def __init__(self, stored: Mapping[str, ir.TensorProtocol], read: Parameters) -> None:
        self._stored, self._read = stored, read

    def __getitem__(self, name: str) -> Array:
        return self._read(name, self._stored[name].numpy())

    def __contains__(self, name: object) -> bool:
        return name in self._stored

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)


def _together(batches: Sequence[Mapping[str, Array]]) -> Iterator[list[Mapping[str, Array]]]:
    """Groups of sets of inputs, in order, that hold no more than TOGETHER numbers or are alone."""
    some: list[Mapping[str, Array]] = []
    size = 0
    for feeds in batches:
        elements = sum(np.size(value) for value in feeds.values())
        if some and size + elements > TOGETHER:
            yield some
            some, size = [], 0
        some.append(feeds)
        size += elements
    if some:
        yield some


def _skeleton(model: ir.Model) -> onnx.ModelProto:
    """The model without its top-level initializers, which may exceed what one protobuf message can hold."""
    graph = onnx.GraphProto(name=model.graph.name or "graph")
    for value in model.graph.inputs:
        graph.input.append(_wide_type(value))
    for value in model.graph.outputs:
        graph.output.append(_wide_type(value))
    for node in model.graph:
        graph.node.append(ir.serde.serialize_node(node))
    opsets = [onnx.OperatorSetIdProto(domain=d, version=v) for d, v in model.opset_imports.items()]
    functions = [ir.serde.serialize_function(function) for function in model.functions.values()]
    for function in functions:
        del function.value_info[:]
    return onnx.ModelProto(ir_version=model.ir_version, graph=graph, opset_import=opsets, functions=functions)


def _wide_type(value: ir.Value) -> onnx.ValueInfoProto:
    info = onnx.ValueInfoProto(name=_name(value))
    narrow = value.dtype in (ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.BFLOAT16)
    kind = ir.DataType.DOUBLE if narrow else value.dtype or ir.DataType.UNDEFINED
    info.type.tensor_type.elem_type = kind.value
    return info


def _name(value: ir.Value) -> str:
    return value.name or ""


def _as_stored(_: str, stored: Array) -> Array:
    return stored.astype(np.float64, copy=False)
