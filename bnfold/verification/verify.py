"""Prove that a folded model computes what the original computes.

1. Algebra. The original and the folded model with unrounded weights agree in float64 within ALGEBRA_BOUND.
2. File. Every stored weight is its exact value rounded once, and the file's outputs in float64 are as close
   to the exact ones as rounding the weights explains.
3. Rounding. On ONNX Runtime the folded file is as close to the float64 truth as the original (see
   `rounding`).

Two finished files have no unrounded weights, so `verify_files` replaces 1 and 2 by one comparison in float64
that is bounded by weight rounding, at the outputs and at every tensor that both graphs name alike (see
`landmarks`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir

from bnfold.sources.onnx import load
from bnfold.verification import accuracy, rounding
from bnfold.verification.inputs import Batch, Data, portions, specs_of
from bnfold.verification.interface import check_interface
from bnfold.verification.landmarks import Landmark, first_unexplained
from bnfold.verification.precision import BFLOAT16, Array, Dtype
from bnfold.verification.reference import Float64Error, Reference
from bnfold.verification.runtime import RuntimeRefusedError, run_file
from bnfold.verification.sensitivity import DRAWS, every_weight, explained, relative_error, rewritten_weights
from bnfold.verification.stored import compare_weights, model_type, stored_types
from bnfold.verification.verdict import Accuracy, Algebra, Bounded, Judgement, Place, Rounding, Verification

ALGEBRA_BOUND = 1e-10
# Bounds of the check that remains where an operator has no float64 implementation.
WEAK_BOUND = {"float16": 5e-2, "bfloat16": 4e-1, "float32": 1e-4, "float64": 1e-10}
# Differences below this are rounding of the float64 evaluation itself.
FLOAT64_FLOOR = 1e-11
DATA_SAMPLES = 8

Outputs = dict[str, Array]
Progress = Callable[[str], None]


def verify_fold(
    original: ir.Model,
    exact: ir.Model,
    original_path: Path,
    folded_path: Path,
    batches: Sequence[Batch],
    data: Data | None = None,
    progress: Progress | None = None,
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
        progress: called with the name of each step.

    Raises:
        UsageError: the labels do not fit the predictions.
        SourceError: ONNX Runtime cannot run the original.
    """
    tell = progress or _silent
    batches = _with_data(original, batches, data)
    folded = ir.load(folded_path)
    tell("weights")
    weights = compare_weights(exact, folded)
    try:
        tell("algebra")
        truths, exacts = _outputs(original, batches), _outputs(exact, batches)
        algebra = _worst(batches, truths, exacts, [dict.fromkeys(t, ALGEBRA_BOUND) for t in truths])
        tell("file")
        draws = [rewritten_weights(stored_types(folded), model_type(folded), draw) for draw in range(DRAWS)]
        moved = explained(exact, draws, batches, exacts)
        file = _worst(batches, exacts, _outputs(folded, batches), moved, FLOAT64_FLOOR)
    except Float64Error as error:
        return _without_float64(original, original_path, folded_path, batches, data, str(error))
    found = Algebra(algebra.max_rel, algebra.bound, algebra.place, file=file, weights=weights)
    sentences = _algebra_sentences(found)
    if not algebra.holds:
        sentences += _first_place(original, exact, batches)
    tell("rounding")
    return _finish(original, original_path, folded_path, batches, data, found, truths, moved, sentences)


def verify_files(
    reference_path: Path, candidate_path: Path, batches: Sequence[Batch], data: Data | None = None
) -> Verification:
    """Judge two finished files, whoever made the second.

    Raises:
        UsageError: inputs or outputs differ in name, type or shape, or the labels do not fit the predictions.
        SourceError: a file cannot be read, or ONNX Runtime cannot run the reference.
    """
    reference, candidate = load(reference_path), load(candidate_path)
    check_interface(reference, candidate)
    batches = _with_data(reference, batches, data)
    ours, theirs = ([every_weight(draw + shift) for draw in range(DRAWS)] for shift in (0, DRAWS))
    try:
        truths, found = _outputs(reference, batches), _outputs(candidate, batches)
        moved = [
            {name: max(a[name], b[name]) for name in a}
            for a, b in zip(
                explained(reference, ours, batches, truths),
                explained(candidate, theirs, batches, found),
                strict=True,
            )
        ]
        algebra = _worst(batches, truths, found, moved, FLOAT64_FLOOR)
        landmark = first_unexplained(reference, candidate, batches, ours, theirs)
    except Float64Error as error:
        return _without_float64(reference, reference_path, candidate_path, batches, data, str(error))
    sentences = _file_sentences(algebra)
    if landmark is not None and algebra.holds:
        algebra = Bounded(landmark.error, landmark.bound, Place("all", landmark.tensor))
    if landmark is not None:
        sentences.append(_landmark_sentence(landmark))
    judged = Algebra(algebra.max_rel, algebra.bound, algebra.place)
    return _finish(reference, reference_path, candidate_path, batches, data, judged, truths, moved, sentences)


@dataclass(frozen=True)
class _Runs:
    """Outputs of both files on ONNX Runtime; `folded` is None where only the original could be run."""

    original: list[Outputs]
    folded: list[Outputs] | None
    reason: str = ""


def _run_both(original: Path, folded: Path, batches: Sequence[Batch]) -> _Runs:
    feeds = [batch.feeds for batch in batches]
    before = run_file(original, feeds)
    try:
        return _Runs(before, run_file(folded, feeds))
    except RuntimeRefusedError as error:
        return _Runs(before, None, str(error))


