"""Sections and their drawings: every node once, blocks whole, boxes apart."""

from itertools import combinations
from typing import Any

import pytest

from bnfold.report.page.drawing import HEIGHT, WIDTH, draw, shortened
from bnfold.report.page.sections import MOST, sections

Node = dict[str, Any]


def node(name: str, *inputs: str, op: str = "Conv") -> Node:
    return {"name": name, "op": op, "inputs": list(inputs), "outputs": [f"{name}.out"]}


def residual(blocks: int) -> list[Node]:
    nodes, last = [], "input"
    for i in range(blocks):
        nodes += [node(f"block{i}.conv1", last), node(f"block{i}.bn1", f"block{i}.conv1.out", op="BatchNormalization")]
        nodes += [
            node(f"block{i}.relu1", f"block{i}.bn1.out", op="Relu"),
            node(f"block{i}.conv2", f"block{i}.relu1.out"),
        ]
        nodes += [node(f"block{i}.add", f"block{i}.conv2.out", last, op="Add")]
        last = f"block{i}.add.out"
    return nodes


def dense(count: int) -> list[Node]:
    return [node(f"n{i}", *(f"n{j}.out" for j in range(max(0, i - 30), i)), op="Concat") for i in range(count)]


@pytest.mark.parametrize(
    "nodes", [residual(7), dense(90), [node(f"n{i}", f"n{i - 1}.out") for i in range(100)], [node("a", "x")]]
)
def test_every_node_is_in_one_section(nodes: list[Node]) -> None:
    parts = sections(nodes, nodes)
    for side in ("before", "after"):
        assert [n["name"] for part in parts for n in getattr(part, side)] == [n["name"] for n in nodes]
    assert all(len(part.before) <= MOST + 3 for part in parts)
    assert len({part.title for part in parts}) == len(parts)


def test_blocks_stay_whole_and_have_their_name() -> None:
    nodes = residual(5)
    after = [n for n in nodes if n["op"] != "BatchNormalization"]
    parts = sections(nodes, after)
    assert [part.title for part in parts] == [f"block{i}" for i in range(5)]
    assert [len(part.after) for part in parts] == [4] * 5


def test_new_nodes_stand_where_their_tensors_are() -> None:
    nodes = residual(3)
    extra = node("new", "block1.conv1.out", op="Mul")
    parts = sections(nodes, [*nodes, extra])
    assert [part.title for part in parts if extra in part.after] == ["block1"]


def test_empty_networks_have_no_sections() -> None:
    assert sections([], []) == []


def branches(count: int) -> list[Node]:
    nodes = [node(f"branch{i}", "x") for i in range(count)]
    return [*nodes, node("sum", *(n["outputs"][0] for n in nodes), op="Sum")]


@pytest.mark.parametrize("nodes", [residual(4), dense(20), branches(6), [node("a", "x"), node("b", "y")], []])
def test_boxes_do_not_overlap_and_lie_inside(nodes: list[Node]) -> None:
    found = draw(nodes)
    assert [box.full for box in found.boxes if box.node] == [n["name"] for n in nodes]
    for box in found.boxes:
        assert 0 <= box.x <= found.width - WIDTH
        assert 0 <= box.y <= found.height - HEIGHT
    for a, b in combinations(found.boxes, 2):
        assert abs(a.x - b.x) >= WIDTH or abs(a.y - b.y) >= HEIGHT, (a.full, b.full)


def test_there_is_a_line_for_every_tensor_read() -> None:
    nodes = residual(2)
    found = draw(nodes)
    assert len(found.lines) == sum(len(n["inputs"]) for n in nodes)
    assert [box.full for box in found.boxes if box.node is None] == ["input"]


def test_a_node_that_reads_itself_is_drawn() -> None:
    assert len(draw([node("a", "a.out")]).boxes) == 1


@pytest.mark.parametrize("name", ["short", "x" * 24, "/features/denseblock1/denselayer2/norm1"])
def test_names_keep_both_ends(name: str) -> None:
    short = shortened(name)
    assert len(short) <= 24
    assert short[:6] == name[:6]
    assert short[-4:] == name[-4:]
