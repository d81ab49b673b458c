"""Loop, as ONNX describes it: `onnx.reference` joins scan outputs along an axis that they have already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TypeProto, helper
from onnx.reference.ops.op_loop import Loop as VerticalLoop

from bnfold.verification.precision import Array, widen


class Loop(VerticalLoop):
    """Loop: the body is given the number of the turn, the condition and what is carried.

    It gives back the condition, what is carried, and `K` more, whose values of all turns are stacked along a new first
    axis.
    """

    body: Any
    _run_body: Any

    def _run(  # type: ignore[override]
        self,
        count: Array | None,
        on: Array | None,
        *carried: Any,
        context: dict[str, Any] | None = None,
        attributes: dict[str, Any] | None = None,
        **_: Any,
    ) -> tuple[Any, ...]:
        values: Sequence[Any] = carried
        on = np.array(True) if on is None else on
        stacks: list[list[Array]] = [[] for _ in range(self.K)]
        turn = 0
        while on.item() and (count is None or turn < count.item()):
            given = zip(self.body.input_names, (np.array(turn, np.int64), on, *values), strict=True)
            on, *results = self._run_body({**(context or {}), **dict(given)}, attributes=attributes)
            values = results[: self.N]
            for stack, value in zip(stacks, results[self.N :], strict=True):
                stack.append(value)
            turn += 1
        kinds = self.body.output_types[1 + self.N :]
        return (*values, *(np.stack(s) if s else _nothing(kind) for s, kind in zip(stacks, kinds, strict=True)))


def _nothing(kind: TypeProto) -> Array:
    """No turns of a tensor; unknown extents are 0, as ONNX Runtime has it."""
    tensor = kind.tensor_type
    shape = (0, *(dim.dim_value for dim in tensor.shape.dim))
    nothing: Array = widen(np.zeros(shape, helper.tensor_dtype_to_np_dtype(tensor.elem_type)))
    return nothing
