"""From a folded ONNX model to its report: what was decided, and what the written graph really has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bnfold.graph.facts import read_facts
from bnfold.price import price_of
from bnfold.report.data import Counts, FoldReport
from bnfold.report.details import collect

if TYPE_CHECKING:
    from bnfold.folding import Folded, How
    from bnfold.sources import Source
    from bnfold.verification.verdict import Verification


def report_of(
    source: Source,
    folded: Folded,
    how: How,
    verification: Verification,
    *,
    details: Path | None = None,
) -> FoldReport:
    """The report, nothing written yet; with the details of the folded file `details`, if there is one."""
    written = read_facts(folded.model)
    before, after = folded.facts.affine_counts(), written.affine_counts()
    removed = [decision for decision in folded.plan.decisions if decision.removed]
    return FoldReport(
        source=source.name,
        description=source.description
        + (f", calls of local functions inlined: {folded.inlined}" if folded.inlined else ""),
        output=None,
        affine=Counts(before[0], sum(not decision.scalar for decision in removed), after[0]),
        scalar=Counts(before[1], sum(decision.scalar for decision in removed), after[1]),
        decisions=folded.plan.decisions,
        merging=folded.plan.merging,
        layout=folded.layout,
        objective=how.objective,
        price=price_of(folded.facts.network, written.network),
        verification=verification,
        details=None if details is None else collect(folded.facts.network, written.network, source.path, details),
    )
