"""What a fold would do, from the model alone: read, solve, compute constants, report."""

from __future__ import annotations

from typing import Any

from bnfold import sources
from bnfold.folding import How, compute_constants, fold_file
from bnfold.objective import Objective, objective_of
from bnfold.proving import Shapes
from bnfold.report.data import FoldReport
from bnfold.reporting import report_of
from bnfold.sources import Reading
from bnfold.sources.onnx import at_fault
from bnfold.sources.raw_images import RawImages, taking
from bnfold.verification.verdict import not_run


def inspect(
    source: Any,
    *,
    shapes: Shapes | None = None,
    freeze_inputs: bool = False,
    merge: bool = True,
    objective: Objective | str = Objective.LATENCY,
    images: RawImages | None = None,
    arch: str | None = None,
    trust: bool = False,
) -> FoldReport:
    """Say what `fold` would do, without writing or running anything.

    Args:
        source: a path to an .onnx file or PyTorch checkpoint, an ONNX model, or an `nn.Module`.
        shapes: input shapes by name, batch first, where the source does not tell them.
        freeze_inputs, merge, objective, images, arch, trust: as for `fold`.

    Returns:
        Counts and decisions as after a fold; its `verification` is `not_run`, for nothing was computed.

    Raises:
        SourceError, UsageError, MissingExtraError: as `fold`.

    Examples:
        >>> report = bnfold.inspect("model.onnx")
        >>> report.affine
        Counts(before=1, removed=1, after=0)
        >>> [(each.node, each.removed, each.into) for each in report.decisions]
        [('bn1', True, ('conv1',))]
    """
    how = How(freeze_inputs, merge, objective_of(objective))
    with (
        sources.opened(source, shapes, Reading(arch, trust)) as given,
        taking(given, images) as opened,
        at_fault(opened.path),
    ):
        sources.check_shapes(given)
        folded = fold_file(opened.path, how, compute_constants)
        return report_of(opened, folded, how, not_run("Nothing was written, so nothing was verified."))
