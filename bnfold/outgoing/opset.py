"""Another operator set version, by onnx's own converter."""

from __future__ import annotations

import onnx
import onnx_ir as ir

from bnfold.errors import UsageError, first_line

OLDEST = 7
"""Older operator sets have broadcasting rules of their own."""

_SMALL = 1024


def check_version(version: int) -> None:
    """Raise `UsageError` if no model can have this operator set version."""
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST <= version <= newest:
        raise UsageError(f"--opset {version} is not between {OLDEST} and {newest}, the newest that onnx knows.")


def convert_opset(model: ir.Model, version: int) -> ir.Model:
    """The model in another version of the default operator set; its weights and their exact values are shared.

    Args:
        model: is not changed.
        version: from 7 to the newest one that onnx knows.

    Raises:
        UsageError: the version is out of that range, or an operator of the model cannot be converted.
    """
    check_version(version)
    if model.opset_imports.get("") == version:
        return model
    foreign = sorted({node.domain for node in model.graph.all_nodes()} - {"", "ai.onnx"})
    if model.functions or foreign:
        raise UsageError(
            f"--opset {version} cannot be reached: onnx's converter does not know the model's own operators "
            f"({', '.join(foreign) or 'functions'})."
        )
    light = model.clone()
    heavy = _take_weights(light)
    try:
        proto = onnx.version_converter.convert_version(ir.to_proto(light), version)
        proto.ir_version = max(model.ir_version or 0, onnx.helper.find_min_ir_version_for(proto.opset_import))
        onnx.checker.check_model(proto)
    except Exception as error:  # the converter raises RuntimeError with a C++ location in front
        reason = first_line(error).rpartition("failed: ")[2]
        raise UsageError(f"--opset {version} cannot be reached: {reason or type(error).__name__}.") from None
    return _with_weights(ir.from_proto(proto), model, heavy)


def _take_weights(model: ir.Model) -> set[str]:
    """Make inputs of large initializers, for the converter would copy them several times; returns their names."""
    taken = set()
    for name, value in list(model.graph.initializers.items()):
        tensor = value.const_value
        if tensor is None or tensor.size <= _SMALL or value.is_graph_input():
            continue
        value.shape, value.type = ir.Shape(tensor.shape.numpy()), ir.TensorType(tensor.dtype)
        del model.graph.initializers[name]
        model.graph.inputs.append(value)
        taken.add(name)
    return taken


def _with_weights(converted: ir.Model, model: ir.Model, heavy: set[str]) -> ir.Model:
    """The converted model with everything that its converter did not see or keep."""
    graph = converted.graph
    for value in [value for value in graph.inputs if value.name in heavy]:
        graph.inputs.remove(value)
        value.const_value = model.graph.initializers[value.name or ""].const_value
        graph.register_initializer(value)
    for name, value in graph.initializers.items():
        if name in model.graph.initializers:
            value.meta.update(model.graph.initializers[name].meta)
    converted.metadata_props.update(model.metadata_props)
    for side in ("inputs", "outputs"):
        for new, old in zip(getattr(graph, side), getattr(model.graph, side), strict=True):
            new.shape, new.type, new.doc_string = old.shape, old.type, old.doc_string
            new.metadata_props.update(old.metadata_props)
    return converted
