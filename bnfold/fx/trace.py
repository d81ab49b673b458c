"""From a module to a torch.fx graph of its eval-mode computation, without touching the module."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import fx, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from bnfold.errors import SourceError, first_line
from bnfold.fx.tracer import Tracer

ADVICE = "export it with torch.onnx.export and fold the ONNX model"


def trace(module: nn.Module, given: Sequence[Any]) -> fx.GraphModule:
    """Trace an independent copy of `module` in eval mode.

    Args:
        module: any module; it is not changed.
        given: the positional inputs that it is called with; the others keep their defaults, as far as these are
            numbers, strings or None. What the shapes and types of the inputs decide, and inputs that are true, false,
            a string or None, is decided for good.

    Raises:
        SourceError: it is no module, or torch.fx cannot trace it.
    """
    if not isinstance(module, nn.Module):
        raise SourceError(f"A {type(module).__name__} is no nn.Module; give a module.")
    if isinstance(module, torch.jit.ScriptModule):
        raise SourceError("A TorchScript module has no Python code that torch.fx could trace; fold it to an ONNX file.")
    name = type(module).__name__
    twin = in_eval_mode(module)
    tracer = Tracer(given)
    try:
        graph = tracer.trace(twin, _settled(twin, given))
    except Exception as error:
        place = f"{name}.{tracer.stuck}" if tracer.stuck else name
        raise SourceError(f"torch.fx cannot trace {place} ({first_line(error)}); {ADVICE}.") from None
    _refuse_changed_attributes(twin)
    graph._tracer_cls = None  # a saved result must not need this package
    return fx.GraphModule(twin, graph, name)


def unwrapped(module: nn.Module) -> nn.Module:
    """The module itself, where torch.compile or data parallelism have put another around it."""
    while True:
        if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            module = module.module
        elif isinstance(inner := getattr(module, "_orig_mod", None), nn.Module):
            module = inner
        else:
            return module


def in_eval_mode(module: nn.Module) -> nn.Module:
    """A copy of a module, in eval mode.

    Raises:
        SourceError: it cannot be copied, or has lazy layers that have no parameters yet.
    """
    name = type(module).__name__
    for path, part in module.named_modules():
        held = (*part._parameters.values(), *part._buffers.values())
        if any(isinstance(tensor, UninitializedParameter | UninitializedBuffer) for tensor in held):
            raise SourceError(f"{name} has lazy layers that have seen no input yet, such as {path}; run it once first.")
    try:
        twin = copied(module)
    except Exception as error:
        raise SourceError(f"{name} cannot be copied ({first_line(error)}); {ADVICE}.") from None
    try:
        return twin.eval()
    except NotImplementedError:  # an exported program has one mode only
        return twin


def copied(module: nn.Module) -> nn.Module:
    """A deep copy; tensors that were computed, as pruning and weight_norm leave them behind, are constants in it."""
    computed = (value for part in module.modules() for value in vars(part).values() if isinstance(value, torch.Tensor))
    return copy.deepcopy(module, {id(value): value.detach().clone() for value in computed if not value.is_leaf})


def _settled(module: nn.Module, given: Sequence[Any]) -> dict[str, Any]:
    """Inputs that control flow may depend on: optional ones that nobody gives, and switches; by name."""
    parameters = list(inspect.signature(type(module).forward).parameters.values())[1:]
    plain = (bool, int, float, str, type(None))
    left_out = {p.name: p.default for p in parameters[len(given) :] if isinstance(p.default, plain)}
    positional = [p.name for p in parameters if p.kind is not inspect.Parameter.VAR_POSITIONAL]
    switches = {
        name: value
        for name, value in zip(positional, given, strict=False)
        if isinstance(value, bool | str | type(None))
    }
    return {**switches, **left_out}


def _refuse_changed_attributes(module: nn.Module) -> None:
    for path, part in module.named_modules():
        for name, value in (*vars(part).items(), *part._buffers.items()):
            if isinstance(value, fx.Proxy):
                where = f"{path}.{name}" if path else name
                raise SourceError(f"The module changes its own attribute {where} whenever it runs; {ADVICE}.")


def attribute(module: nn.Module, path: str) -> Any:
    """What lies at a dotted path of a module."""
    value: Any = module
    for atom in path.split("."):
        value = getattr(value, atom)
    return value


def items(value: Any) -> list[tuple[Any, Any]] | None:
    """Keys and values of a tuple, list, dict or instance of a dataclass; None for anything else."""
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, tuple | list):
        return list(enumerate(value))
    if is_dataclass(value) and not isinstance(value, type):
        return [(field.name, getattr(value, field.name)) for field in fields(value)]
    return None


def tensors(value: Any) -> list[torch.Tensor]:
    """All tensors in a nest of tuples, lists, dicts and dataclasses, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    return [tensor for _, item in items(value) or () for tensor in tensors(item)]
