"""A torch.fx tracer that settles control flow by what the example inputs fix: shapes, types and devices.

`if x.shape[1] == 3`, `len(x.shape)`, `range(x.shape[2])` and `x.requires_grad` are evaluated on the example inputs
where they are asked for, with two batch sizes; what the values of tensors or the batch size decide is refused.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import fx, nn
from torch.fx.proxy import Attribute, TraceError

from bnfold.fx.reparametrized import is_observed, is_reparametrized

READS_ONLY_SHAPES = frozenset({"size", "dim", "ndimension", "numel", "nelement", "is_floating_point", "stride"})
SHAPE_ATTRIBUTES = frozenset({"shape", "ndim", "dtype", "device", "is_cuda", "requires_grad", "itemsize"})


class Tracer(fx.Tracer):
    """Traces one module.

    Attributes:
        stuck: path of the innermost module that could not be traced.
    """

    # Otherwise arithmetic on buffers would be evaluated while tracing, in the stored precision.
    proxy_buffer_attributes = True

    def __init__(self, given: Sequence[Any]) -> None:
        super().__init__(param_shapes_constant=True)
        self.stuck: str = ""
        self._runs = [list(given), [longer(value) for value in given]]
        self._known: list[dict[fx.Node, Any]] = [{}, {}]
        self._evaluating = False
        self._opened: set[nn.Module] = set()

    def trace(self, root: Any, concrete_args: dict[str, Any] | None = None) -> fx.Graph:
        graph = super().trace(root, concrete_args)
        for layer in self._opened:  # their hooks are part of the graph now
            layer._forward_hooks.clear()
            layer._forward_pre_hooks.clear()
        return graph

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return "forward" not in vars(m) and super().is_leaf_module(m, module_qualified_name)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        if self._evaluating:
            return attr_val
        self.param_shapes_constant: bool = isinstance(attr_val, nn.Parameter)  # torch.fx has this for parameters only
        return super().getattr(attr, attr_val, parameter_proxy_cache)

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if self._evaluating:
            return forward(*args, **kwargs)
        path = self.path_of_module(m)
        opened = is_observed(m) and not is_reparametrized(m) and self.is_leaf_module(m, path)
        try:
            if opened:  # its hooks are traced, and its forward is the call
                self._opened.add(m)
                m.forward = lambda *args, **kwargs: self.create_proxy("call_module", path, args, kwargs)
            return super().call_module(m, forward, args, kwargs)
        except Exception:  # only noted: it goes on to whoever asked for the trace
            self.stuck = self.stuck or path
            raise
        finally:
            if opened:
                del m.forward

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def to_bool(self, obj: fx.Proxy) -> bool:
        return bool(self.number(obj, "control flow"))

    def iter(self, obj: fx.Proxy) -> Iterator[Any]:
        return (operator.getitem(obj, position) for position in range(self.length(obj)))

    def number(self, proxy: fx.Proxy, what: str) -> Any:
        """The value of a proxy, if shapes and types alone decide it, the same for every batch size.

        Raises:
            TraceError: they do not; `what` says what it was wanted for.
        """
        if not _follows_from_shapes(proxy.node):
            raise TraceError(f"{what} depends on the values of a tensor")
        return self._agreed(proxy, what, lambda value: value)

    def length(self, proxy: fx.Proxy) -> int:
        """How many items a proxy has, if that is the same for every batch size; raises TraceError as `number` does."""
        return int(self._agreed(proxy, "a length", len))

    def _agreed(self, proxy: fx.Proxy, what: str, read: Callable[[Any], Any]) -> Any:
        self._evaluating = True
        try:
            with torch.no_grad(), torch.random.fork_rng():
                value = read(self._value(proxy.node, 0))
                try:
                    other = read(self._value(proxy.node, 1))
                except Exception:  # a model that is written for one batch size
                    other = value
        finally:
            self._evaluating = False
        if other != value:
            raise TraceError(f"{what} depends on the batch size")
        return value

    def _value(self, node: fx.Node, run: int) -> Any:
        known, places = self._known[run], iter(self._runs[run])
        for each in self.graph.nodes:
            given = next(places, None) if each.op == "placeholder" else None
            if each not in known:
                known[each] = self._computed(each, known, given)
        return known[node]

    def _computed(self, node: fx.Node, known: dict[fx.Node, Any], given: Any) -> Any:
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), known.__getitem__)
        target: Any = node.target
        if node.op == "placeholder":
            return mapped(lambda tensor: tensor.detach().clone(), given)
        if node.op == "get_attr":
            return operator.attrgetter(target)(self.root)
        if node.op == "call_module":
            layer = self.root.get_submodule(target)
            return (layer.forward if layer in self._opened else layer)(*args, **kwargs)
        return getattr(args[0], target)(*args[1:], **kwargs) if node.op == "call_method" else target(*args, **kwargs)


class _Proxy(fx.Proxy):
    tracer: Tracer

    def __getattr__(self, k: str) -> Attribute:
        return _Attribute(self, k)

    def __len__(self) -> int:
        return self.tracer.length(self)

    def __index__(self) -> int:
        return operator.index(self.tracer.number(self, "an extent"))

    def __int__(self) -> int:
        return int(self.tracer.number(self, "an extent"))

    def __float__(self) -> float:
        return float(self.tracer.number(self, "an extent"))


class _Attribute(Attribute, _Proxy):
    pass


def mapped(function: Callable[[torch.Tensor], torch.Tensor], value: Any) -> Any:
    """An input with every tensor replaced, in a tuple, namedtuple, list or dict as well."""
    if isinstance(value, dict):
        return {key: mapped(function, item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        parts = [mapped(function, item) for item in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return function(value) if isinstance(value, torch.Tensor) else value


def longer(value: Any) -> Any:
    """An input with one more sample along axis 0 of every tensor."""
    return mapped(lambda x: torch.cat([x.detach(), x.detach()[:1]]) if x.ndim else x, value)


def _follows_from_shapes(node: fx.Node) -> bool:
    """Whether no element of a tensor that the inputs decide has a say in the value of a node."""
    if node.op == "call_method" and node.target in READS_ONLY_SHAPES:
        return True
    if node.target is getattr and node.args[1] in SHAPE_ATTRIBUTES:
        return True
    if node.op not in ("call_method", "call_function") or not node.all_input_nodes:
        return node.op == "get_attr"
    return all(map(_follows_from_shapes, node.all_input_nodes))
