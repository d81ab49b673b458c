"""The table of operators is that of the code: nothing it says is written by hand, except restrictions."""

import re

import pytest
import torch

from bnfold.fx import fold_module
from bnfold.fx.call import Call
from bnfold.fx.table import FOREIGN, FUNCTIONS, METHODS, MODULES
from bnfold.gauge.rules import TABLE
from docs.make.operators import SCHEMAS, listed, proved, regions
from docs.make.reach import reached
from docs.make.restrictions import RESTRICTIONS
from docs.make.torch_calls import CALLS
from tests.docs.markdown import tables
from tests.fx.nets import normal
from tests.fx.test_forms import CASES, Through


def test_restrictions_are_about_operators_of_the_table() -> None:
    assert listed() >= RESTRICTIONS.keys()


def test_what_the_solver_may_change_can_be_proved() -> None:
    assert proved() >= TABLE.keys()


def test_what_merges_is_what_the_page_about_merging_says() -> None:
    """But for a Cast, which is an Identity where it joins."""
    parts = next(tables("docs/merging.md"))
    named = {op for operators, _ in parts for op in re.findall(r"`([A-Z]\w+)`", operators)}
    rows = [line.strip("| ").split(" | ") for line in regions()["operators"].splitlines()[2:]]
    merging = {row[0] for row in rows if row[3].strip()}
    assert merging == named - {"Cast"}
    assert "to the same type counts as Identity" in RESTRICTIONS["Cast"]


@pytest.mark.parametrize("known", [MODULES, FUNCTIONS, METHODS, FOREIGN])
def test_every_call_becomes_an_operator(known: dict[object, object]) -> None:
    assert all(reached(reader, compared=False) & SCHEMAS for reader in known.values())


def test_the_operators_that_calls_become_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What some forms of the tests become when they are read."""
    emitted = set()
    emit = Call.emit

    def note(call: Call, op: str, *arguments: object, **more: object) -> None:
        emitted.add(op)
        emit(call, op, *arguments, **more)

    monkeypatch.setattr(Call, "emit", note)
    for form, _, rank in list(CASES.values())[::4]:
        with torch.no_grad():
            fold_module(Through(form, rank, shift=True), (normal(2, 4, *([6] * (rank - 2))),))
    assert len(emitted) > 10
    assert emitted <= CALLS.keys()


def test_strings_are_found_where_they_are_used() -> None:
    def outer(op: str):  # type: ignore[no-untyped-def]
        def inner(x: str) -> str:
            return "yes" if x == "asked" else helper(op)

        return inner

    assert {"yes", "given", "deep"} <= reached(outer("given"), compared=False)
    assert "asked" not in reached(outer("given"), compared=False)
    assert "asked" in reached(outer("given"))


def helper(_op: str) -> str:
    return "deep"
