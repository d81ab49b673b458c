"""What merging will do, as data: regions of the network, the operator each becomes, and why others stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bnfold.merge.window import Window


class Apart(StrEnum):
    """Why linear operators that belong together are not merged."""

    STRIDES = "strides_differ"
    EXTENTS = "extents_differ"
    AXES = "axes_differ"
    BORDER = "border"
    BIAS = "bias_through_padding"
    READERS = "other_readers"
    DEARER = "dearer"
    RANGE = "range"
    WITHDRAWN = "withdrawn"


SENTENCES: Mapping[Apart, str] = {
    Apart.STRIDES: "its branches move with different strides",
    Apart.EXTENTS: "its branches are not known to have results of the same extents",
    Apart.AXES: "its parts work along different axes",
    Apart.BORDER: "near the border it reads zeros where the merged operator would read values",
    Apart.BIAS: "it pads a biased tensor with zeros, so the bias ends at the border",
    Apart.READERS: "a tensor inside is read by others or is an output of the model",
    Apart.DEARER: "the merged operator would cost more multiply-adds or store more weights",
    Apart.RANGE: "a merged weight would leave the range of the stored type",
    Apart.WITHDRAWN: "it was withdrawn on request or because the proof did not pass with it",
}


class MisfitError(Exception):
    """Two linear maps do not combine into one; `code` says why."""

    def __init__(self, code: Apart) -> None:
        super().__init__(SENTENCES[code])
        self.code = code


@dataclass(frozen=True)
class Cost:
    """What an operator, or several, cost.

    Attributes:
        multiply_adds: per sample; an element that is only moved, added or scaled counts as one.
        weights: numbers in kernels and matrices.
    """

    multiply_adds: int
    weights: int

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.multiply_adds + other.multiply_adds, self.weights + other.weights)

    def to_json(self) -> dict[str, int]:
        """Plain data."""
        return {"multiply_adds": self.multiply_adds, "weights": self.weights}


@dataclass(frozen=True)
class Merge:
    """A region that becomes one linear operator.

    Attributes:
        nodes: names of all nodes of the region, in network order. Only they read the tensors inside.
        ops: their operators.
        input, output: the tensor all of it starts from, and the one it computes.
        into: the node of the region whose place and name the merged operator takes: its largest layer.
        op: Conv, Gemm or MatMul.
        window: the shape of the merged operator.
        biased: whether it has a bias.
        before, after: what the region costs, and what the merged operator costs.
    """

    nodes: tuple[str, ...]
    ops: tuple[str, ...]
    input: str
    output: str
    into: str
    op: str
    window: Window
    biased: bool
    before: Cost
    after: Cost

    def to_json(self) -> dict[str, Any]:
        """The merge as JSON-ready data."""
        window = self.window
        return {
            "nodes": list(self.nodes),
            "ops": list(self.ops),
            "input": self.input,
            "output": self.output,
            "into": self.into,
            "op": self.op,
            "kernel": list(window.kernel),
            "strides": [span.stride for span in window.spans],
            "dilations": [span.dilation for span in window.spans],
            "pads": [*(span.front for span in window.spans), *(span.back for span in window.spans)],
            "group": window.groups,
            "biased": self.biased,
            "before": self.before.to_json(),
            "after": self.after.to_json(),
        }


@dataclass(frozen=True)
class NearMiss:
    """Linear operators that meet, or follow each other, and stay several.

    Attributes:
        node: where they meet: a sum, or the later one of a chain.
        op: its operator.
        input: the tensor they start from.
        code: why.
    """

    node: str
    op: str
    input: str
    code: Apart

    @property
    def sentence(self) -> str:
        """The reason for a human."""
        return SENTENCES[self.code]

    def to_json(self) -> dict[str, Any]:
        """The reason as JSON-ready data."""
        return {
            "node": self.node,
            "op": self.op,
            "input": self.input,
            "code": self.code.value,
            "sentence": self.sentence,
        }


@dataclass(frozen=True)
class MergePlan:
    """All merges of one network, and what came close.

    Attributes:
        merges: regions that become one linear operator each.
        near_misses: linear operators that meet, or follow each other, and stay several.
    """

    merges: tuple[Merge, ...] = ()
    near_misses: tuple[NearMiss, ...] = ()
