"""From a traced module to a Network that speaks the ONNX operators the rules know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from bnfold.fx.call import Call, Site, Slot, Value
from bnfold.fx.inplace import without_writes
from bnfold.fx.memory import names_of, recall
from bnfold.fx.nodes import moves_nothing, name_of, owner_of, reader_of, scope_of, target_name
from bnfold.fx.probe import NUMPY, VARIES, Fact, Probe, probe
from bnfold.fx.reparametrized import is_reparametrized, plain
from bnfold.fx.trace import attribute, copied, in_eval_mode, trace, unwrapped
from bnfold.fx.wide import Wide
from bnfold.network import Network, Node, OpaqueError, Tensor
from bnfold.plan import Reason

LAYERS = frozenset({"Conv", "ConvTranspose", "Gemm", "BatchNormalization"})


@dataclass(frozen=True)
class Lifted:
    """A network and where it came from.

    Attributes:
        network: the facts that rules and solver use.
        sites: the call behind every node of the network, by name.
        graph_module: the traced copy, in eval mode and without writes in place; nothing may change it.
        seen: what its values are.
    """

    network: Network
    sites: Mapping[str, Site]
    graph_module: fx.GraphModule
    seen: Probe


def lift(module: nn.Module, inputs: Sequence[Any]) -> Lifted:
    """Trace a module and read its facts.

    Args:
        module: any module that torch.fx traces; it is not changed.
        inputs: example inputs; axis 0 of every tensor is the batch and counts as unknown. All other extents are
            those the module is folded for.

    Raises:
        SourceError: torch.fx cannot trace it, or the trace does not compute the same.
        UsageError: it does not take these inputs.
    """
    module = unwrapped(module)
    graph_module = trace(module, inputs)
    kept = recall(module, graph_module.graph)
    return _lifted(graph_module, probe(graph_module, in_eval_mode(module), inputs), kept)


def lift_like(stored: Lifted, exact: nn.Module) -> Lifted:
    """The facts of the same module with unrounded parameters, whose values have the types of those that are stored."""
    graph_module = trace(exact, [value for node, value in stored.seen.values.items() if node.op == "placeholder"])
    same = dict(zip(stored.graph_module.graph.nodes, graph_module.graph.nodes, strict=True))
    seen = Probe({same[node]: value for node, value in stored.seen.values.items() if node in same})
    return _lifted(graph_module, seen, recall(exact, graph_module.graph))


def _lifted(graph_module: fx.GraphModule, seen: Probe, kept: Mapping[str, Reason]) -> Lifted:
    without_writes(graph_module, seen)
    builder = Lift(graph_module, seen)
    builder.walk()
    return Lifted(builder.network(kept), builder.sites, graph_module, seen)


@dataclass
class Lift:
    """The network under construction."""

    graph_module: fx.GraphModule
    seen: Probe
    nodes: list[Node] = field(default_factory=list)
    sites: dict[str, Site] = field(default_factory=dict)
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    skipped: set[fx.Node] = field(default_factory=set)
    _constants: dict[fx.Node, torch.Tensor] = field(default_factory=dict)
    _names: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._given = {name for node in self.graph_module.graph.nodes for name in names_of(node).values()}

    def network(self, kept: Mapping[str, Reason]) -> Network:
        """What was read, and what the module remembers."""
        return Network(tuple(self.nodes), tuple(self.inputs), tuple(self.outputs), kept)

    def walk(self) -> None:
        """Read the whole graph."""
        nodes = list(self.graph_module.graph.nodes)
        constant = {node for node in nodes if node.op not in ("placeholder", "output") and self._note_constant(node)}
        for node in nodes:
            if node.op == "placeholder":
                self.inputs += self.all_tensors(node)
            elif node.op == "output":
                self.outputs += [tensor for source in node.all_input_nodes for tensor in self.all_tensors(source)]
            elif node not in constant and node not in self.skipped:
                self._read(node)

    def tensor(self, value: Any) -> Tensor:
        """The tensor of a graph node, or a number as a constant; raises OpaqueError for anything else."""
        if isinstance(value, bool | int | float):
            return Tensor(repr(value), (), True, Value(np.asarray(float(value))))
        if not isinstance(value, fx.Node):
            raise OpaqueError(f"{type(value).__name__} is no tensor")
        fact = self.seen.values[value]
        if isinstance(fact, int | float):
            return Tensor(value.name, ())
        if not isinstance(fact, Fact):
            raise OpaqueError(f"{value.name} is no tensor")
        known = self._constants.get(value)
        stored = None if known is None else Value(known.detach().cpu().numpy(), fact.dtype)
        floating = fact.dtype.is_floating_point
        return Tensor(name_of(value, self.seen), fact.shape, floating, stored, dtype=NUMPY.get(fact.dtype))

    def all_tensors(self, node: fx.Node) -> list[Tensor]:
        """The tensors in the value of a graph node, which may be a nest of them."""

        def within(fact: Any, name: str) -> list[Tensor]:
            if isinstance(fact, Fact):
                return [Tensor(name, fact.shape, fact.dtype.is_floating_point)]
            items = fact.items() if isinstance(fact, dict) else enumerate(fact if isinstance(fact, tuple) else ())
            return [tensor for key, item in items for tensor in within(item, f"{name}.{key}")]

        fact = self.seen.values[node]
        return [self.tensor(node)] if isinstance(fact, Fact) else within(fact, name_of(node, self.seen))

    def add(
        self,
        call: Call,
        op: str,
        inputs: Sequence[Tensor | None],
        slots: Mapping[int, Slot],
        outputs: Sequence[Tensor | None] | None,
        attributes: Mapping[str, Any],
        *,
        opaque: bool = False,
        result: fx.Node | None = None,
        bias: Slot | None = None,
    ) -> None:
        """Append a node to the network under the name that the ONNX export of the module would give it."""
        result = result or call.node
        if outputs is None and not opaque and not isinstance(self.seen.values[result], Fact):
            raise OpaqueError("the result is not one tensor")
        made = self.all_tensors(result) if outputs is None else outputs
        name = self._name(call, op)
        self.nodes.append(Node(name, op, tuple(inputs), tuple(made), dict(attributes), opaque=opaque))
        self.sites[name] = Site(call.node, slots, result, bias)

    def _name(self, call: Call, op: str) -> str:
        given = names_of(call.node).get(op)
        if given is not None and given not in self.sites:
            return given
        is_layer = op in LAYERS and call.scope.rpartition(".")[2]
        first = call.scope if is_layer else f"{call.scope}.{op}".lstrip(".")
        while True:
            self._names[first] += 1
            name = first if self._names[first] == 1 else f"{first}.{self._names[first]}"
            if name not in self._given:
                return name

    def _read(self, node: fx.Node) -> None:
        module = attribute(self.graph_module, str(node.target)) if node.op == "call_module" else None
        stored = None
        if module is not None and is_reparametrized(module):
            stored = next(module.parameters()).dtype
            module = plain(copied(module).double())
        scope = str(node.target) if module is not None else scope_of(node) or owner_of(node)
        call = Call(self, node, module, scope, stored)
        if moves_nothing(node, self.seen):
            return
        read = reader_of(node, module)
        if read is not None:
            before = len(self.nodes)
            try:
                read(call)
                return
            except OpaqueError:
                del self.nodes[before:]
        inputs = [tensor for source in node.all_input_nodes for tensor in self.all_tensors(source)]
        if inputs or self.all_tensors(node):
            self.add(call, f"torch.{target_name(node, module)}", inputs, {}, None, {}, opaque=True)

    def _note_constant(self, node: fx.Node) -> bool:
        """Evaluate, in float64, what depends on parameters and buffers alone."""
        if not isinstance(self.seen.values[node], Fact):
            return node.op == "get_attr"
        if node.op == "get_attr":
            self._constants[node] = _widened(attribute(self.graph_module, str(node.target)).detach())
            return True
        sources = node.all_input_nodes
        if node.op == "call_module" or self._constants.keys().isdisjoint(sources):
            return False
        if not all(source in self._constants or _is_settled(self.seen.values[source]) for source in sources):
            return False
        values = [self._evaluated(node) for _ in range(2)]
        if values[0] is None or values[1] is None or not torch.equal(values[0], values[1]):
            return False  # it draws random numbers, or does not exist in float64
        self._constants[node] = values[0]
        return True

    def _evaluated(self, node: fx.Node) -> torch.Tensor | None:
        args, kwargs = fx.node.map_arg(
            (node.args, node.kwargs), lambda source: self._constants.get(source, self.seen.values[source])
        )
        target: Any = node.target
        try:
            with torch.no_grad(), torch.random.fork_rng(), Wide():
                if node.op == "call_method":
                    value = getattr(args[0], target)(*args[1:], **kwargs)
                else:
                    value = target(*args, **kwargs)
        except Exception:  # any code of the model may run here; what does not take these numbers is no constant
            return None
        return _widened(value) if isinstance(value, torch.Tensor) else None


def _widened(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.double() if tensor.is_floating_point() else tensor


def _is_settled(value: Any) -> bool:
    """Whether a value is no tensor, holds none, and does not depend on the batch size."""
    if isinstance(value, tuple | dict):
        return all(map(_is_settled, value.values() if isinstance(value, dict) else value))
    return value is not VARIES and not isinstance(value, Fact)
