"""What a traced module does on example inputs: shapes and types of all values, and who writes into whose memory.

The graph runs twice, with two batch sizes. An extent that is the same in both runs is known; one that differs is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np
import torch
from torch import fx, nn

from bnfold.errors import SourceError, UsageError, first_line
from bnfold.fx.trace import ADVICE, items, tensors
from bnfold.fx.tracer import longer, mapped
from bnfold.network import Dim

NUMPY: Mapping[torch.dtype, np.dtype[Any]] = {
    torch.float16: np.dtype(np.float16),
    torch.bfloat16: np.dtype(ml_dtypes.bfloat16),
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
}
"""The same types as numpy knows them."""

VARIES = object()
"""Stands for a value that is not a tensor and depends on the batch size."""

TRACE_TOLERANCE = 1e-3
"""A trace whose output is farther than this from the module's, relative to the largest value, has lost something."""


@dataclass(frozen=True)
class Fact:
    """One tensor of the graph: its extents (a name where the batch size decides), stored dtype and device."""

    shape: tuple[Dim, ...]
    dtype: torch.dtype
    device: torch.device


@dataclass
class Probe:
    """What was seen.

    Attributes:
        values: by node, its value with every tensor replaced by its `Fact`.
        writes: the nodes that change an input in place.
        memory: by node, a number that nodes share whose tensors share memory.
    """

    values: dict[fx.Node, Any] = field(default_factory=dict)
    writes: set[fx.Node] = field(default_factory=set)
    memory: dict[fx.Node, int] = field(default_factory=dict)


def probe(graph_module: fx.GraphModule, module: nn.Module, inputs: Sequence[Any]) -> Probe:
    """Run the graph on `inputs`, and again with one sample more.

    Raises:
        UsageError: the module does not take these inputs.
        SourceError: the graph does not compute what the module computes.
    """
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        try:
            wanted = module(*_copied(inputs))
        except Exception as error:
            raise UsageError(f"The model does not take these example inputs: {first_line(error)}.") from None
        torch.manual_seed(0)
        first = _Recorder(graph_module)
        found = first.run(*_copied(inputs))
        name = type(module).__name__
        if not tensors(wanted):
            raise SourceError(f"{name} returns no tensor, so there is nothing to prove.")
        if not any(tensor.numel() for tensor in tensors(wanted)):
            raise UsageError("On these example inputs the model returns no element; give at least one sample.")
        if not _agree(wanted, found):
            raise SourceError(f"The torch.fx trace of {name} does not compute what the module does; {ADVICE}.")
        second = _Recorder(graph_module)
        try:
            second.run(*(longer(value) for value in inputs))
        except Exception:  # a model that is written for one batch size is folded for that one
            second = first
    merged = {node: _merged(value, second.seen.values[node]) for node, value in first.seen.values.items()}
    return Probe(merged, first.seen.writes, first.seen.memory)


class _Recorder(fx.Interpreter):
    def __init__(self, graph_module: fx.GraphModule) -> None:
        super().__init__(graph_module)
        self.seen = Probe()

    def run_node(self, n: fx.Node) -> Any:
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        read = tensors((args, kwargs))
        versions = [tensor._version for tensor in read]
        value = super().run_node(n)
        if any(tensor._version != version for tensor, version in zip(read, versions, strict=True)):
            self.seen.writes.add(n)
        self._note_memory(n, value)
        self.seen.values[n] = _facts(value)
        return value

    def _note_memory(self, node: fx.Node, value: Any) -> None:
        mine = {tensor.untyped_storage().data_ptr() for tensor in tensors(value)} - {0}
        self.seen.memory[node] = len(self.seen.memory)
        for source in node.all_input_nodes:
            theirs = {tensor.untyped_storage().data_ptr() for tensor in tensors(self.env.get(source))}
            if mine & theirs:
                joined, old = self.seen.memory[source], self.seen.memory[node]
                for other, group in self.seen.memory.items():
                    self.seen.memory[other] = joined if group == old else group


def _facts(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return Fact(tuple(value.shape), value.dtype, value.device)
    within = items(value)
    if within is None:
        return value
    facts = {key: _facts(item) for key, item in within}
    return tuple(facts.values()) if isinstance(value, tuple | list) else facts


def _merged(a: Any, b: Any) -> Any:
    if isinstance(a, Fact) and isinstance(b, Fact):
        if len(a.shape) != len(b.shape) or a.dtype != b.dtype:
            return VARIES
        dims = (x if x == y else f"{x} or {y}" for x, y in zip(a.shape, b.shape, strict=True))
        return Fact(tuple(dims), a.dtype, a.device)
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        return {key: _merged(a[key], b[key]) for key in a}
    if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
        return tuple(_merged(x, y) for x, y in zip(a, b, strict=True))
    return a if a is b or (type(a) is type(b) and a == b) else VARIES


def _copied(inputs: Sequence[Any]) -> list[Any]:
    """Inputs that the module may write into."""
    copies: list[Any] = mapped(lambda value: value.detach().clone(), list(inputs))
    return copies


def _agree(wanted: Any, found: Any) -> bool:
    pairs = list(zip(tensors(wanted), tensors(found), strict=False))
    if len(tensors(wanted)) != len(tensors(found)):
        return False
    for a, b in pairs:
        if a.shape != b.shape or a.dtype != b.dtype:
            return False
        if not torch.is_floating_point(a):
            continue
        x, y = a.double(), b.double()
        finite = x.isfinite()
        largest = x[finite].abs().amax() if finite.any() else x.new_zeros(())
        if not torch.equal(finite, y.isfinite()) or not ((x - y)[finite].abs() <= TRACE_TOLERANCE * largest).all():
            return False
    return True
