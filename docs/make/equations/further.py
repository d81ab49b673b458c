"""Dearer forms: what an operator asks for under them, what it would like, and what it becomes without."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from bnfold.gauge import relaxed
from bnfold.network import Node
from bnfold.objective import Objective
from bnfold.plan import Plan, Unit
from docs.make.equations.calls import FURTHER
from docs.make.equations.case import Case
from docs.make.equations.chains import joined
from docs.make.equations.stated import Stated, stated
from docs.make.equations.words import Words
from docs.make.regions import table

UNITS = (
    Unit(np.ones((1, 4, 1, 1)), np.full((1, 4, 1, 1), 3.0)),
    Unit(np.ones((1, 4, 1, 1)), np.arange(4.0).reshape(1, 4, 1, 1)),
)
"""A shift that is the same in all channels, and one that is not."""


def further() -> str:
    """The table."""
    headings = ["call", "objective", "scale", "shift", "would like", "else becomes", "or, if channels differ"]
    return table(headings, [list(_row(case)) for case in FURTHER])


def _row(case: Case) -> Iterable[object]:
    found = stated(case, relax=True)
    words = Words(found.gauges, {})
    scales, shifts = ([text] if (text := words.copied(what, "y")) else [] for what in "ST")
    entry = relaxed.TABLE[case.op]
    yield f"`{case.call}`"
    yield "either" if entry.objectives == frozenset(Objective) else ", ".join(sorted(entry.objectives))
    yield joined([*scales, *words.scales(found.structure)])
    yield joined([*shifts, *words.shifts(found.structure)])
    yield joined([*words.scales(found.wishes), *words.shifts(found.wishes)])
    for unit in UNITS:
        yield _form(found, unit)


def _form(found: Stated, unit: Unit) -> str:
    """The operators that stand in the place of the call, if its input has these units."""
    node: Node = found.node
    x, y = node.inputs[0], node.outputs[0]
    assert x is not None
    assert y is not None
    assert x.shape is not None
    shape = [
        extent if axis == (1 if len(x.shape) == 4 else len(x.shape) - 1) else 1 for axis, extent in enumerate(x.shape)
    ]
    units = {x.name: Unit(unit.gain.reshape(shape), unit.offset.reshape(shape))}
    if np.array_equal(found.gauges["x"], found.gauges["y"]):
        units[y.name] = units[x.name]
    priced = relaxed.TABLE[node.op].form(node, Plan((), units, frozenset({node.name}), frozenset({node.name})))
    if priced is None:
        return "nothing"
    form, _ = priced
    return " + ".join(step.op for step in form) or f"{node.op} with a bias"
