"""What single nodes of a traced graph are: the name of their value, who makes the call, and what reads it."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable

from torch import fx, nn

from bnfold.fx import aten
from bnfold.fx.call import Call
from bnfold.fx.probe import Probe
from bnfold.fx.reparametrized import is_observed
from bnfold.fx.table import FOREIGN, FUNCTIONS, METHODS, MODULES
from bnfold.fx.tracer import READS_ONLY_SHAPES, SHAPE_ATTRIBUTES


def name_of(node: fx.Node, seen: Probe) -> str:
    """Name of the tensor that is a node's value, or of the nest of tensors that it is."""
    if node.op == "get_attr":
        return str(node.target)
    if not _picks(node, seen):
        return node.name
    source, index = node.args
    assert isinstance(source, fx.Node)
    several = seen.values[source]
    return f"{name_of(source, seen)}.{index % len(several) if isinstance(index, int) else index}"


def scope_of(node: fx.Node) -> str:
    """Path of the module that makes the call."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    return str(stack[-1][0]) if stack else ""


def owner_of(node: fx.Node) -> str:
    """Path of what has the weight that is called with, where no module says who calls."""
    stored = [str(source.target) for source in node.all_input_nodes if source.op == "get_attr"]
    return stored[0].rpartition(".")[0] if stored else ""


def moves_nothing(node: fx.Node, seen: Probe) -> bool:
    """Whether the call reads no element of a tensor, or only picks one tensor out of several."""
    if node.op == "call_method":
        return node.target in READS_ONLY_SHAPES
    if getattr(node.target, "_opname", "") in ("sym_size", "sym_numel", "_assert_tensor_metadata"):
        return True
    if node.target is getattr:
        return node.args[1] in SHAPE_ATTRIBUTES
    return _picks(node, seen)


def _picks(node: fx.Node, seen: Probe) -> bool:
    if node.target is not operator.getitem:
        return False
    source, index = node.args
    several = seen.values.get(source) if isinstance(source, fx.Node) else None
    return isinstance(several, tuple | dict) and isinstance(index, int | str)


def reader_of(node: fx.Node, module: nn.Module | None) -> Callable[[Call], None] | None:
    """What reads the call of a function, method or module; None if nothing knows it."""
    if node.op == "call_method":
        return METHODS.get(str(node.target))
    if module is None:
        path = f"{getattr(node.target, '__module__', '')}.{getattr(node.target, '__name__', '')}"
        known = FOREIGN.get(path) or aten.reader(node.target)
        return known or (FUNCTIONS.get(node.target) if callable(node.target) else None)
    return None if is_observed(module) else MODULES.get(type(module))


def target_name(node: fx.Node, module: nn.Module | None) -> str:
    """What is called."""
    if module is not None:
        return type(module).__name__
    if node.op == "call_method":
        return str(node.target)
    name = getattr(node.target, "__name__", None)
    return str(name or inspect.formatannotation(node.target))
