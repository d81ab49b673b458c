"""What a verification found, as frozen data that a report can print or store."""

from dataclasses import dataclass
from math import inf, isnan
from typing import Any, Literal

Judgement = Literal["equivalent", "different", "not_run"]


@dataclass(frozen=True)
class Place:
    """Where the largest error was seen: name of the input batch and of the output tensor."""

    batch: str
    output: str

    def to_json(self) -> dict[str, str]:
        """Plain data."""
        return {"batch": self.batch, "output": self.output}


@dataclass(frozen=True)
class Bounded:
    """A measured error and the bound it has to stay below, both max|difference| / max|reference|."""

    max_rel: float
    bound: float
    place: Place | None = None

    @property
    def holds(self) -> bool:
        """Whether the error is within the bound; never with NaN, nor with an infinite error."""
        return self.max_rel <= self.bound and self.max_rel < inf

    def to_json(self) -> dict[str, Any]:
        """Plain data; an infinite number is null."""
        place = None if self.place is None else self.place.to_json()
        return {"max_rel": _number(self.max_rel), "bound": _number(self.bound), "place": place}


@dataclass(frozen=True)
class Weights:
    """Stored weights against the exact ones of the same name.

    Attributes:
        checked: how many numbers were compared.
        max_ulp: largest |stored - exact| in units in the last place of the stored type.
        worst: name of the initializer that has it.
    """

    checked: int
    max_ulp: float
    worst: str = ""

    # Rounding to nearest is at most half a unit; the slack covers the float64 arithmetic of this check
    # itself.
    BOUND = 0.5 + 1e-6

    @property
    def holds(self) -> bool:
        """Whether every weight is its exact value rounded once."""
        return self.max_ulp <= self.BOUND

    def to_json(self) -> dict[str, Any]:
        """Plain data; an infinite number is null."""
        return {"checked": self.checked, "max_ulp": _number(self.max_ulp), "worst": self.worst}


@dataclass(frozen=True)
class Algebra(Bounded):
    """Whether the rewrite is an identity.

    Attributes:
        precision: "float64", or "float32" where an operator has no float64 implementation (the weaker check).
        file: the stored file against the exact rewrite, bounded by what rounding its weights explains.
        weights: the stored weights, number by number, against the exact ones.
    """

    precision: Literal["float64", "float32"] = "float64"
    file: Bounded | None = None
    weights: Weights | None = None

    @property
    def holds(self) -> bool:
        """Whether all parts hold."""
        parts = (self.file is None or self.file.holds) and (self.weights is None or self.weights.holds)
        return super().holds and parts

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            **super().to_json(),
            "precision": self.precision,
            "file": None if self.file is None else self.file.to_json(),
            "weights": None if self.weights is None else self.weights.to_json(),
        }


@dataclass(frozen=True)
class Rounding:
    """Errors of both files on ONNX Runtime against the float64 truth of the original.

    Attributes:
        original: max|error| / max|truth| of the original, at the place that used most of its allowance.
        folded: the same of the folded model.
        allowed: what the folded model was allowed there.
        place: that place.
        run: False where ONNX Runtime has no kernels for the model's type or there is no truth to compare
            with.
    """

    original: float | None = None
    folded: float | None = None
    allowed: float | None = None
    place: Place | None = None
    run: bool = True

    @property
    def ratio(self) -> float | None:
        """Folded over original error; 1 where both are exact, None where not run."""
        if self.original is None or self.folded is None:
            return None
        if self.original:
            return self.folded / self.original
        return inf if self.folded else 1.0

    @property
    def holds(self) -> bool:
        """Whether the folded model stays within its allowance, or nothing could be run."""
        return self.folded is None or self.allowed is None or self.folded <= self.allowed

    def to_json(self) -> dict[str, Any]:
        """Plain data; an infinite number is null."""
        return {
            "original": _number(self.original),
            "folded": _number(self.folded),
            "ratio": _number(self.ratio),
            "allowed": _number(self.allowed),
            "place": None if self.place is None else self.place.to_json(),
            "run": self.run,
        }


@dataclass(frozen=True)
class Accuracy:
    """Share of right predictions (0 to 1) of both files, and how many predictions changed."""

    samples: int
    before: float
    after: float
    changed: int

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"samples": self.samples, "before": self.before, "after": self.after, "changed": self.changed}


@dataclass(frozen=True)
class Verification:
    """The verdict, the numbers behind it, and sentences for a reader."""

    verdict: Judgement
    algebra: Algebra | None = None
    rounding: Rounding | None = None
    accuracy: Accuracy | None = None
    sentences: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data for the JSON report."""
        return {
            "verdict": self.verdict,
            "algebra": None if self.algebra is None else self.algebra.to_json(),
            "rounding": None if self.rounding is None else self.rounding.to_json(),
            "accuracy": None if self.accuracy is None else self.accuracy.to_json(),
            "sentences": list(self.sentences),
        }


def not_run(reason: str) -> Verification:
    """The verification that was not asked for or not possible, with the reason as its only sentence."""
    return Verification("not_run", sentences=(reason,))


def _number(value: float | None) -> float | None:
    return None if value is None or isnan(value) or value in (inf, -inf) else value
