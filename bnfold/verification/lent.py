"""Single operators that have no float64 implementation, run on ONNX Runtime in float32.

Everything else stays in float64. Such an operator is a cut: equal inputs give equal results, so where another model
gives it inputs that agree within CUT, it gets the results that it had before, and what lies behind is compared in
float64 as if the operator were exact. Inputs that differ by more are run, and their difference shows.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from bnfold.verification.precision import Array, widen
from bnfold.verification.runtime import run_file

CUT = 1e-10
"""Of the largest value of an input; what an exact rewrite may differ by as well."""
KEPT = 64
"""Results that are remembered, of all operators together."""

_RESULTS: deque[tuple[bytes, list[Array | None], list[Array]]] = deque(maxlen=KEPT)


class Lent:
    """One operator of a model, with what `onnx.reference` asks of those it runs.

    Args:
        node: without subgraphs and without attributes of a function around it.
        opsets: versions of the operator sets, by domain.
    """

    has_linked_attribute = False

    def __init__(self, node: onnx.NodeProto, opsets: Mapping[str, int]) -> None:
        self.onnx_node = node
        self.input: list[str] = list(node.input)
        self.output: list[str] = list(node.output)
        self.op_type: str = node.op_type
        self._opsets = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
        plain = onnx.NodeProto()
        plain.CopyFrom(node)
        plain.name = plain.doc_string = ""
        del plain.input[:], plain.output[:]
        self._what = plain.SerializeToString(deterministic=True)

    def need_context(self) -> bool:
        """Whether it reads more than its inputs."""
        return False

    def run(self, *inputs: Array | None, **_: Any) -> tuple[Array, ...]:
        """Results, floats in float64.

        Raises:
            RuntimeRefusedError: ONNX Runtime cannot run it either.
        """
        for what, known, results in _RESULTS:
            if what == self._what and len(known) == len(inputs) and all(map(_agree, known, inputs)):
                return tuple(results)
        results = [widen(value) for value in self._computed(inputs)]
        _RESULTS.append((self._what, list(inputs), results))
        return tuple(results)

    def _computed(self, inputs: Sequence[Array | None]) -> list[Array]:
        feeds = {
            f"x{index}": value.astype(np.float32) if value.dtype == np.float64 else value
            for index, value in enumerate(inputs)
            if value is not None
        }
        infos = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
            for name, value in feeds.items()
        ]
        node = onnx.NodeProto()
        node.CopyFrom(self.onnx_node)
        node.input[:] = [f"x{index}" if value is not None else "" for index, value in enumerate(inputs)]
        node.output[:] = [f"y{index}" if name else "" for index, name in enumerate(self.output)]
        outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
        graph = helper.make_graph([node], "lent", infos, outputs)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "operator.onnx"
            onnx.save(helper.make_model(graph, opset_imports=self._opsets, ir_version=10), path)
            (found,) = run_file(path, [feeds])
        return [found[name] if name else np.zeros(0) for name in node.output]


def lends(node: onnx.NodeProto) -> bool:
    """Whether an operator can be run alone: it has no subgraph, and no attribute of a function around it."""
    kinds = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)
    return not any(attribute.type in kinds or attribute.ref_attr_name for attribute in node.attribute)


def _agree(known: Array | None, value: Array | None) -> bool:
    if known is None or value is None:
        return known is value
    if known.shape != value.shape or known.dtype != value.dtype:
        return False
    if known.dtype != np.float64:
        return bool(np.array_equal(known, value))
    with np.errstate(invalid="ignore"):
        return bool(np.abs(known - value).max(initial=0) <= CUT * np.abs(known).max(initial=0))
