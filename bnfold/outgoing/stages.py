"""What may be done to a folded file before it is published, each step with a verdict of its own in the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import onnx_ir as ir

from bnfold.report.data import FoldDiffersError, FoldReport

if TYPE_CHECKING:
    from bnfold.verification import Batch


def simplified(
    report: FoldReport, original: Path, staged: Path, batches: Sequence[Batch], external: bool
) -> FoldReport:
    """Simplify the staged file and judge it against the original; raises FoldDiffersError if it is not equivalent."""
    from bnfold.outgoing.simplify import simplify
    from bnfold.verification.verify import verify_files

    simplify(staged, external=external)
    report = replace(report, simplified=verify_files(original, staged, batches))
    if report.simplified is not None and report.simplified.verdict == "different":
        raise FoldDiffersError(report)
    return report


def in_half(
    report: FoldReport, original: Path, folded: ir.Model, staged: Path, batches: Sequence[Batch], external: bool
) -> FoldReport:
    """Replace the staged file by the model in float16 and judge it; raises FoldDiffersError if it is too far off."""
    from bnfold.outgoing.half_verdict import convert_to_half

    report = replace(report, half=convert_to_half(original, folded, batches, staged, external=external))
    if report.half is not None and not report.half.holds:
        raise FoldDiffersError(report)
    return report
