"""What a fold will do, as data: decisions with their reasons, and the units of every tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnfold.affine import Array
from bnfold.merge.plan import MergePlan
from bnfold.network import Computed


class Code(StrEnum):
    """Why an affine operator stays."""

    SCALE = "scale_conflict"
    SIGN = "sign_conflict"
    SHIFT = "shift_conflict"
    SHAPE = "changes_shape"
    TRAINING = "training_mode"
    NONFINITE = "nonfinite"
    NOT_CONSTANT = "not_constant"
    OVERRIDABLE = "overridable"
    DEAD = "dead_channel"
    PRECISION = "precision"
    RANGE = "range"
    FUSED = "fused_kernel"
    WITHDRAWN = "withdrawn"


SENTENCES: Mapping[Code, str] = {
    Code.SCALE: "its scale has nowhere to go",
    Code.SIGN: "its scale is negative where only a positive one can pass",
    Code.SHIFT: "its shift has nowhere to go",
    Code.SHAPE: "its constant changes the shape of the tensor",
    Code.TRAINING: "it computes batch statistics (training mode); export the model in eval mode",
    Code.NONFINITE: "its parameters are not finite, or variance + epsilon is not positive",
    Code.NOT_CONSTANT: "its parameters are computed at run time",
    Code.OVERRIDABLE: "a caller may override its parameters, which are inputs of the graph; see --freeze-inputs",
    Code.DEAD: "its scale is exactly 0, and no linear layer writes its input for it alone or reads all of its output",
    Code.PRECISION: "folding it would store values far larger than their spread and lose precision",
    Code.RANGE: "a folded weight would leave the range of the stored type",
    Code.FUSED: "ONNX Runtime computes it in one kernel with its neighbours, which is faster than what would be left",
    Code.WITHDRAWN: "it was withdrawn on request or because the proof did not pass with it",
}

REMEDIES: Mapping[Code, str] = {
    Code.SCALE: "put the BN next to a convolution or linear layer; let branches that are added share one BN",
    Code.SIGN: "train with positive gammas, for example by clamping them",
    Code.SHIFT: "pad before the BN instead of after it, or put the BN behind the convolution",
    Code.SHAPE: "give the constant one element per channel; fix dynamic dimensions",
    Code.TRAINING: "export the model in eval mode",
    Code.NONFINITE: "repair the checkpoint",
    Code.NOT_CONSTANT: "export the parameters as initializers",
    Code.OVERRIDABLE: "fold with --freeze-inputs, if no caller overrides them",
    Code.DEAD: "prune the channel, or replace the 0 by a tiny number",
    Code.PRECISION: "nothing is wrong; the BN is worth keeping",
    Code.RANGE: "store the model in float32",
    Code.FUSED: "nothing is wrong; `--objective eliminate` takes it apart",
    Code.WITHDRAWN: "withdraw less, or report it: the proof should pass",
}
"""What a user could change so that the operator goes."""


@dataclass(frozen=True)
class Reason:
    """Why an operator stays.

    Attributes:
        code: which of the enumerated reasons.
        sentence: the same for a human, with names.
        channel: the first channel concerned, if the reason lies in single channels.
        against: the node whose demand is contradicted, if there is one.
        channels: all channels that contradict, each taken alone; the others would fold.
        advice: what would help at this very place, if more can be said than of the code in general.
    """

    code: Code
    sentence: str
    channel: int | None = None
    against: str | None = None
    channels: tuple[int, ...] = ()
    advice: str | None = field(default=None, compare=False)

    @property
    def remedy(self) -> str:
        """What a user could change so that the operator goes."""
        return self.advice or REMEDIES[self.code]

    def to_json(self) -> dict[str, Any]:
        """The reason as JSON-ready data."""
        return {
            "code": self.code.value,
            "sentence": self.sentence,
            "remedy": self.remedy,
            "channel": self.channel,
            "channels": list(self.channels),
            "against": self.against,
        }


@dataclass(frozen=True)
class Step:
    """One operator of a form: it reads its constants and what the step before wrote.

    Attributes:
        op: ONNX operator.
        constants: by input index, counted from 1; stored in the type of the tensor.
        integers: the same where an input is a list of integers.
        attributes: ONNX attributes.
    """

    op: str
    constants: Mapping[int, Computed] = field(default_factory=dict)
    integers: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)


Form = tuple[Step, ...]
"""What stands in the place of a node: the first step reads its data, the last writes its output."""


@dataclass(frozen=True)
class Decision:
    """What happens to one affine operator of the input.

    Attributes:
        node, op: its name and ONNX operator.
        scalar: whether its constant has a single element.
        into: the nodes that take it up; empty if it stays. Its own name if another form of it remains.
        reason: why it stays; None if it is removed.
        forms: those of `into` that become other operators, with the operators that they become.
    """

    node: str
    op: str
    scalar: bool
    into: tuple[str, ...] = ()
    reason: Reason | None = None
    forms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def removed(self) -> bool:
        """Whether the operator goes."""
        return self.reason is None

    def to_json(self) -> dict[str, Any]:
        """The decision as JSON-ready data."""
        return {
            "node": self.node,
            "op": self.op,
            "scalar": self.scalar,
            "status": "removed" if self.removed else "kept",
            "into": list(self.into),
            "forms": {name: list(steps) for name, steps in self.forms.items()},
            "reason": None if self.reason is None else self.reason.to_json(),
        }


def step_name(node: str, form: Form, step: Step) -> str:
    """The name of a step in the place of a node: the last one takes the node's."""
    return node if step is form[-1] else f"{node}.{step.op.lower()}"