def _finish(
    original: ir.Model,
    original_path: Path,
    folded_path: Path,
    batches: Sequence[Batch],
    data: Data | None,
    algebra: Algebra,
    truths: list[Outputs],
    moved: list[dict[str, float]],
    sentences: list[str],
) -> Verification:
    if _has_bfloat16(original):
        sentences.append("Rounding was not run: ONNX Runtime has no bfloat16 convolution for the CPU.")
        return Verification(
            "equivalent" if algebra.holds else "different",
            algebra,
            Rounding(run=False),
            None,
            tuple(sentences),
        )
    try:
        runs = _run_both(original_path, folded_path, batches)
    except RuntimeRefusedError as error:
        sentences.append(f"Rounding was not run, because the original does not run: {error}")
        verdict: Judgement = "equivalent" if algebra.holds else "different"
        return Verification(verdict, algebra, Rounding(run=False), None, tuple(sentences))
    if runs.folded is None:
        return Verification("different", algebra, Rounding(run=False), None, (*sentences, runs.reason))
    judged, more = rounding.judge(original, batches, truths, moved, runs.original, runs.folded)
    if not judged.holds and judged.place is not None:
        more.append(
            f"On ONNX Runtime output {judged.place.output} on batch {judged.place.batch} is off by "
            f"{judged.folded:.1e}; the original is off by {judged.original:.1e}, and "
            f"{judged.allowed:.1e} is allowed."
        )
    measured = _accuracy(original, original_path, folded_path, data)
    holds = algebra.holds and judged.holds
    return Verification("equivalent" if holds else "different", algebra, judged, measured, (*sentences, *more))


def _without_float64(
    original: ir.Model,
    original_path: Path,
    folded_path: Path,
    batches: Sequence[Batch],
    data: Data | None,
    reason: str,
) -> Verification:
    """Both files against each other on ONNX Runtime: all that is left without a float64 truth."""
    bound = WEAK_BOUND[model_type(original).name]
    runs = _run_both(original_path, folded_path, batches)
    weaker = (
        f"{reason} So both files were compared on ONNX Runtime only, within {bound:.0e}: "
        "a weaker check that cannot see small errors."
    )
    if runs.folded is None:
        return Verification("different", None, Rounding(run=False), None, (weaker, runs.reason))
    bounds = [dict.fromkeys(outputs, bound) for outputs in runs.original]
    found = _worst(batches, runs.original, runs.folded, bounds)
    algebra = Algebra(found.max_rel, found.bound, found.place, "float32")
    measured = _accuracy(original, original_path, folded_path, data)
    verdict: Judgement = "equivalent" if algebra.holds else "different"
    return Verification(verdict, algebra, Rounding(run=False), measured, (weaker,))


def _accuracy(model: ir.Model, original: Path, folded: Path, data: Data | None) -> Accuracy | None:
    return None if data is None else accuracy.measure(model, original, folded, data)


def _outputs(model: ir.Model, batches: Sequence[Batch]) -> list[Outputs]:
    reference = Reference(model)
    return [reference.run(batch.feeds) for batch in batches]


def _worst(
    batches: Sequence[Batch],
    references: Sequence[Outputs],
    candidates: Sequence[Outputs],
    bounds: Sequence[dict[str, float]],
    floor: float = 0.0,
) -> Bounded:
    """The output that uses most of its bound."""
    places = []
    for batch, reference, candidate, bound in zip(batches, references, candidates, bounds, strict=True):
        for name, value in reference.items():
            error = relative_error(value, candidate[name]) if name in candidate else np.inf
            places.append(Bounded(error, bound[name] + floor, Place(batch.name, name)))
    return max(places, key=lambda found: found.max_rel / found.bound)


def _first_place(original: ir.Model, exact: ir.Model, batches: Sequence[Batch]) -> list[str]:
    landmark = first_unexplained(original, exact, batches, same_names=True)
    return [] if landmark is None else [_landmark_sentence(landmark)]


def _algebra_sentences(algebra: Algebra) -> list[str]:
    place, sentences = algebra.place, []
    if place is not None and algebra.max_rel > algebra.bound:
        sentences.append(
            f"With unrounded weights output {place.output} differs by {algebra.max_rel:.1e} on batch "
            f"{place.batch}; an exact rewrite stays below {algebra.bound:.0e}."
        )
    if algebra.weights is not None and not algebra.weights.holds:
        sentences.append(
            f"Initializer {algebra.weights.worst} of the file is {algebra.weights.max_ulp:.3g} units in the "
            "last place from its exact value; rounding once is at most 0.5."
        )
    if algebra.file is not None and not algebra.file.holds:
        sentences += _file_sentences(algebra.file)
    return sentences


def _file_sentences(found: Bounded) -> list[str]:
    if found.holds or found.place is None:
        return []
    return [
        f"In float64 output {found.place.output} of the file differs by {found.max_rel:.1e} on batch "
        f"{found.place.batch}; rounding its weights explains at most {found.bound:.1e}."
    ]


def _landmark_sentence(landmark: Landmark) -> str:
    return (
        f"The first tensor that differs is {landmark.tensor}, in channel {landmark.channel}: by "
        f"{landmark.error:.1e} in float64, where at most {landmark.bound:.1e} can be explained."
    )


def _with_data(model: ir.Model, batches: Sequence[Batch], data: Data | None) -> list[Batch]:
    if data is None:
        return list(batches)
    return [*batches, Batch("data", next(portions(data, specs_of(model), DATA_SAMPLES)))]


def _has_bfloat16(model: ir.Model) -> bool:
    kinds: set[Dtype] = {model_type(model), *(spec.dtype for spec in specs_of(model))}
    return BFLOAT16 in kinds


def _silent(_: str) -> None:
    pass
