"""What a verification found, as sentences with their numbers."""

from collections.abc import Sequence

from bnfold.verification.blame import Blame
from bnfold.verification.lent import CUT
from bnfold.verification.rounding import FACTOR, FLOOR_ULP
from bnfold.verification.tolerance import Tolerances
from bnfold.verification.verdict import Algebra, Bounded, Place, Rounding


def of_fold(algebra: Algebra, tolerances: Tolerances) -> list[str]:
    """On the rewrite, the weights and the file."""
    rewrite = Bounded(algebra.max_rel, algebra.bound, algebra.place)
    if rewrite.holds:
        told = [
            "The rewrite is exact: with unrounded weights the outputs agree in float64 within "
            f"{_number(rewrite.max_rel)} of their largest value{_at(rewrite)}; {_number(rewrite.bound)} is allowed."
        ]
    else:
        told = [
            f"The rewrite is wrong: with unrounded weights the outputs differ in float64 by {_number(rewrite.max_rel)} "
            f"of their largest value{_at(rewrite)}; an exact rewrite stays below {_number(rewrite.bound)}."
        ]
    weights, file = algebra.weights, algebra.file
    if weights is not None and not weights.holds:
        told.append(
            f"Initializer {weights.worst} of the file is {weights.max_ulp:.3g} units in the last place from its exact "
            "value; rounding once is at most 0.5."
        )
    if file is not None and not file.holds:
        told += of_files(file, tolerances)
    return told


def of_files(found: Bounded, tolerances: Tolerances) -> list[str]:
    """On two files in float64."""
    if found.holds:
        return [
            f"In float64 the outputs of the two files differ by at most {_number(found.max_rel)} of their largest "
            f"value{_at(found)}; {_why(found, tolerances)} {_number(found.bound)}."
        ]
    return [
        f"In float64 the outputs of the two files differ by {_number(found.max_rel)} of their largest "
        f"value{_at(found)}; "
        f"{_why(found, tolerances)} only {_number(found.bound)}."
    ]


def only_inside(guilty: Blame) -> str:
    """On an error that the outputs hardly show."""
    return f"The outputs alone hide the difference: {guilty.site.tensor} shows it."


def of_lent(operator: str) -> str:
    """On an operator that cannot be computed in float64."""
    return (
        f"Operator {operator} has no float64 implementation: it alone was run on ONNX Runtime in float32, and inputs "
        f"that agree within {_number(CUT)} were taken for equal there; everything else was compared in float64."
    )


def of_weaker(algebra: Algebra) -> str:
    """On the check that remains without float64."""
    verb = "agree" if algebra.holds else "do not agree"
    return (
        f"On ONNX Runtime the outputs {verb}: they differ by {_number(algebra.max_rel)} of their largest "
        f"value{_at(algebra)}; {_number(algebra.bound)} is allowed."
    )


def of_rounding(found: Rounding, tolerances: Tolerances) -> str:
    """On the errors of both models in their own type."""
    if found.folded is None or found.original is None or found.allowed is None:
        return "Rounding could not be judged."
    where = f" ({found.place.output} on batch {found.place.batch})" if found.place is not None else ""
    ran = f"In {found.dtype} {'emulated' if found.by == 'emulation' else 'on ' + found.by}"
    verdict = "is as exact as the original" if found.holds else "is less exact than the original"
    why = f"{FACTOR:g} times what the original or the rounding of weights shows, plus {FLOOR_ULP:g} eps"
    if _given(found.place, tolerances):
        why = "the tolerance that was given"
    return (
        f"{ran} the candidate {verdict}: off by {_number(found.folded)} from the float64 truth{where}, the original by "
        f"{_number(found.original)}; {_number(found.allowed)} is allowed, {why}."
    )


def of_blind(places: Sequence[str]) -> list[str]:
    """On places where the original itself is far from the truth."""
    if not places:
        return []
    named = ", ".join(places[:3]) + (" and others" if len(places) > 3 else "")
    return [f"The original itself is computed far from its exact result ({named}), so rounding cannot be judged there."]


def _why(found: Bounded, tolerances: Tolerances) -> str:
    return "the tolerance given allows" if _given(found.place, tolerances) else "rounding the weights explains"


def _given(place: Place | None, tolerances: Tolerances) -> bool:
    return place is not None and tolerances.of(place.output) is not None


def _at(found: Bounded) -> str:
    return "" if found.place is None else f" ({found.place.output} on batch {found.place.batch})"


def _number(value: float) -> str:
    return f"{value:.1e}" if value else "0"
