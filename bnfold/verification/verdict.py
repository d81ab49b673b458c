"""What a verification found, as frozen data that a report can print or store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, isnan
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from bnfold.verification.blame import Blame
    from bnfold.verification.output_metrics import OutputMetrics
    from bnfold.verification.predictions import Accuracy
    from bnfold.verification.trace import Site

Judgement = Literal["equivalent", "different", "not_run"]


@dataclass(frozen=True)
class Place:
    """Where the largest error was seen: the name of the input batch and of the output tensor."""

    batch: str
    output: str

    def to_json(self) -> dict[str, str]:
        """Plain data."""
        return {"batch": self.batch, "output": self.output}


@dataclass(frozen=True)
class Bounded:
    """A measured error and the bound it has to stay below.

    Attributes:
        max_rel: max|difference| / max|reference|.
        bound: what it may be.
        place: where it was seen.
    """

    max_rel: float
    bound: float
    place: Place | None = None

    @property
    def holds(self) -> bool:
        """Whether the error is within the bound; never with NaN, nor with an infinite error."""
        return self.max_rel <= self.bound and self.max_rel < inf

    @property
    def usage(self) -> float:
        """The share of the bound that the error uses; infinite where nothing is allowed and something is there."""
        if self.bound > 0:
            return self.max_rel / self.bound
        return inf if self.max_rel > 0 else 0.0

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
        module: where the original was a PyTorch module, the ONNX model made of it against the module itself.
    """

    precision: Literal["float64", "float32"] = "float64"
    file: Bounded | None = None
    weights: Weights | None = None
    module: Bounded | None = None

    @property
    def holds(self) -> bool:
        """Whether all parts hold."""
        parts = (self.file, self.weights, self.module)
        return super().holds and all(part is None or part.holds for part in parts)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            **super().to_json(),
            "precision": self.precision,
            "file": None if self.file is None else self.file.to_json(),
            "weights": None if self.weights is None else self.weights.to_json(),
            "module": None if self.module is None else self.module.to_json(),
        }


@dataclass(frozen=True)
class Rounding:
    """Errors of both files on ONNX Runtime against the float64 truth of the original.

    Attributes:
        original: max|error| / max|truth| of the original, at the place that used most of its allowance.
        folded: the same of the folded model.
        allowed: what the folded model was allowed there.
        place: that place.
        run: False where nothing could be run in the model's type, or there is no truth to compare with.
        by: what ran the files.
        dtype: the float type that they were run in.
    """

    original: float | None = None
    folded: float | None = None
    allowed: float | None = None
    place: Place | None = None
    run: bool = True
    by: str = "ONNX Runtime"
    dtype: str = "float32"

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
            "by": self.by,
            "dtype": self.dtype,
        }


@dataclass(frozen=True)
class Allowed:
    """What one output was allowed to differ, relative to its largest value.

    Attributes:
        output: its name.
        float64: smallest and largest allowance of the batches in float64; None where that was not run.
        own_type: the same in the model's own type.
        given: the tolerance that the user set, `{"atol": ..., "rtol": ...}`; None where the allowances were measured.
    """

    output: str
    float64: tuple[float, float] | None
    own_type: tuple[float, float] | None
    given: Mapping[str, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data; an infinite number is null."""
        return {
            "output": self.output,
            "float64": None if self.float64 is None else list(map(_number, self.float64)),
            "own_type": None if self.own_type is None else list(map(_number, self.own_type)),
            "given": None if self.given is None else dict(self.given),
        }


@dataclass(frozen=True)
class Verification:
    """The verdict and everything behind it.

    Attributes:
        verdict: the answer.
        algebra, rounding: the two questions it rests on.
        accuracy: on the user's labelled samples.
        sentences: what a reader must know: both verdicts with their numbers, and what was weaker, left out or wrong.
        batches: name and shapes of every set of inputs.
        allowed: what each output was allowed.
        outputs: metrics of each output, original against folded, as run in their own type.
        subnormals: subnormal weights before and after.
        sites: every tensor of both models, where they were compared.
        blame: where the models part, if they do.
    """

    verdict: Judgement
    algebra: Algebra | None = None
    rounding: Rounding | None = None
    accuracy: Accuracy | None = None
    sentences: tuple[str, ...] = ()
    batches: Mapping[str, Mapping[str, tuple[int, ...]]] = field(default_factory=dict)
    allowed: tuple[Allowed, ...] = ()
    outputs: tuple[OutputMetrics, ...] = ()
    subnormals: tuple[int, int] | None = None
    sites: tuple[Site, ...] = ()
    blame: Blame | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data for the JSON report."""
        return {
            "verdict": self.verdict,
            "algebra": None if self.algebra is None else self.algebra.to_json(),
            "rounding": None if self.rounding is None else self.rounding.to_json(),
            "accuracy": None if self.accuracy is None else self.accuracy.to_json(),
            "sentences": list(self.sentences),
            "batches": {
                name: {key: list(shape) for key, shape in feeds.items()} for name, feeds in self.batches.items()
            },
            "allowed": [item.to_json() for item in self.allowed],
            "outputs": [item.to_json() for item in self.outputs],
            "subnormals": None
            if self.subnormals is None
            else dict(zip(("before", "after"), self.subnormals, strict=True)),
            "sites": [site.to_json() for site in self.sites],
            "blame": None if self.blame is None else self.blame.to_json(),
        }


def not_run(reason: str) -> Verification:
    """The verification that was not asked for or not possible, with the reason as its only sentence."""
    return Verification("not_run", sentences=(reason,))


def _number(value: float | None) -> float | None:
    return None if value is None or isnan(value) or value in (inf, -inf) else value
