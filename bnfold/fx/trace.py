"""From a module to a torch.fx graph of its eval-mode computation, without touching the module."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from bnfold.errors import SourceError

ADVICE = "export it with torch.onnx.export and fold the ONNX model"


def trace(module: nn.Module, given: int) -> fx.GraphModule:
    """Trace an independent copy of `module` in eval mode.

    Args:
        module: any module; it is not changed.
        given: how many positional inputs it is called with; the others keep their defaults, as far as these are
            numbers, strings or None.

    Raises:
        SourceError: it is no module, or torch.fx cannot trace it.
    """
    if not isinstance(module, nn.Module):
        raise SourceError(f"A {type(module).__name__} is no nn.Module; give a module.")
    name = type(module).__name__
    try:
        twin = copy.deepcopy(module).eval()
    except Exception as error:
        raise SourceError(f"{name} cannot be copied ({_first_line(error)}); {ADVICE}.") from None
    tracer = _Tracer()
    try:
        graph = tracer.trace(twin, _defaults(twin, given))
    except Exception as error:
        place = f"{name}.{tracer.stuck}" if tracer.stuck else name
        raise SourceError(f"torch.fx cannot trace {place} ({_first_line(error)}); {ADVICE}.") from None
    graph._tracer_cls = None  # a saved result must not need this package
    return fx.GraphModule(twin, graph, name)


class _Tracer(fx.Tracer):
    # Otherwise arithmetic on buffers would be evaluated while tracing, in the stored precision.
    proxy_buffer_attributes = True

    def __init__(self) -> None:
        super().__init__(param_shapes_constant=True)
        self.stuck = ""

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        self.param_shapes_constant = isinstance(attr_val, nn.Parameter)  # torch.fx has this for parameters only
        return super().getattr(attr, attr_val, parameter_proxy_cache)

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        try:
            return super().call_module(m, forward, args, kwargs)
        except Exception:
            self.stuck = self.stuck or self.path_of_module(m)
            raise


def _defaults(module: nn.Module, given: int) -> dict[str, Any]:
    """Optional inputs that nobody gives and that control flow may depend on, by name."""
    parameters = list(inspect.signature(type(module).forward).parameters.values())[1 + given :]
    plain = (bool, int, float, str, type(None))
    return {parameter.name: parameter.default for parameter in parameters if isinstance(parameter.default, plain)}


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")


def attribute(module: nn.Module, path: str) -> Any:
    """What lies at a dotted path of a module."""
    value: Any = module
    for atom in path.split("."):
        value = getattr(value, atom)
    return value


def tensors(value: Any) -> list[torch.Tensor]:
    """All tensors in a nest of tuples, lists and dicts, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, tuple | list):
        return []
    return [tensor for item in value for tensor in tensors(item)]
