"""Calls of model-local functions that hold something to fold are inlined; all others stay calls.

A call is one operator that nobody knows, so what its function does per channel can only be folded in the open. Inlining
is what runtimes do with it anyway. Left alone are functions written in another operator set than the model, those that
hand an input through as an output, and those that take a graph as an attribute.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx_ir as ir
from onnx_ir.passes import PreconditionError
from onnx_ir.passes.common import InlinePass, RemoveUnusedFunctionsPass

from bnfold.affine_operators import OPERATORS
from bnfold.graph.tensors import constant_tensor

_LINEAR = frozenset({"BatchNormalization", "Conv", "ConvTranspose", "Gemm", "MatMul"})
_BODIES = (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)


def inline_functions(model: ir.Model) -> int:
    """Inline, in place, the calls of functions that contain a linear or affine operator or call one that does.

    Returns:
        How many calls are gone from the main graph and its bodies.
    """
    if not model.functions:
        return 0
    calls = [node for node in _all_nodes(model) if node.op_identifier() in model.functions]
    wanted = _wanted(model, calls)
    chosen = {key for key in _self_contained(model, calls) if key in wanted}
    if not chosen:
        return 0
    for call in calls:
        if call.op_identifier() in chosen:
            _complete(call, len(model.functions[call.op_identifier()].outputs))
    before = _count(model)
    try:
        InlinePass(lambda function: function.identifier() in chosen)(model)
    except PreconditionError:  # functions that call each other in a circle
        return 0
    RemoveUnusedFunctionsPass()(model)  # type: ignore[no-untyped-call]
    return before - _count(model)


def _all_nodes(model: ir.Model) -> Iterator[ir.Node]:
    yield from model.graph.all_nodes()
    for function in model.functions.values():
        yield from function.all_nodes()


def _count(model: ir.Model) -> int:
    return sum(node.op_identifier() in model.functions for node in model.graph.all_nodes())


def _wanted(model: ir.Model, calls: Iterable[ir.Node]) -> set[ir.OperatorIdentifier]:
    """Functions worth inlining: they hold a linear or affine operator, or call a function that does."""
    wanted = {key for key, function in model.functions.items() if _folds(function, calls)}
    while True:
        callers = {
            key
            for key, function in model.functions.items()
            if any(node.op_identifier() in wanted for node in function.all_nodes())
        }
        if callers <= wanted:
            return wanted
        wanted |= callers


def _folds(function: ir.Function, calls: Iterable[ir.Node]) -> bool:
    fixed = {
        function.inputs[i]
        for call in calls
        if call.op_identifier() == function.identifier()
        for i, value in enumerate(call.inputs)
        if constant_tensor(value) is not None
    }
    for node in function.all_nodes():
        operands = [value for value in node.inputs if value is not None]
        if all(value in fixed for value in operands):
            fixed |= set(node.outputs)
        elif node.op_type in _LINEAR or (node.op_type in OPERATORS and any(value in fixed for value in operands)):
            return True
    return False


def _self_contained(model: ir.Model, calls: Iterable[ir.Node]) -> Iterator[ir.OperatorIdentifier]:
    """Functions that mean the same in the place of their calls."""
    imports = dict(model.opset_imports)
    graphs = {c.op_identifier() for c in calls if any(a.type in _BODIES for a in c.attributes.values())}
    for key, function in model.functions.items():
        same = all(imports.get(domain, version) == version for domain, version in function.opset_imports.items())
        if same and key not in graphs and not set(function.outputs) & set(function.inputs):
            imports |= function.opset_imports
            yield key


def _complete(call: ir.Node, outputs: int) -> None:
    """Give a call all outputs of its function; the pass names none that the caller left out."""
    if len(call.outputs) < outputs:
        call.resize_outputs(outputs)
    for value in call.outputs:
        value.name = value.name or None
