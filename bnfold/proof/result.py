"""What a check found, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bnfold.proof.core.units import BITS


@dataclass
class Measured:
    """How far rewritten numbers are from their exact values.

    Attributes:
        checked: numbers compared in float64.
        rewritten: numbers that are not the original's.
        sampled: rewritten numbers whose distance was measured in extended precision.
        distances: the largest one of every rewritten constant by name, in units in the last place.
    """

    checked: int = 0
    rewritten: int = 0
    sampled: int = 0
    distances: dict[str, float] = field(default_factory=dict)

    def note(self, name: str, distance: float) -> None:
        """Keep a distance of a constant, if it has a name and is not exact."""
        if name and distance:
            self.distances[name] = max(self.distances.get(name, 0.0), distance)

    @property
    def worst(self) -> tuple[str, float]:
        """The rewritten constant with the largest distance, and that distance; none is ("", 0)."""
        return max(self.distances.items(), key=lambda item: item[1], default=("", 0.0))

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        name, distance = self.worst
        return {
            "checked": self.checked,
            "rewritten": self.rewritten,
            "sampled": self.sampled,
            "max_ulp": distance,
            "worst": name,
            "significand_bits": BITS,
            "max_ulp_by_constant": dict(self.distances),
        }


@dataclass(frozen=True)
class Unproved:
    """A claim that does not follow.

    Attributes:
        node: where it fails.
        tensor: which tensor it is about.
        reason: why, as the end of a sentence.
    """

    node: str
    tensor: str
    reason: str

    def to_json(self) -> dict[str, str]:
        """Plain data."""
        return {"node": self.node, "tensor": self.tensor, "reason": self.reason}


@dataclass(frozen=True)
class Proof:
    """What a check found.

    Attributes:
        unproved: what does not follow; empty if both models compute the same for every input.
        tensors: how many claims were looked at.
        measured: how far rewritten numbers are from their exact values.
        frozen_inputs: inputs of the original that must be left at their default values.
    """

    unproved: tuple[Unproved, ...]
    tensors: int
    measured: Measured
    frozen_inputs: tuple[str, ...] = ()

    @property
    def proved(self) -> bool:
        """Whether nothing is left open."""
        return not self.unproved

    @property
    def sentence(self) -> str:
        """The verdict for a reader."""
        if self.unproved:
            first, more = self.unproved[0], len(self.unproved) - 1
            others = f" (and {more} more)" if more else ""
            return f"not proved for every input: {first.node}: {first.reason}{others}"
        limits = f", {', '.join(self.frozen_inputs)} left at the default" if self.frozen_inputs else ""
        return f"proved for every input{limits}"

    def to_json(self) -> dict[str, Any]:
        """Plain data, as documented in docs/json.md."""
        return {
            "verdict": "proved" if self.proved else "not_proved",
            "unproved": [item.to_json() for item in self.unproved],
            "tensors": self.tensors,
            "frozen_inputs": list(self.frozen_inputs),
            "weights": self.measured.to_json(),
        }
