"""The regions of operators.md: what each part of bnfold knows of every ONNX operator, from their own tables."""

from __future__ import annotations

from collections.abc import Mapping

import onnx
from onnx.reference.ops import load_op

from bnfold.affine_operators import OPERATORS
from bnfold.gauge.rules import READS_SHAPE_ONLY, TABLE, affine, linear
from bnfold.layout.noops import CANDIDATES
from bnfold.layout.operators import TABLE as LAYOUT
from bnfold.merge.regions import SUMS
from bnfold.merge.terms import LAYERS, READERS
from bnfold.proof.maps.affine import affine_step
from bnfold.proof.maps.layers import layer
from bnfold.proof.rules import TABLE as PROOF
from bnfold.proof.rules.clamps import clamps
from bnfold.verification.operators import OPERATORS as OWN
from docs.make.reach import reached
from docs.make.regions import table
from docs.make.restrictions import RESTRICTIONS
from docs.make.torch_calls import CALLS

SCHEMAS = {schema.name for schema in onnx.defs.get_all_schemas()}
YES, NO = "✓", ""
ALONE = (affine.batch_normalization,)
"""Rules of operators that are always per channel."""


def regions() -> Mapping[str, str]:
    """The two tables."""
    headings = ["operator", "units", "module", "merging", "layout", "certificate", "float64", "restrictions"]
    return {
        "operators": table(headings, [_row(op) for op in sorted(listed())]),
        "torch": table(
            ["operator", "calls"], [[op, ", ".join(f"`{call}`" for call in CALLS[op])] for op in sorted(CALLS)]
        ),
    }


def listed() -> set[str]:
    """Operators of which some part knows more than how to compute them."""
    return {*TABLE, *READS_SHAPE_ONLY, *CALLS, *READERS, *SUMS, *LAYOUT, *CANDIDATES, *PROOF, *proved()} & SCHEMAS


def proved() -> set[str]:
    """Operators that the checker of certificates can follow."""
    return {*PROOF, *(op for function in (affine_step, layer, clamps) for op in reached(function) & SCHEMAS)}


def _row(op: str) -> list[object]:
    return [
        op,
        _units(op),
        YES if op in CALLS else NO,
        "holds" if op in LAYERS else "joins" if op in {*READERS, *SUMS} else NO,
        _layout(op),
        YES if op in proved() else NO,
        _float64(op),
        RESTRICTIONS.get(op, NO),
    ]


def _units(op: str) -> str:
    """What its rule does with the units of its input."""
    if op in READS_SHAPE_ONLY:
        return "not read"
    if op not in TABLE:
        return "kept"
    if TABLE[op].__module__ == linear.__name__:
        return "taken up"
    words = [word for word, known in (("removed", op in OPERATORS), ("passed on", TABLE[op] not in ALONE)) if known]
    return ", ".join(words)


def _layout(op: str) -> str:
    return ", ".join(word for word, known in (("moved through", op in LAYOUT), ("removed", op in CANDIDATES)) if known)


def _float64(op: str) -> str:
    """Who computes it where outputs are compared in float64."""
    if op in {own.__name__ for own in OWN}:
        return "own"
    version = onnx.defs.get_schema(op).since_version
    try:
        load_op("", op, version)
    except Exception:
        return "ONNX Runtime"
    return "onnx"
