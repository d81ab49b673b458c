"""Prove that a folded model computes what the original computes.

1. Algebra. The original and the folded model with unrounded weights agree in float64 within ALGEBRA_BOUND.
2. File. Every stored weight is its exact value rounded once, and the file's outputs in float64 are as close
   to the exact ones as rounding the weights explains.
3. Rounding. In its own float type the folded file is as close to the float64 truth as the original (see
   `rounding`).

Two finished files have no unrounded weights, so `verify_files` replaces 1 and 2 by one comparison in float64
that is bounded by weight rounding, at the outputs and at every tensor that both graphs name alike (see
`trace`).
"""

from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path

import onnx_ir as ir

from bnfold.plan import Unit
from bnfold.progress import Meter
from bnfold.sources.onnx import load
from bnfold.verification import sentences as say
from bnfold.verification.batches import Batch
from bnfold.verification.blame import Blame, blame
from bnfold.verification.case import Case, Settings, with_data
from bnfold.verification.compared import compared, explained_by, worst
from bnfold.verification.conclusion import conclude, conclude_without_float64
from bnfold.verification.data import Data
from bnfold.verification.effort import FILES_BUDGET, FOLD_BUDGET
from bnfold.verification.evaluator import Float64Error
from bnfold.verification.grown import with_growth
from bnfold.verification.interface import check_interface
from bnfold.verification.own_type import FLOAT16, Ahead
from bnfold.verification.reference import Parameters
from bnfold.verification.sensitivity import DRAWS, Explained, Moving, every_weight, rewritten_weights
from bnfold.verification.stored import compare_weights, model_type, stored_types
from bnfold.verification.trace import Site, trace, traced
from bnfold.verification.verdict import Algebra, Bounded, Place, Verification

ALGEBRA_BOUND = 1e-10
# Differences below this are rounding of the float64 evaluation itself.
FLOAT64_FLOOR = 1e-11

Units = Mapping[str, Unit]


def verify_fold(
    original: ir.Model,
    exact: ir.Model,
    original_path: Path,
    folded_path: Path,
    batches: Sequence[Batch],
    data: Data | None = None,
    *,
    units: Units | None = None,
    stored_in: Mapping[str, str] | None = None,
    settings: Settings | None = None,
) -> Verification:
    """Judge a fold that bnfold made itself.

    Args:
        original: the model before.
        exact: the folded model with every rewritten initializer as float64, unrounded; never run outside
            float64.
        original_path: the original as a file for ONNX Runtime.
        folded_path: the folded file, its initializers named as in `exact`.
        batches: inputs, at least one.
        data: a user's samples, and labels for the accuracy.
        units: the units that the folded model stores its tensors in, as in its Plan.
        stored_in: the tensors of the folded model that store those of the original, where the names differ.
        settings: tolerances, limits and who is told.

    Raises:
        UsageError: the labels do not fit the predictions, or a tolerance is for no output.
        SourceError: ONNX Runtime crashed, hung or ran out of memory on the original.
    """
    settings = settings or Settings()
    folded = load(folded_path)
    case = _case(original, folded, original_path, folded_path, batches, data, settings, 2, 1 + DRAWS, FOLD_BUDGET)
    tolerances = settings.tolerances
    case.meter.step("weights")
    weights = compare_weights(exact, folded)
    try:
        case.meter.step("algebra")
        truths = case.truths()
        ahead = Ahead(case)
        exacts = case.evaluate(exact)
        algebra = compared(case.batches, truths, exacts, [dict.fromkeys(t, ALGEBRA_BOUND) for t in truths], tolerances)
        case.meter.step("file")
        draws = [rewritten_weights(stored_types(folded), model_type(folded), draw) for draw in range(DRAWS)]
        some = slice(case.moved_on)
        stored = case.evaluate(folded, case.moved_on)
        moved = Explained([Moving(exact, draws, exacts[some])], case.batches[some], case.meter.advance)
        file = explained_by(
            moved, lambda: compared(case.batches[some], exacts[some], stored, _floored(moved), tolerances)
        )
        found = Algebra(
            worst(algebra).max_rel, worst(algebra).bound, worst(algebra).place, file=worst(file), weights=weights
        )
        sites, guilty = _places_of_fold(case, exact, found, draws, units or {})
    except Float64Error as error:
        return conclude_without_float64(case, str(error))
    told = say.of_fold(found, tolerances)
    verified = conclude(case, ahead, found, truths, moved, [*algebra, *file], told, sites, guilty)
    rounds_worse = found.holds and verified.rounding is not None and not verified.rounding.holds
    return with_growth(case, verified, units or {}, stored_in or {}) if rounds_worse else verified


