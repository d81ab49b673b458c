"""The regions of equations.md: what the rules state about small calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bnfold.gauge.requirements import Requirements
from bnfold.gauge.rules import TABLE
from docs.make.equations.calls import CALLS, ELSEWHERE, QUANTIZED
from docs.make.equations.case import Case
from docs.make.equations.chains import joined, likewise
from docs.make.equations.further import further
from docs.make.equations.stated import Stated, stated
from docs.make.equations.words import Words
from docs.make.regions import table

HEADINGS = ["call", "alike along", "scale", "shift", "because it"]


def regions() -> Mapping[str, str]:
    """A table for each module of rules, one for quantized weights, and one for what has no rule."""
    families: dict[str, list[Case]] = {}
    for op, cases in CALLS.items():
        families.setdefault(TABLE[op].__module__.rsplit(".", 1)[1], []).extend(cases)
    families |= {"quantized": list(QUANTIZED), "elsewhere": list(ELSEWHERE)}
    tables = {name: table(HEADINGS, [row for case in cases for row in rows(case)]) for name, cases in families.items()}
    return {**tables, "further": further()}


def rows(case: Case) -> Iterable[list[object]]:
    """One row, or of an operator that could be removed two."""
    found = stated(case)
    call = f"`{case.call}`"
    if found.candidate is None:
        yield _row(call, found, found.structure)
        return
    yield _row(f"{call}, removed", found, found.candidate.requirements)
    yield _row(f"{call}, kept", found, found.kept)


def _row(call: str, found: Stated, requirements: Requirements) -> list[object]:
    affine = None if found.candidate is None else found.candidate.affine
    words = Words(found.gauges, {} if affine is None else {"a": affine.scale, "b": affine.shift})
    written = [name for name in found.gauges if name.startswith("y")]
    scales, shifts = (
        [text for name in written if (text := words.copied(what, name))] + asked
        for what, asked in (("S", words.scales(requirements)), ("T", words.shifts(requirements)))
    )
    alike = "; ".join(f"{name}: {', '.join(map(str, axes))}" for name, axes in found.alike.items() if axes)
    texts = [*found.mixing, *found.why(requirements)]
    return [call, alike, joined(scales), joined(likewise(shifts, scales)), "; ".join(dict.fromkeys(texts))]
