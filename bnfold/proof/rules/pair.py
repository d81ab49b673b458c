"""Two tensors, the operators that write them, and what every rule may ask of these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from bnfold.proof.core.units import Array, Units, UnprovedError, demand
from bnfold.proof.reading import movement
from bnfold.proof.reading.expressions import RANDOM, is_float
from bnfold.proof.reading.network import Network
from bnfold.proof.reading.node import Node
from bnfold.proof.reading.shapes import Shape
from bnfold.proof.rules.settings import same_bodies, same_value


@dataclass(frozen=True)
class Pair:
    """Two tensors and the operators that write them.

    Attributes:
        original, folded: the models.
        tensor, stored: the tensor of the original, and the one that is said to store it.
        node, twin: the operators that write them.
        y: the claimed units of `tensor`.
        units: proved units of a tensor of the original, given the tensor that is said to store it; raises
            `UnprovedError` if nothing is proved about the two.
    """

    original: Network
    folded: Network
    tensor: str
    stored: str
    node: Node
    twin: Node
    y: Units
    units: Callable[[str, str], Units]

    def x(self, index: int = 0) -> Units:
        """Units of one input, with as many axes as it has if that is known."""
        units, shape = self.units(self.node.inputs[index], self.twin.inputs[index]), self.source(index)
        return units if shape is None else units.ranked(len(shape))

    def source(self, index: int = 0) -> Shape | None:
        """The shape of one input."""
        return self.original.shape(self.node.inputs[index])

    def rank(self) -> int:
        """The number of axes of the output, which must be known."""
        return len(movement.shape_of(self.original, self.tensor))

    def operands(self) -> Iterator[tuple[int, Units | None, tuple[Array, Array]]]:
        """Index, units and, where these are None, both values of every input; a constant has no units of its own."""
        for index, names in enumerate(zip(self.node.inputs, self.twin.inputs, strict=True)):
            value, stored = self.original.constants.get(names[0]), self.folded.constants.get(names[1])
            if value is None or stored is None:
                demand(value is None and stored is None, "an input is constant in one model only")
                yield index, self.x(index).ranked(self.rank()), (np.zeros(()), np.zeros(()))
                continue
            shapes = [
                array.shape[next((i for i, n in enumerate(array.shape) if n > 1), array.ndim) :]
                for array in (value, stored)
            ]
            fits = shapes[0] == shapes[1] and max(value.ndim, stored.ndim) <= self.rank()
            demand(is_float(value) and is_float(stored) and fits, "a constant operand changes its shape or type")
            yield index, None, (value, stored)


Rule = Callable[[Pair], None]


def opaque(pair: Pair) -> None:
    """Any other operator: original units on all sides, and the same settings."""
    if not pair.y.identical:
        raise UnprovedError(f"{pair.node.op} has no rule that lets units pass")
    demand(pair.node.op not in RANDOM, "it draws random numbers")
    like = pair.node.op == "CastLike"  # reads the second input for its type alone
    for index, (name, other) in enumerate(zip(pair.node.inputs, pair.twin.inputs, strict=True)):
        if like and index == 1:
            demand(pair.original.type(name) == pair.folded.type(other) != 0, "the type that it casts to is not known")
        else:
            same_value(pair, name, other)
    same_bodies(pair)


def same_call(pair: Pair) -> None:
    """Demand the same operator with the same attributes, at the same output."""
    node, twin = pair.node, pair.twin
    if node.op != twin.op:
        raise UnprovedError(f"{pair.stored} is written by {twin.op} {twin.title}")
    where = node.outputs.index(pair.tensor) == twin.outputs.index(pair.stored)
    demand(where and len(node.inputs) == len(twin.inputs), "its inputs or outputs are others")
    demand(node.plain == twin.plain, "its attributes are not the same")
