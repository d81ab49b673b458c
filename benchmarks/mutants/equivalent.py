"""Mutants that compute the same as the original, or nothing that anyone could be sorry for, and why."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.mutants.mutants import Mutant

NONE_IS_FLOAT64 = "`None` as a dtype is float64."
SAME_LENGTH = "both always have the same length."
FALSY = "what is missing is falsy either way."

EQUIVALENT: Mapping[tuple[str, str], str] = {
    ("snr_db", "signal = float(np.sum((np.asarray(widen(reference), None) / scale) ** 2))"): (
        "widened values are float64 or integers, and these become float64 as they are divided."
    ),
    ("Tolerances.check", "if not 0 <= value < float('INF'):"): "Python reads both as infinity.",
    ("_pairs", "x, y = (a.astype(None).ravel(), b.astype(np.float64).ravel())"): NONE_IS_FLOAT64,
    ("_pairs", "x, y = (a.astype(np.float64).ravel(), b.astype(None).ravel())"): NONE_IS_FLOAT64,
    (
        "_pairs",
        "found += [pair for pair in zip(x.tolist(), y.tolist(), strict=None) if np.isfinite(pair).all()]",
    ): SAME_LENGTH,
    ("_histogram", "labels = [_label(low, high) for low, high in zip((-1, *ULP_EDGES), ULP_EDGES)]"): (
        "False is the default of `strict`."
    ),
    ("_agreement", "found = (best[0][:, :, None] == best[1][:, None, :]).any(+1)"): (
        "classes are told apart, so each matches one at most, and the matches are as many along both axes."
    ),
    ("_agreement", "found = (best[0][:, :, None] == best[1][:, None, :]).any(-2)"): "as above.",
    ("trains", "return not attributes.get('is_test')"): FALSY,
    ("trains", "if node.version <= 14:"): (
        "in operator set 14 a BatchNormalization has more than one output exactly where it trains."
    ),
    ("_normalization", "per_element = node.version <= 9 and attributes.get('spatial', 1) == 0"): (
        "operator set 9 has no such attribute."
    ),
    ("limits", "ends = zip(given, (-np.inf, np.inf), strict=None)"): SAME_LENGTH,
    ("batch_normalization", "units.gauges[y.name] = units.fresh(shape)"): (
        "`free` says which unknowns are solved for first, which costs time, not removals."
    ),
    ("average_pool", "kernel = node.attributes.get('kernel_shape', None)"): (
        "only global pools have no kernel, and these count no padding in."
    ),
    (
        "_reduced",
        "axes = [] if node.attributes.get('noop_with_empty_axes') else list(range(rank))",
    ): FALSY,
    ("_reduced", "if not node.attributes.get('keepdims', 2):"): "any number but 0 is true.",
    ("_cuts", "while i < len(source) or j <= len(target):"): (
        "one more turn with all of both, which ends in the same pair."
    ),
    ("_cuts", "if left < right and i <= len(source):"): "one more turn with all of the source, which then ends.",
    ("_cuts", "elif right <= left and j < len(target):"): "equal products have returned before.",
}
"""By function and what stands there instead."""


def why(mutant: Mutant) -> str | None:
    """Why nobody could notice; None where somebody should."""
    found = EQUIVALENT.get((mutant.function, mutant.added))
    if found is None and mutant.function == "OutputMetrics.to_json" and "strict=None" in mutant.added:
        return SAME_LENGTH
    return found
