"""From the float64 comparison to the verdict: run both models in their own type, measure, and say what was found."""

from collections.abc import Callable, Sequence
from typing import Any

from bnfold.verification import accuracy, rounding
from bnfold.verification import sentences as say
from bnfold.verification.blame import Blame
from bnfold.verification.case import Case
from bnfold.verification.compared import allowances, compared, worst
from bnfold.verification.evaluator import Float64Error
from bnfold.verification.output_metrics import measure_outputs
from bnfold.verification.own_type import Ahead
from bnfold.verification.predictions import Accuracy
from bnfold.verification.runtime import RuntimeRefusedError, run_file
from bnfold.verification.sensitivity import Explained, Outputs
from bnfold.verification.stored import model_type
from bnfold.verification.subnormal import count_subnormals
from bnfold.verification.trace import Site
from bnfold.verification.verdict import Algebra, Bounded, Judgement, Rounding, Verification

# Bounds of the check that remains where an operator has no float64 implementation.
WEAK_BOUND = {"float16": 5e-2, "bfloat16": 4e-1, "float32": 1e-4, "float64": 1e-10}


def conclude(
    case: Case,
    ahead: Ahead,
    algebra: Algebra,
    truths: list[Outputs],
    moved: Explained,
    float64: Sequence[Bounded],
    told: Sequence[str],
    sites: Sequence[Site],
    guilty: Blame | None,
) -> Verification:
    """The verdict, once the algebra is known.

    Args:
        case: the models and inputs.
        ahead: the runs in their own type.
        algebra: the first answer.
        truths: float64 outputs of the original per batch.
        moved: what rounding the weights explains of each output.
        float64: every comparison in float64.
        told: sentences on the algebra.
        sites, guilty: every tensor, and where the models part.

    Raises:
        UsageError: the labels do not fit the predictions.
        SourceError: ONNX Runtime crashed, hung or ran out of memory on the original.
    """
    case.meter.step("rounding")
    notes = [*told, *([guilty.sentence] if guilty else [])]
    found: dict[str, Any] = {"sites": tuple(sites), "blame": guilty}
    tolerances = case.settings.tolerances
    try:
        ran = ahead.original()
    except Float64Error as error:
        notes.append(f"Rounding was not run: {error}")
        return _verification(case, algebra.holds, algebra, Rounding(run=False), notes, float64, (), found)
    try:
        after = ahead.folded()
    except (Float64Error, RuntimeRefusedError) as error:
        notes.append(str(error))
        return _verification(case, False, algebra, Rounding(run=False), notes, float64, (), found)

    runs = [(ran, after)]
    if ran.also is not None:
        try:
            runs.append((ran.also, ahead.also()))
        except Float64Error as error:
            notes.append(f"The candidate could not be emulated in {ran.kind}: {error}")

    def judge() -> list[rounding.Judged]:
        explained = case.everywhere(moved.bounds)
        return [
            rounding.judge(how.kind, case.batches, truths, explained, how.before, outputs, tolerances, how.by)
            for how, outputs in runs
        ]

    judged = judge()
    while not all(each.worst.holds for each in judged) and moved.more():
        judged = judge()
    for (how, _), each in zip(runs, judged, strict=True):
        notes += [say.of_rounding(each.worst, tolerances), *([how.note] if how.note else []), *say.of_blind(each.blind)]
    decisive = next((each for each in judged if not each.worst.holds), judged[0])
    found["outputs"] = measure_outputs(case.batches, ran.before, after)
    found["accuracy"] = _accuracy(case, ran.original, ran.folded)
    holds = algebra.holds and decisive.worst.holds
    return _verification(case, holds, algebra, decisive.worst, notes, float64, decisive.places, found)


def conclude_without_float64(case: Case, reason: str) -> Verification:
    """Both files against each other on ONNX Runtime: all that is left without a float64 truth.

    Raises:
        SourceError: ONNX Runtime cannot run the original.
    """
    case.meter.step("weaker check")
    bound = WEAK_BOUND[model_type(case.original).name]
    limits, feeds = case.settings.limits, [batch.feeds for batch in case.batches if not batch.optional]
    case.batches = [batch for batch in case.batches if not batch.optional]
    notes = [
        f"{reason} So both files were compared on ONNX Runtime only, within {bound:.0e} of the largest value: "
        "a weaker check that cannot see small errors."
    ]
    before = run_file(case.original_path, feeds, limits)
    try:
        after = run_file(case.folded_path, feeds, limits)
    except RuntimeRefusedError as error:
        return _verification(case, False, None, Rounding(run=False), [*notes, str(error)], (), (), {})
    places = compared(case.batches, before, after, [dict.fromkeys(b, bound) for b in before], case.settings.tolerances)
    seen = worst(places)
    algebra = Algebra(seen.max_rel, seen.bound, seen.place, "float32")
    notes.insert(0, say.of_weaker(algebra))
    found = {
        "outputs": measure_outputs(case.batches, before, after),
        "accuracy": _accuracy(
            case,
            lambda more: run_file(case.original_path, more, limits),
            lambda more: run_file(case.folded_path, more, limits),
        ),
    }
    return _verification(case, algebra.holds, algebra, Rounding(run=False), notes, (), places, found)


def _accuracy(case: Case, original: Callable[..., Any], folded: Callable[..., Any]) -> Accuracy | None:
    return None if case.data is None else accuracy.measure(case.original, original, folded, case.data)


def _verification(
    case: Case,
    holds: bool,
    algebra: Algebra | None,
    judged: Rounding,
    notes: Sequence[str],
    float64: Sequence[Bounded],
    own: Sequence[Bounded],
    found: dict[str, Any],
) -> Verification:
    verdict: Judgement = "equivalent" if holds else "different"
    case.meter.finish()
    return Verification(
        verdict,
        algebra,
        judged,
        sentences=(*notes, *case.left_out),
        batches={b.name: {name: array.shape for name, array in b.feeds.items()} for b in case.batches},
        allowed=allowances(float64, own, case.settings.tolerances),
        subnormals=(count_subnormals(case.original), count_subnormals(case.folded)),
        **found,
    )
