"""What a fold found, as data that other programs read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnfold.errors import NotEquivalentError
from bnfold.merge.plan import MergePlan
from bnfold.objective import Objective
from bnfold.plan import Decision, Plan
from bnfold.price import Price
from bnfold.verification.verdict import Verification

if TYPE_CHECKING:
    from bnfold.latency.results import BenchResult
    from bnfold.outgoing.half_verdict import HalfReport
    from bnfold.proof.result import Proof
    from bnfold.report.details import Details
    from bnfold.report.run import Run

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Counts:
    """How many operators there were, how many were removed, and how many the written graph has.

    `after` is counted on the written graph, so it checks `before - removed`.
    """

    before: int
    removed: int
    after: int

    def to_json(self) -> dict[str, int]:
        """Plain data."""
        return {"before": self.before, "removed": self.removed, "after": self.after}


@dataclass(frozen=True)
class FoldReport:
    """Everything that `fold` or `inspect` has to say.

    Attributes:
        source: what was folded, as the user called it.
        description: what it was recognized as.
        output: the file written; None if none was.
        affine: BatchNormalization, and Mul, Add, Sub, Div of floats by a per-channel constant, after constant
            expressions were evaluated; the Add that is a MatMul's bias does not count.
        scalar: the same by a constant of one element.
        decisions: one per operator counted, in graph order.
        objective: what the fold was for.
        price: what was added and taken away.
        verification: the proof on sampled inputs.
        proof: the proof of the fold for every input, before it was simplified or converted to float16; None if there
            was neither a verification nor a certificate.
        simplified: the proof of the simplified file, if that was asked for.
        half: the verdict on the file in float16, if that was asked for.
        benchmark: the latency, if it was measured.
        left_by_onnxruntime: affine operators that ONNX Runtime would itself leave of the original.
        merging: regions that became one linear operator, and what came close.
        layout: operators removed that only move or name data, by kind.
        details: both graphs and their weights, if they were asked for.
        run: how the report came about, if a command made it.
    """

    source: str
    description: str
    output: str | None
    affine: Counts
    scalar: Counts
    decisions: tuple[Decision, ...]
    objective: Objective
    price: Price
    verification: Verification
    proof: Proof | None = None
    simplified: Verification | None = None
    half: HalfReport | None = None
    benchmark: BenchResult | None = None
    left_by_onnxruntime: int | None = None
    merging: MergePlan = field(default_factory=MergePlan)
    layout: Mapping[str, int] = field(default_factory=dict)
    details: Details | None = None
    run: Run | None = None

    @property
    def nothing_to_fold(self) -> bool:
        """Whether the model has no affine operator at all, nothing to merge and no redundant layout operator."""
        return not self.decisions and not self.merging.merges and not self.layout

    @property
    def differs(self) -> bool:
        """Whether one of the verdicts is against the folded model, so that nothing was written."""
        proofs = (self.verification, self.simplified)
        different = any(proof is not None and proof.verdict == "different" for proof in proofs)
        return different or (self.half is not None and not self.half.holds)

    def to_json(self) -> dict[str, Any]:
        """The report as JSON-ready data, as documented in docs/json.md."""
        data: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "source": self.source,
            "description": self.description,
            "output": self.output,
            "affine": self.affine.to_json(),
            "scalar": self.scalar.to_json(),
            "objective": self.objective.value,
            "price": self.price.to_json(),
            "decisions": [decision.to_json() for decision in self.decisions],
            "merges": [merge.to_json() for merge in self.merging.merges],
            "near_misses": [miss.to_json() for miss in self.merging.near_misses],
            "layout": dict(self.layout),
            "verification": self.verification.to_json(),
            "proof": None if self.proof is None else self.proof.to_json(),
        }
        if self.simplified is not None:
            data["simplified"] = self.simplified.to_json()
        if self.half is not None:
            data["half"] = self.half.to_json()
        if self.benchmark is not None:
            data["benchmark"] = {
                **self.benchmark.to_json(),
                "left_by_onnxruntime": self.left_by_onnxruntime,
            }
        if self.details is not None:
            data["details"] = self.details.to_json()
        if self.run is not None:
            data["run"] = self.run.to_json()
        return data

    def save(self, path: str | Path) -> None:
        """Write the report: .html as a page, .md for a pull request, .json as data.

        Raises:
            UsageError: the ending is another one, or the file cannot be written.
            MissingExtraError: a page needs packages that are not installed.
        """
        from bnfold.report import file

        file.check(Path(path))
        file.write(self.to_json(), Path(path))


@dataclass(frozen=True)
class FoldResult:
    """What `fold` returns.

    Attributes:
        model: what was written, or would have been, weights in its stored types: an `onnx_ir.Model`, simplified or in
            float16 if that was asked for, or an `nn.Module` if one was folded with example inputs; None if it was not
            to be kept.
        plan: every decision, and the units of every tensor.
        report: counts, proof and latency, with `to_json()` and `save(path)`.

    Examples:
        >>> result = bnfold.fold("model.onnx")
        >>> result.model.graph.name, result.plan.removed
        ('small', ('bn1',))
        >>> result.report.save("fold.md")
    """

    model: Any
    plan: Plan
    report: FoldReport


class FoldDiffersError(NotEquivalentError):
    """The proof failed and nothing was written."""

    def __init__(self, report: FoldReport) -> None:
        super().__init__("The folded model does not compute the same, so it was not written.")
        self.report = report
