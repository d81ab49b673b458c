"""A model in its own float types, where ONNX Runtime has no kernels for them, or in another one.

Every operator is computed in float64, and its result is rounded to the type of the tensor that the model stores: what a
processor does that keeps tensors in bfloat16 and accumulates in something wider. The type of a result is that of the
operator's first float operand, and of a Cast the type it asks for. Bodies of functions and subgraphs are rounded at
their results only.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

from bnfold.verification.precision import FLOATS, Array, Dtype, widen
from bnfold.verification.reference import Reference
from bnfold.verification.stored import stored_types


class Emulation(Reference):
    """A model made ready to run with every tensor rounded to its type.

    Args:
        model: as for `Reference`.
        narrowed: a type that takes the place of every wider float type of the model; None leaves them as they are.

    Raises:
        Float64Error: the model has an operator that cannot be evaluated.
    """

    def __init__(self, model: ir.Model, narrowed: Dtype | None = None) -> None:
        self._narrowed = narrowed
        self._stored: dict[str, Dtype] = {}
        super().__init__(model, self._rounded_parameter)
        for name, tensor in stored_types(model).items():
            self._stored[name] = self._type(tensor)
        for value in model.graph.inputs:
            if value.dtype is not None and value.dtype.is_floating_point():
                self._stored[value.name or ""] = self._type(value.dtype.numpy())

    def run_each(
        self, batches: Sequence[Mapping[str, Array]], keep: Collection[str] | None = None
    ) -> Iterator[dict[str, Array]]:
        """Outputs by name, in the types that the model has for them.

        Raises:
            Float64Error: an operator failed.
        """
        return (self._one(feeds, keep) for feeds in batches)

    def _one(self, feeds: Mapping[str, Array], keep: Collection[str] | None) -> dict[str, Array]:
        types = dict(self._stored)
        given = {name: widen(_rounded(np.asarray(value), types[name])) if name in types else value
                 for name, value in feeds.items()}  # fmt: skip

        def after(node: onnx.NodeProto, results: list[Any]) -> list[Any]:
            kind = self._result_type(node, types)
            for name, value in zip(node.output, results, strict=False):
                if isinstance(value, np.ndarray) and value.dtype == np.float64:
                    types.setdefault(name, kind)
            return [
                widen(_rounded(value, kind)) if isinstance(value, np.ndarray) and value.dtype == np.float64 else value
                for value in results
            ]

        self._evaluator.after = after
        (results,) = super().run_each([given], keep)
        return {
            name: _rounded(value, types[name]) if value.dtype == np.float64 and name in types else value
            for name, value in results.items()
        }

    def _rounded_parameter(self, name: str, stored: Array) -> Array:
        self._stored[name] = self._type(stored.dtype)
        return _rounded(stored.astype(np.float64), self._stored[name])

    def _type(self, kind: Dtype) -> Dtype:
        if self._narrowed is not None and kind in FLOATS and kind.itemsize > self._narrowed.itemsize:
            return self._narrowed
        return kind

    def _result_type(self, node: onnx.NodeProto, types: Mapping[str, Dtype]) -> Dtype:
        if node.output[0] in types:
            return types[node.output[0]]
        if node.op_type == "Cast":
            asked = ir.DataType(next(a.i for a in node.attribute if a.name == "to"))
            return self._type(asked.numpy()) if asked.is_floating_point() else np.dtype(np.float64)
        known = (types[name] for name in node.input if name in types)
        return next(known, self._narrowed or np.dtype(np.float64))


def _rounded(values: Array, kind: Dtype) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(kind)