def verify_files(
    reference_path: Path,
    candidate_path: Path,
    batches: Sequence[Batch],
    data: Data | None = None,
    *,
    settings: Settings | None = None,
) -> Verification:
    """Judge two finished files, whoever made the second.

    Raises:
        UsageError: inputs or outputs differ in name, type or shape, the labels do not fit the predictions, or a
            tolerance is for no output.
        SourceError: a file cannot be read, or ONNX Runtime crashed, hung or ran out of memory on the reference.
    """
    settings = settings or Settings()
    reference, candidate = load(reference_path), load(candidate_path)
    check_interface(reference, candidate)
    paths = reference_path, candidate_path
    case = _case(reference, candidate, *paths, batches, data, settings, 2, 2 * DRAWS, FILES_BUDGET, traces=1)
    ours, theirs = ([every_weight(draw + shift) for draw in range(DRAWS)] for shift in (0, DRAWS))
    advance = case.meter.advance
    try:
        case.meter.step("algebra")
        truths = case.truths()
        ahead = Ahead(case)
        found = case.evaluate(candidate)
        some = slice(case.moved_on)
        case.meter.step("what rounding explains")
        models = [Moving(reference, ours, truths[some]), Moving(candidate, theirs, found[some])]
        moved = Explained(models, case.batches[some], advance)
        outputs = explained_by(
            moved,
            lambda: compared(case.batches, truths, found, case.everywhere(_floored(moved)), settings.tolerances),
        )
        case.meter.step("every tensor")
        sites = trace(reference, candidate, case.batches, ours, theirs, advance=advance)
    except Float64Error as error:
        return conclude_without_float64(case, str(error))
    algebra = worst(outputs)
    guilty = blame(reference, candidate, sites, trusted=not algebra.holds)
    judged = Algebra(algebra.max_rel, algebra.bound, algebra.place)
    told = say.of_files(judged, settings.tolerances)
    if guilty is not None and algebra.holds and not _excused(reference, guilty, settings):
        judged = Algebra(guilty.site.error, guilty.site.bound, Place("all", guilty.site.tensor))
        told = [*told, say.only_inside(guilty)]
    elif algebra.holds:
        guilty = None
    return conclude(case, ahead, judged, truths, moved, outputs, told, sites, guilty)


def _case(
    original: ir.Model,
    folded: ir.Model,
    original_path: Path,
    folded_path: Path,
    batches: Sequence[Batch],
    data: Data | None,
    settings: Settings,
    plain: int,
    moving: int,
    budget: float,
    traces: int = 0,
) -> Case:
    plain += 2 * (model_type(folded) == FLOAT16)  # emulated as well
    settings.tolerances.check([value.name or "" for value in original.graph.outputs])
    batches = with_data(original, batches, data)
    traces += settings.trace and not traces
    tracing = float(traces * 2 * (1 + DRAWS) * sum(batch.elements for batch in traced(batches)))
    meter = Meter(settings.progress, tracing + (plain + moving) * sum(batch.elements for batch in batches))
    if settings.thorough:
        budget = inf
    paths = original_path, folded_path
    return Case(original, folded, *paths, batches, data, settings, meter, plain, moving, budget, tracing)


def _floored(moved: Explained) -> list[dict[str, float]]:
    return [{name: bound + FLOAT64_FLOOR for name, bound in bounds.items()} for bounds in moved.bounds]


def _places_of_fold(
    case: Case, exact: ir.Model, algebra: Algebra, draws: Sequence[Parameters], units: Units
) -> tuple[list[Site], Blame | None]:
    """The unrounded rewrite tensor by tensor if it is wrong; else the file, if asked for or wrong."""
    rewrite = Bounded(algebra.max_rel, algebra.bound)
    if rewrite.holds and algebra.holds and not case.settings.trace:
        return [], None
    case.meter.step("every tensor")
    if not rewrite.holds:
        sites = trace(case.original, exact, case.batches, units=units, advance=case.meter.advance)
        return sites, blame(case.original, exact, sites, trusted=True)
    moves = [every_weight(draw) for draw in range(len(draws))]
    sites = trace(case.original, case.folded, case.batches, (), moves, units=units, advance=case.meter.advance)
    return sites, None if algebra.holds else blame(case.original, case.folded, sites, trusted=True)


def _excused(reference: ir.Model, guilty: Blame, settings: Settings) -> bool:
    """Whether every output that a tensor leads to has a tolerance of the user's, which then alone counts."""
    reached, names = {guilty.site.tensor}, []
    for node in reference.graph:
        if any(value is not None and value.name in reached for value in node.inputs):
            reached |= {value.name for value in node.outputs if value.name}
    names = [value.name for value in reference.graph.outputs if value.name in reached]
    return all(settings.tolerances.of(name or "") is not None for name in names)
