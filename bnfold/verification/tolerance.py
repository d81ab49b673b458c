"""Tolerances that a user sets, in the place of the measured ones.

An output with a tolerance passes if max|candidate - reference| <= atol + rtol * max|reference|; where only one of the
two is given, the other is 0.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from bnfold.errors import UsageError

EVERY = ""
"""The key of a tolerance for all outputs that have none of their own."""


@dataclass(frozen=True)
class Tolerance:
    """Both parts: `atol` in the unit of the output, `rtol` relative to its largest value."""

    atol: float = 0.0
    rtol: float = 0.0

    def relative(self, scale: float) -> float:
        """What is allowed, in units of `scale`, the largest value of the reference; absolute where that is 0."""
        return self.atol / scale + self.rtol if scale else self.atol

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"atol": self.atol, "rtol": self.rtol}


@dataclass(frozen=True)
class Tolerances:
    """What a user set.

    Attributes:
        atol: by output name, in the unit of the output; `EVERY` stands for all outputs without one of their own.
        rtol: the same, relative to the output's largest value.
    """

    atol: Mapping[str, float] = field(default_factory=dict)
    rtol: Mapping[str, float] = field(default_factory=dict)

    def of(self, output: str) -> Tolerance | None:
        """The tolerance of one output; None where the measured one counts."""
        parts = [part.get(output, part.get(EVERY)) for part in (self.atol, self.rtol)]
        return None if parts == [None, None] else Tolerance(*(part or 0.0 for part in parts))

    def check(self, outputs: Collection[str]) -> None:
        """Raise UsageError if a tolerance is for an output that there is not, or is no number from 0 up."""
        for option, part in (("--atol", self.atol), ("--rtol", self.rtol)):
            for name, value in part.items():
                if name != EVERY and name not in outputs:
                    raise UsageError(f"There is no output {name!r}; the model's outputs are: {', '.join(outputs)}.")
                if not 0 <= value < float("inf"):
                    raise UsageError(f"{option} {value} is no tolerance; it must be a number from 0 up.")
