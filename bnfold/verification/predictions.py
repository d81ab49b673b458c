"""What a user's labelled samples are predicted to be, before and after, as frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Change:
    """A prediction that is another one after the fold.

    Attributes:
        sample: what the sample is called: its file, or its number from 0.
        label: what would be right.
        before, after: the classes predicted.
    """

    sample: str
    label: int
    before: int
    after: int

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"sample": self.sample, "label": self.label, "before": self.before, "after": self.after}


@dataclass(frozen=True)
class Accuracy:
    """How well both files predict.

    Attributes:
        samples: labelled predictions of each.
        before, after: the share of right ones, 0 to 1.
        changes: predictions that changed.
    """

    samples: int
    before: float
    after: float
    changes: tuple[Change, ...] = ()

    @property
    def changed(self) -> int:
        """How many predictions changed."""
        return len(self.changes)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "samples": self.samples,
            "before": self.before,
            "after": self.after,
            "changed": self.changed,
            "changes": [change.to_json() for change in self.changes],
        }
