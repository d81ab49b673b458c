"""A fold with its certificate, and what the checker says of it or of what somebody made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx import numpy_helper

from bnfold.errors import SourceError
from bnfold.proof.certificate import Certificate, Claim
from bnfold.proof.checker import check
from bnfold.proof.reading.network import Network
from bnfold.proof.result import Proof
from bnfold.verification.reference import Reference
from tests.networks import Folded, Net, fold


@dataclass
class Fold:
    """Both models and the claims about them; `folded` and `claims` may be changed."""

    original: onnx.ModelProto
    folded: onnx.ModelProto
    claims: dict[str, Claim]

    @staticmethod
    def of(model: onnx.ModelProto, result: Folded | None = None) -> Fold:
        """Fold a model as the pipeline does."""
        result = result or fold(model)
        return Fold(model, ir.to_proto(result.rounded), dict(result.certificate.claims))

    def proof(self) -> Proof:
        """What the checker finds."""
        return check(Network(self.original), Network(self.folded), Certificate(self.claims))

    def node(self, name: str) -> onnx.NodeProto:
        """A node of the folded model."""
        return next(node for node in self.folded.graph.node if node.name == name)

    def attribute(self, node: str, name: str) -> onnx.AttributeProto:
        """An attribute of a node of the folded model."""
        return next(attribute for attribute in self.node(node).attribute if attribute.name == name)

    def constant(self, node: str, index: int) -> np.ndarray[Any, Any]:
        """A constant that a node of the folded model reads."""
        wanted = self.node(node).input[index]
        return numpy_helper.to_array(next(t for t in self.folded.graph.initializer if t.name == wanted)).copy()

    def store(self, node: str, index: int, value: np.ndarray[Any, Any]) -> None:
        """Replace a constant of the folded model."""
        wanted = self.node(node).input[index]
        tensor = next(t for t in self.folded.graph.initializer if t.name == wanted)
        tensor.CopyFrom(numpy_helper.from_array(value, wanted))

    def claim(self, tensor: str, **changed: Any) -> None:
        """Claim something else about a tensor."""
        old = self.claims[tensor]
        values = {"stored": old.stored, "scale": old.scale.copy(), "shift": old.shift.copy()} | changed
        self.claims[tensor] = Claim(**values)


def assert_sound(fold: Fold, net: Net, change: Callable[[Fold], object], seeds: Sequence[int] = (1,)) -> None:
    """Change a fold; if the checker still accepts it, it still computes the same."""
    honest = onnx.ModelProto.FromString(fold.folded.SerializeToString())
    change(fold)
    try:
        accepted = fold.proof().proved
    except SourceError:  # no model any more
        return
    if not accepted:
        return
    for seed in seeds:
        before, after = (Reference(ir.from_proto(model)).run(net.feeds(seed)) for model in (honest, fold.folded))
        for name, value in before.items():
            assert value.shape == after[name].shape
            scale = max(1.0, float(np.abs(value).max(initial=0)))
            assert np.abs(value - after[name]).max(initial=0) <= 1e-4 * scale
