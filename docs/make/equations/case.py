"""A call of one operator whose operands have free units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import onnx

from docs.make import graph
from tests.networks import Net


class Free(NamedTuple):
    """An operand with units of its own for every element."""

    name: str
    shape: tuple[int, ...]


USUAL = ["2", "4", "4", "4"]
"""Extents of an operand that are not worth naming."""

Operand = Free | np.ndarray | float | None


@dataclass(frozen=True)
class Case:
    """A call, and what is special about it.

    Attributes:
        op: ONNX operator.
        operands: constants, and tensors whose units are free.
        attributes: of the node.
        opset: operator set.
        computed: indices of operands that are inputs of the network with original units, so no constants.
        quantized: by operand, the scales of a constant that is stored as integers.
        outputs: how many.
        dynamic: whether the first extent is not known.
        public: whether it is to be seen that its outputs are those of the network.
    """

    op: str
    operands: tuple[Operand, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    opset: int = 17
    computed: frozenset[int] = frozenset()
    quantized: Mapping[int, np.ndarray] = field(default_factory=dict)
    outputs: int = 1
    dynamic: bool = False
    public: bool = False

    @property
    def free(self) -> Sequence[Free]:
        """The operands whose units are free."""
        return [operand for operand in self.operands if isinstance(operand, Free)]

    @property
    def call(self) -> str:
        """The call as text, with the shapes of operands that are no usual ones."""
        titles = {}
        for free in self.free:
            extents = [str(extent) for extent in free.shape]
            if self.dynamic:
                extents[0] = "?"
            titles[free.name] = free.name if extents == USUAL else f"{free.name} {'×'.join(extents)}"
        for scales in self.quantized.values():
            kind = "one scale per output" if scales.ndim else "one scale"
            titles["dequantizelinear1"] = f"integers in operator set {self.opset}, {kind}"
        return graph.call(self.model(), self.op, titles) + (", an output of the model" if self.public else "")

    def model(self) -> onnx.ModelProto:
        """The call of a node named as its operator, behind an Identity per free operand, named as that."""
        net = Net(opset=self.opset, dynamic=self.dynamic)
        inputs: list[Any] = []
        for index, operand in enumerate(self.operands):
            if isinstance(operand, Free):
                given = net.input(*operand.shape, name=f"{operand.name}.in")
                inputs.append(net.node("Identity", given, name=operand.name))
            elif index in self.computed:
                assert isinstance(operand, np.ndarray)
                inputs.append(net.input(*operand.shape, name="u"))
            elif index in self.quantized:
                assert isinstance(operand, np.ndarray)
                scales = self.quantized[index]
                axis = {"axis": int(np.argmax(np.asarray(scales.shape) > 1))} if scales.ndim else {}
                whole = net.constant(operand.astype(np.int8), "w")
                inputs.append(net.node("DequantizeLinear", whole, scales.reshape(-1) if axis else scales, **axis))
            else:
                inputs.append(operand)
        made = net.node(self.op, *inputs, outputs=self.outputs, name=self.op, **self.attributes)
        return net.model(*([made] if isinstance(made, str) else made))
