"""What changed between two models: operators, nodes and where they went, constants, and the interface."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from bnfold import sources
from bnfold.graph.facts import read_facts
from bnfold.graph.prepare import prepare
from bnfold.network import Network, Node, Tensor
from bnfold.sources import Reading
from bnfold.sources.onnx import load


@dataclass(frozen=True)
class Vanished:
    """A node that the second model does not have.

    Attributes:
        node, op: its name and operator.
        written_by: the node of the second model that now writes what it wrote; None if nothing does.
        near: where that is none with other constants, the nearest nodes on either side whose constants changed, with
            only operators between that have no constants: some of them may have taken it up.
    """

    node: str
    op: str
    written_by: str | None
    near: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"node": self.node, "op": self.op, "written_by": self.written_by, "near": list(self.near)}


@dataclass(frozen=True)
class Changed:
    """A node of both models that is not the same.

    Attributes:
        node, op: its name, and its operator in the second model.
        what: "operator", "attributes", "constants", "inputs".
    """

    node: str
    op: str
    what: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"node": self.node, "op": self.op, "what": list(self.what)}


@dataclass(frozen=True)
class Constants:
    """Constants by name.

    Attributes:
        same: bit for bit.
        changed: of both models, with other values, another shape or another type.
        gone, new: of one model only.
    """

    same: tuple[str, ...]
    changed: tuple[str, ...]
    gone: tuple[str, ...]
    new: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {key: list(getattr(self, key)) for key in ("same", "changed", "gone", "new")}


@dataclass(frozen=True)
class Difference:
    """Everything that `diff` found; calls of local functions are inlined and constant expressions evaluated first.

    Attributes:
        operators: how many of each kind, before and after.
        vanished, new, changed: nodes; those that are new with their operators.
        constants: weights and other fixed tensors.
        interface: sentences on inputs and outputs that differ.
    """

    operators: Mapping[str, tuple[int, int]]
    vanished: tuple[Vanished, ...]
    new: tuple[tuple[str, str], ...]
    changed: tuple[Changed, ...]
    constants: Constants
    interface: tuple[str, ...]

    @property
    def nothing(self) -> bool:
        """Whether the models are the same."""
        other = (*self.constants.changed, *self.constants.gone, *self.constants.new)
        return not (self.vanished or self.new or self.changed or other or self.interface)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "operators": {op: list(counts) for op, counts in self.operators.items()},
            "vanished": [each.to_json() for each in self.vanished],
            "new": [{"node": node, "op": op} for node, op in self.new],
            "changed": [each.to_json() for each in self.changed],
            "constants": self.constants.to_json(),
            "interface": list(self.interface),
        }


def diff(
    before: Any,
    after: Any,
    *,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    arch: str | None = None,
    trust: bool = False,
) -> Difference:
    """Say what changed between two models; nothing is run, and whether they compute the same is for `verify` to say.

    Args:
        before, after: paths to .onnx files or PyTorch checkpoints, ONNX models, or `nn.Module`s.
        shapes: input shapes by name, batch first, where the models do not tell them.
        arch, trust: how PyTorch files are read, as for `fold`; a state dict on either side is of `arch`.

    Raises:
        SourceError: a model is missing, damaged or not supported.
        UsageError: a shape does not fit.

    Examples:
        >>> found = bnfold.diff("model.onnx", "folded.onnx")
        >>> [(each.node, each.op, each.written_by) for each in found.vanished]
        [('bn1', 'BatchNormalization', 'conv1')]
        >>> found.operators["Conv"], found.interface
        ((2, 2), ())
    """
    reading = Reading(arch, trust)
    with ExitStack() as stack:
        given = [stack.enter_context(sources.opened(model, shapes, reading)) for model in (before, after)]
        sources.check_shapes(given[0])
        paths = [source.path for source in given]
        return compare(*(_network(path) for path in paths))


def _network(path: Any) -> Network:
    model = load(path)
    prepare(model)
    return read_facts(model).network


def compare(before: Network, after: Network) -> Difference:
    """What changed between two networks, whose nodes are the same where they have the same name, or the same operator
    writes the same tensor.
    """
    pairs = _pairs(before, after)
    names = {old: new.name for old, new in pairs.items()}
    changes = {node.name: _changes(node, pairs[node.name]) for node in before.nodes if node.name in pairs}
    moved = {old for old, what in changes.items() if {"operator", "constants"} & set(what)}
    kinds = [Counter(node.op for node in network.nodes) for network in (before, after)]
    gone = _Gone(before, after, names, moved)
    return Difference(
        {op: (kinds[0][op], kinds[1][op]) for op in sorted({*kinds[0], *kinds[1]})},
        tuple(gone.of(node) for node in before.nodes if node.name not in pairs),
        tuple((node.name, node.op) for node in after.nodes if node.name not in set(names.values())),
        tuple(Changed(names[old], pairs[old].op, what) for old, what in changes.items() if what),
        _constants(before, after),
        tuple(_interface(before, after)),
    )


def _pairs(before: Network, after: Network) -> dict[str, Node]:
    """The node of the second network for every name of the first that has one."""
    by_name = {node.name: node for node in after.nodes}
    pairs = {node.name: by_name[node.name] for node in before.nodes if node.name in by_name}
    free = {(n.op, _first(n)): n for n in after.nodes if n.name not in pairs}
    for node in before.nodes:
        if node.name not in pairs and (node.op, _first(node)) in free:
            pairs[node.name] = free.pop((node.op, _first(node)))
    return pairs


def _first(node: Node) -> str:
    return next((tensor.name for tensor in node.outputs if tensor is not None), "")


def _changes(old: Node, new: Node) -> tuple[str, ...]:
    fixed = [[t for t in node.inputs if t is not None and t.constant is not None] for node in (old, new)]
    flowing = [[t.name for t in node.inputs if t is not None and t.constant is None] for node in (old, new)]
    same = len(fixed[0]) == len(fixed[1]) and all(map(_same, *fixed))
    differing = {
        "operator": old.op != new.op,
        "attributes": _plain(old.attributes) != _plain(new.attributes),
        "constants": not same,
        "inputs": flowing[0] != flowing[1],
    }
    return tuple(what for what, differs in differing.items() if differs)


def _plain(attributes: Mapping[str, Any]) -> dict[str, str]:
    return {name: repr(value) for name, value in attributes.items()}


def _same(x: Tensor, y: Tensor) -> bool:
    a, b = x.value(), y.value()
    if a is None or b is None or a.dtype != b.dtype or a.shape != b.shape:
        return False
    return a.tobytes() == b.tobytes()


class _Gone:
    """Finds where vanished nodes went."""

    def __init__(self, before: Network, after: Network, names: Mapping[str, str], moved: set[str]) -> None:
        self._names, self._moved = names, moved
        self._unmoved = {new for old, new in names.items() if old not in moved}
        self._writers = {t.name: node.name for node in after.nodes for t in node.outputs if t is not None}
        self._beside: dict[str, list[Node]] = {node.name: [] for node in before.nodes}
        makers = {t.name: node for node in before.nodes for t in node.outputs if t is not None}
        for node in before.nodes:
            for tensor in node.inputs:
                maker = None if tensor is None else makers.get(tensor.name)
                if maker is not None:
                    self._beside[node.name].append(maker)
                    self._beside[maker.name].append(node)

    def of(self, node: Node) -> Vanished:
        """What became of a node."""
        writer = self._writers.get(_first(node))
        taken_up = writer is not None and writer not in self._unmoved
        return Vanished(node.name, node.op, writer, () if taken_up else tuple(sorted(self._near(node))))

    def _near(self, node: Node) -> set[str]:
        found, seen, waiting = set(), {node.name}, [node]
        while waiting:
            for other in self._beside[waiting.pop().name]:
                if other.name in seen:
                    continue
                seen.add(other.name)
                if other.name in self._moved:
                    found.add(self._names[other.name])
                elif not any(t is not None and t.constant is not None for t in other.inputs):
                    waiting.append(other)
        return found


def _constants(before: Network, after: Network) -> Constants:
    old, new = (_fixed(network.nodes) for network in (before, after))
    both = [name for name in old if name in new]
    same = {name for name in both if _same(old[name], new[name])}
    return Constants(
        tuple(name for name in both if name in same),
        tuple(name for name in both if name not in same),
        tuple(name for name in old if name not in new),
        tuple(name for name in new if name not in old),
    )


def _fixed(nodes: Sequence[Node]) -> dict[str, Tensor]:
    read = (tensor for node in nodes for tensor in node.inputs)
    return {tensor.name: tensor for tensor in read if tensor is not None and tensor.constant is not None}


def _interface(before: Network, after: Network) -> Iterator[str]:
    for kind in ("inputs", "outputs"):
        old, new = ({tensor.name: tensor for tensor in getattr(network, kind)} for network in (before, after))
        word = kind[:-1]
        yield from (f"The {word} {name} is gone." for name in old if name not in new)
        yield from (f"The {word} {name} is new." for name in new if name not in old)
        for name in old:
            if name in new and old[name].shape != new[name].shape:
                yield f"The {word} {name} had shape {_shape(old[name])} and has {_shape(new[name])}."
            elif name in new and old[name].dtype != new[name].dtype:
                yield f"The {word} {name} was {old[name].dtype} and is {new[name].dtype}."


def _shape(tensor: Tensor) -> str:
    return "unknown" if tensor.shape is None else str(list(tensor.shape))
