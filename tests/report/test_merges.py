"""Merged regions on a terminal: every one while they are few, counts that add up when they are many."""

import io
import re

import pytest
from rich.console import Console

from bnfold.merge.plan import SENTENCES, Apart, Cost, Merge, MergePlan, NearMiss
from bnfold.merge.window import Span, Window
from bnfold.report import merges
from bnfold.report.merges import FULL_LIST


def shown(plan: MergePlan, *, verbose: bool = False) -> str:
    console = Console(width=120, file=io.StringIO())
    with console.capture() as captured:
        for part in merges.tables(plan, verbose=verbose):
            console.print(part)
    return captured.get()


def merge(i: int, op: str = "Conv", ops: tuple[str, ...] = ("Conv", "Conv", "Add"), groups: int = 1) -> Merge:
    window = Window(1, 8, 8, groups, (Span(kernel=3), Span(kernel=5)) if op == "Conv" else ())
    nodes = tuple(f"{name}{i}.{k}" for k, name in enumerate(ops))
    return Merge(nodes, ops, "x", f"y{i}", f"layer{i}", op, window, True, Cost(9, 9), Cost(4, 4))


def test_nothing_to_tell() -> None:
    assert merges.tables(MergePlan()) == []


@pytest.mark.parametrize(("groups", "kernel"), [(1, "Conv 3x5 "), (2, "Conv 3x5 "), (8, "Conv 3x5 depthwise ")])
def test_a_few_merges_are_all_named(groups: int, kernel: str) -> None:
    text = shown(MergePlan(tuple(merge(i, groups=groups) for i in range(FULL_LIST))))
    for i in range(FULL_LIST):
        assert f"layer{i}" in text
    assert text.count("2 Conv, Add") == FULL_LIST
    assert text.count(kernel) == FULL_LIST


def test_a_layer_that_is_no_convolution_has_no_kernel() -> None:
    (line,) = (
        line for line in shown(MergePlan((merge(0, "Gemm", ("Gemm", "Gemm")),))).splitlines() if "layer0" in line
    )
    assert line.split() == ["2", "Gemm", "Gemm", "layer0"]


def test_many_merges_are_grouped_and_the_counts_add_up() -> None:
    found = [merge(i) for i in range(FULL_LIST)] + [merge(100 + i, "Gemm", ("Gemm", "Gemm")) for i in range(3)]
    text = shown(MergePlan(tuple(found)))
    assert sum(int(count) for count in re.findall(r" (\d+) +layer\d+", text)) == len(found)
    assert "layer0 " in text
    assert "layer100" in text
    assert "layer1 " not in text
    everything = shown(MergePlan(tuple(found)), verbose=True)
    assert all(each.into in everything for each in found)


def test_near_misses_say_why() -> None:
    missed = tuple(NearMiss(f"add{i}", "Add", "x", Apart.STRIDES) for i in range(3))
    plan = MergePlan(near_misses=(*missed, NearMiss("conv9", "Conv", "x", Apart.BORDER)))
    text = shown(plan)
    assert re.search(rf"Add +3 +add0 +{SENTENCES[Apart.STRIDES]}", text)
    assert re.search(rf"Conv +1 +conv9 +{SENTENCES[Apart.BORDER][:40]}", text)
    assert "add1" not in text
    verbose = shown(plan, verbose=True)
    for node in ("add0", "add1", "add2", "conv9"):
        assert re.search(rf"^{node} ", verbose, re.MULTILINE)
