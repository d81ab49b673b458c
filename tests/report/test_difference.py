"""What changed between two models, on a terminal: every node while there are few, counts that add up when many."""

import io
import re
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from bnfold.difference import Changed, Constants, Difference, Vanished
from bnfold.report.difference import FEW, difference

SAME = Difference({"Conv": (2, 2)}, (), (), (), Constants(("w",), (), (), ()), ())


def shown(found: Difference, *, verbose: bool = False) -> str:
    console = Console(width=100, file=io.StringIO())
    with console.capture() as captured:
        for part in difference(found, verbose=verbose):
            console.print(part)
    return captured.get()


def vanished(count: int) -> dict[str, Any]:
    gone = [Vanished(f"node{i}", "Mul" if i % 3 else "Add", "conv", ("a", "b", "c")[: i % 2 * 3]) for i in range(count)]
    return {"vanished": tuple(gone)}


def new(count: int) -> dict[str, Any]:
    return {"new": tuple((f"node{i}", "Conv" if i % 3 else "Pad") for i in range(count))}


def changed(count: int) -> dict[str, Any]:
    each = [Changed(f"node{i}", "Conv", ("constants", "inputs") if i % 2 else ("constants",)) for i in range(count)]
    return {"changed": tuple(each)}


@pytest.mark.parametrize("nodes", [vanished, new, changed])
def test_a_short_list_names_every_node(nodes: Any) -> None:
    text = shown(replace(SAME, **nodes(FEW)))
    assert re.findall(r"^(node\d+) ", text, re.MULTILINE) == [f"node{i}" for i in range(FEW)]


@pytest.mark.parametrize("nodes", [vanished, new, changed])
def test_a_long_list_is_grouped_and_the_counts_add_up(nodes: Any) -> None:
    found = replace(SAME, **nodes(30))
    text = shown(found)
    rows = [row for row in text.splitlines() if "node" in row]
    assert 2 <= len(rows) <= 4
    assert sum(int(row.split()[1]) for row in rows) == 30
    assert len(re.findall(r"^(node\d+) ", shown(found, verbose=True), re.MULTILINE)) == 30


def test_new_nodes_are_counted_by_operator_with_the_first_as_an_example() -> None:
    rows = [row.split() for row in shown(replace(SAME, **new(10))).splitlines() if "node" in row]
    assert rows == [["Pad", "4", "node0"], ["Conv", "6", "node1"]]


def test_where_a_node_went() -> None:
    gone = (
        Vanished("taken", "Mul", "conv"),
        Vanished("near", "Mul", None, ("a", "b", "c", "d")),
        Vanished("both", "Mul", "add", ("a",)),
        Vanished("nowhere", "Mul", None),
    )
    rows = dict(re.findall(r"^(\w+) +Mul +(.*?) *$", shown(replace(SAME, vanished=gone)), re.MULTILINE))
    assert rows == {
        "taken": "conv writes its output",
        "near": "changed near it: a, b and 2 more",
        "both": "add writes its output; changed near it: a",
        "nowhere": "nothing near it changed",
    }


def test_only_operators_whose_number_changed_have_a_row() -> None:
    found = replace(SAME, operators={"Conv": (2, 2), "Mul": (3, 1), "Pad": (0, 2)}, **new(2))
    rows = [row.split() for row in shown(found).splitlines() if re.match(r"(Conv|Mul|Pad|all) +\d", row)]
    assert rows == [["Mul", "3", "1", "-2"], ["Pad", "0", "2", "+2"], ["all", "5", "5", "0"]]


def test_what_callers_see_is_told_in_sentences() -> None:
    told = ("The output y is gone.", "The output z is new.")
    text = shown(replace(SAME, interface=told))
    assert all(sentence in text for sentence in told)
    assert "Inputs and outputs are the same." not in text
    constants = replace(SAME, constants=Constants((), ("w", "b"), (), ("k",)))
    assert shown(constants).splitlines()[-2:] == ["Constants: 2 changed, 1 new.", "Inputs and outputs are the same."]
    assert "Constants: none." in shown(replace(SAME, constants=Constants((), (), (), ()), **new(1)))


def test_nothing_at_all() -> None:
    assert shown(SAME) == "The models are the same: operators, connections and every constant.\n"
