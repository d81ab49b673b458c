"""Where rounding grew: the first tensor that the folded model stores less exactly than the original can.

Asked only of a rewrite that is right in float64 and whose file is not as exact as the original in its own type. Both
models are emulated (see `emulation`) on the batch that showed it, and each tensor is held, in the original's units,
against the float64 truth, as `rounding` holds the outputs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bnfold.plan import Unit
from bnfold.verification.blame import Blame, way
from bnfold.verification.case import Case
from bnfold.verification.emulation import Emulation
from bnfold.verification.evaluator import Float64Error
from bnfold.verification.fit import channels
from bnfold.verification.precision import Array, epsilon
from bnfold.verification.reference import Reference
from bnfold.verification.rounding import FACTOR, FLOOR_ULP
from bnfold.verification.stored import model_type
from bnfold.verification.trace import Site, common_tensors, in_units, title
from bnfold.verification.verdict import Verification


@dataclass(frozen=True)
class Grown(Blame):
    """The tensor where rounding grew.

    Attributes:
        own: the original's error there; that of the folded model is `site.error`.
    """

    own: float = 0.0

    @property
    def sentence(self) -> str:
        """One sentence with the numbers."""
        site = self.site
        return (
            f"The first tensor whose rounding grew is {site.tensor}, written by {site.node}, in channel "
            f"{site.channel}: off by {site.error:.1e} of its largest value from the float64 truth, the original by "
            f"{self.own:.1e}; {site.bound:.1e} is allowed."
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**super().to_json(), "own": self.own}


def with_growth(case: Case, found: Verification, units: Mapping[str, Unit], stored: Mapping[str, str]) -> Verification:
    """The verification of a rewrite that only rounds worse, and the first tensor where it does.

    Args:
        case: the models.
        found: the verification.
        units: the units that the folded model stores tensors in.
        stored: the tensors that it stores them in, where these have other names.
    """
    try:
        grown = _first(case, found, units, stored)
    except Float64Error:
        grown = None
    if grown is None:
        told = "No single tensor shows where rounding grew: every operator alone is as exact as in the original."
        return replace(found, sentences=(*found.sentences, told))
    return replace(found, blame=grown, sentences=(*found.sentences, grown.sentence))


def _first(case: Case, found: Verification, units: Mapping[str, Unit], held: Mapping[str, str]) -> Grown | None:
    name = None if found.rounding is None or found.rounding.place is None else found.rounding.place.batch
    feeds = next((batch for batch in case.batches if batch.name == name), case.batches[0]).feeds
    writers = {value.name: node for node in case.folded.graph for value in node.outputs}
    known = common_tensors(case.original, case.folded) | {name: x for name, x in held.items() if x in writers}
    order = [value.name or "" for node in case.original.graph for value in node.outputs]
    pairs = {name: known[name] for name in order if name in known}
    kind, wide = model_type(case.folded), model_type(case.original)
    narrowed = kind if kind.itemsize < wide.itemsize else None
    truths = Reference(case.original).run(feeds, list(pairs))
    before = Emulation(case.original, narrowed).run(feeds, list(pairs))
    after = Emulation(case.folded).run(feeds, list(pairs.values()))
    outputs = {value.name for value in case.original.graph.outputs}
    agreed: tuple[set[str], set[str]] = (set(), set())
    for tensor, stored in pairs.items():
        truth, ours, theirs = truths[tensor], before[tensor], after[stored]
        if truth.dtype != np.float64 or not truth.size or truth.shape != theirs.shape:
            continue
        unit = units.get(tensor) if tensor not in outputs else None
        own, (error, channel) = _error(truth, ours, None)[0], _error(truth, theirs, unit)
        allowed = FACTOR * own + FLOOR_ULP * epsilon(kind)
        if error > allowed:
            site = Site(tensor, stored, title(writers[stored]), error, error, allowed, channel, channel)
            nodes = way(case.original, tensor, agreed[0]), way(case.folded, stored, agreed[1])
            reference, candidate = (tuple(map(title, part)) for part in nodes)
            return Grown(site, site, reference, candidate, own)
        agreed[0].add(tensor)
        agreed[1].add(stored)
    return None


def _error(truth: Array, values: Array, unit: Unit | None) -> tuple[float, int]:
    """max|error| / max|truth| in the worst channel, and that channel; 0 where the truth says nothing."""
    wide = [np.asarray(values, np.float64)]
    exact, found = in_units([truth], wide, unit) if unit is not None else ([truth], wide)
    scale = np.max(np.abs(exact[0]), initial=0.0)
    if not scale or not np.isfinite(scale):
        return 0.0, 0
    with np.errstate(invalid="ignore", over="ignore"):
        errors = np.nan_to_num(np.abs(channels(exact[0] - found[0])).max(1), nan=np.inf) / scale
    return float(errors.max()), int(errors.argmax())