@dataclass(frozen=True)
class Unit:
    """Units of a stored tensor: X' = gain * X + offset, so X = S * X' + T with S = 1 / gain, T = -offset / gain.

    A gain of 0 marks a dead channel, which stores the constant `offset` whatever X is. Where the tensor is `blank`, X
    is the constant T whatever is stored: its readers take S = 0.

    Attributes:
        gain, offset: float64 arrays that broadcast against the tensor.
        blank: bool array of the same shape, or None if it is nowhere blank.
    """

    gain: Array
    offset: Array
    blank: NDArray[np.bool_] | None = None

    @property
    def trivial(self) -> bool:
        """Whether the tensor keeps its original units."""
        return self.blank is None and bool((self.gain == 1).all() and (self.offset == 0).all())

    @property
    def scale(self) -> Array:
        """S."""
        scale: Array = 1 / self.gain
        return scale if self.blank is None else np.where(self.blank, 0.0, scale)

    @property
    def shift(self) -> Array:
        """T."""
        return np.where(self.offset == 0, 0.0, -self.offset / self.gain)


ORIGINAL = Unit(np.ones(()), np.zeros(()))
"""Units of a tensor that stores what the original network computes."""


@dataclass(frozen=True)
class Plan:
    """All decisions about one network.

    Attributes:
        decisions: one per affine operator, in network order.
        units: units of the tensors that do not keep their original ones, by tensor name. Where an operator is
            removed, its input and its output are one stored tensor.
        linear: names of the nodes whose weights absorb units.
        rewritten: names of the nodes whose constants change: linear layers and affine operators that stay.
        operands: new units of constants that a node reads as data, by node name and input index.
        forms: what stands in the place of nodes that become other operators, by node name; nothing in the place of an
            operator that stays as a step of another's form.
        inside: operators that are part of such a form and whose outputs nobody reads any more.
        merging: regions of the network that results from all this, each of which becomes one linear operator.
        remembered: what the folded model has to remember, by node name: reasons that a second fold could not find.
    """

    decisions: tuple[Decision, ...]
    units: Mapping[str, Unit]
    linear: frozenset[str]
    rewritten: frozenset[str]
    operands: Mapping[str, Mapping[int, Unit]] = field(default_factory=dict)
    forms: Mapping[str, Form] = field(default_factory=dict)
    inside: frozenset[str] = frozenset()
    merging: MergePlan = field(default_factory=MergePlan)
    remembered: Mapping[str, Reason] = field(default_factory=dict)

    @property
    def removed(self) -> tuple[str, ...]:
        """Names of the nodes that go without another in their place, in network order."""
        formed = self.forms
        return tuple(d.node for d in self.decisions if (not formed[d.node] if d.node in formed else d.removed))

    def unit(self, tensor: str) -> Unit:
        """The units of a tensor."""
        return self.units.get(tensor, ORIGINAL)
