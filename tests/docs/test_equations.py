"""The page of equations leaves no operator and no demand of the rules out."""

import numpy as np
import pytest

from bnfold.gauge import relaxed
from bnfold.gauge.rules import TABLE
from docs.make.equations import rows
from docs.make.equations.calls import CALLS, FURTHER
from docs.make.equations.case import Case, Free
from docs.make.equations.chains import joined, likewise
from docs.make.pages import ROOT
from tests.graph.test_equations import NOT_ALGEBRA, sentences

PAGE = (ROOT / "docs/equations.md").read_text(encoding="utf-8")
X = Free("x", (2, 4, 4, 4))


def test_every_operator_is_there() -> None:
    assert set(CALLS) == set(TABLE)
    assert all(case.op == op for op, cases in CALLS.items() for case in cases)
    assert {case.op for case in FURTHER} == set(relaxed.TABLE)


@pytest.mark.parametrize("sentence", sorted(sentences() | NOT_ALGEBRA.keys()))
def test_every_demand_is_there(sentence: str) -> None:
    assert sentence in PAGE


@pytest.mark.parametrize(
    ("case", "alike", "scale", "shift"),
    [
        (Case("Relu", (X,)), "", "S_y = S_x > 0", "T_y = T_x = 0"),
        (Case("Conv", (X, np.ones((4, 4, 3, 3)))), "x: 0, 2, 3", "any", "any"),
        (Case("Conv", (X, np.ones((4, 4, 3, 3))), {"pads": [1] * 4}), "x: 0, 2, 3", "any", "T_x = 0"),
        (Case("Sub", (X, Free("z", (2, 4, 4, 4)))), "", "S_y = S_x = S_z", "T_y = T_x − T_z"),
        (Case("Sigmoid", (X,)), "", "S_y = S_x = 1", "T_y = T_x = 0"),
        (Case("Gather", (X, np.asarray([3, 0])), {"axis": 1}), "", "S_y = (S_x₄, S_x₁) along axis 1", "likewise"),
    ],
)
def test_what_a_rule_states_is_told(case: Case, alike: str, scale: str, shift: str) -> None:
    ((_, *told, _),) = rows(case)
    assert told == [alike, scale, shift]


def test_what_is_removed_and_what_is_kept_differ() -> None:
    channel = np.asarray([2.0, 3.0, 5.0, 7.0]).reshape(4, 1, 1)
    removed, kept = rows(Case("Mul", (X, channel)))
    assert removed[2:4] == ["S_y = a S_x", "T_y = a T_x"]
    assert kept[2:4] == ["any", "T_y = a T_x"]


def test_equations_are_joined() -> None:
    equations = ["S_y = S_x", "S_y = S_z", "S_z = 1", "|S_y| = |S_x|", "S_w > 0"]
    assert joined(equations) == "S_y = S_x = S_z = 1, S_w > 0"
    assert joined([]) == "any"
    assert likewise(["T_y = T_x₁", "T_x = 0"], ["S_y = S_x₁"]) == ["likewise", "T_x = 0"]
