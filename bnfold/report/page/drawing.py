"""Where the boxes and lines of a section go; grandalf lays them out in layers, after Sugiyama."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grandalf.graphs import Edge, Graph, Vertex
from grandalf.layouts import SugiyamaLayout

WIDTH, HEIGHT, ACROSS, DOWN = 178, 40, 14, 20
"""Pixels of a box, and between boxes."""
LANE = 16
"""Width that a line takes past boxes."""
MARGIN = 6
ELLIPSIS = 24
"""Longest name that fits a box."""

Node = Mapping[str, Any]


@dataclass(frozen=True)
class Box:
    """A node, or a tensor that comes from elsewhere.

    Attributes:
        x, y: of its upper left corner.
        op, name: two lines of text; the name may be cut.
        full: the whole name.
        node: the node; None for a tensor from elsewhere.
    """

    x: float
    y: float
    op: str
    name: str
    full: str
    node: Node | None


@dataclass(frozen=True)
class Drawing:
    """Boxes and lines, each line the points of an SVG path, and the extents of the whole."""

    boxes: tuple[Box, ...]
    lines: tuple[str, ...]
    width: int
    height: int


class _Point(Vertex):  # type: ignore[misc]
    """A vertex that sets keep in the same order in every run, for grandalf walks through sets."""

    def __init__(self, number: int, data: Node | str) -> None:
        super().__init__(data)
        self.number, self.view = number, _View()

    def __hash__(self) -> int:
        return self.number


class _Line(Edge):  # type: ignore[misc]
    """The same for an edge."""

    def __init__(self, number: int, start: _Point, end: _Point) -> None:
        self.number = number
        super().__init__(start, end)
        self.view = _Route()

    def __hash__(self) -> int:
        return self.number


class _View:
    """What grandalf knows of a box."""

    def __init__(self) -> None:
        self.w, self.h = WIDTH, HEIGHT
        self.xy = (0.0, 0.0)


class _Route:
    """Where grandalf puts the points of a line."""

    def __init__(self) -> None:
        self.points: list[tuple[float, float]] = []

    def setpath(self, points: list[tuple[float, float]]) -> None:
        self.points = points


def draw(nodes: Sequence[Node]) -> Drawing:
    """Lay out the nodes from top to bottom, with a box for every tensor that comes from elsewhere."""
    writers = {name: number for number, node in enumerate(nodes) for name in node["outputs"]}
    outside = list(dict.fromkeys(name for node in nodes for name in node["inputs"] if name not in writers))
    vertices = [_Point(number, node) for number, node in enumerate(nodes)]
    sources = {name: _Point(len(nodes) + number, name) for number, name in enumerate(outside)}
    edges: list[_Line] = []
    for vertex, node in zip(vertices, nodes, strict=True):
        for name in dict.fromkeys(node["inputs"]):
            start = vertices[writers[name]] if name in writers else sources[name]
            if start is not vertex:
                edges.append(_Line(len(edges), start, vertex))
    shifts: dict[_Point, tuple[float, float]] = {}
    left = 0.0
    for part in Graph([*sources.values(), *vertices], edges).C:
        placed = _laid_out(part)
        west = min(vertex.view.xy[0] for vertex in placed)
        top = min(vertex.view.xy[1] for vertex in placed)
        shifts |= dict.fromkeys(placed, (left - west + WIDTH / 2 + MARGIN, MARGIN + HEIGHT / 2 - top))
        left += max(vertex.view.xy[0] for vertex in placed) - west + WIDTH + ACROSS
    boxes = tuple(_box(vertex, *shifts[vertex]) for vertex in (*sources.values(), *vertices))
    lines = tuple(_path(edge, *shifts[edge.v[0]]) for edge in edges)
    height = max((box.y + HEIGHT for box in boxes), default=0.0)
    return Drawing(boxes, lines, round(_right(boxes, lines) + MARGIN), round(height + MARGIN))


def _laid_out(part: Any) -> list[_Point]:
    layout = SugiyamaLayout(part)
    layout.xspace, layout.yspace, layout.dw = ACROSS, DOWN, LANE
    layout.init_all()
    layout.draw(3)
    return list(part.sV)


def _right(boxes: Sequence[Box], lines: Sequence[str]) -> float:
    ends = [float(point.split(",")[0]) for line in lines for point in line[1:].split("L")]
    return max([box.x + WIDTH for box in boxes] + ends, default=0.0)


def _box(vertex: _Point, right: float, down: float) -> Box:
    x, y = vertex.view.xy[0] + right - WIDTH / 2, vertex.view.xy[1] + down - HEIGHT / 2
    data = vertex.data
    if isinstance(data, str):
        return Box(round(x, 1), round(y, 1), "from", shortened(data), data, None)
    shape = data.get("weight")
    op = f"{data['op']} {'×'.join('?' if n is None else str(n) for n in shape)}" if shape else data["op"]
    return Box(round(x, 1), round(y, 1), op, shortened(data["name"]), data["name"], data)


def shortened(name: str) -> str:
    """A name that fits a box; what is cut is its middle, for both ends tell layers apart."""
    if len(name) <= ELLIPSIS:
        return name
    head = ELLIPSIS // 3
    return f"{name[:head]}…{name[head + 1 - ELLIPSIS :]}"


def _path(edge: _Line, right: float, down: float) -> str:
    """From the lower edge of a box, past others, to the upper edge of the next."""
    inner = [(x + right, y + down) for x, y in edge.view.points[1:-1]]
    (x0, y0), (x1, y1) = (vertex.view.xy for vertex in edge.v)
    ends = (x0 + right, y0 + down + HEIGHT / 2), (x1 + right, y1 + down - HEIGHT / 2 - 4)
    stretched = [point for x, y in inner for point in ((x, y - HEIGHT / 2), (x, y + HEIGHT / 2))]
    return "M" + "L".join(f"{x:.0f},{y:.0f}" for x, y in (ends[0], *stretched, ends[1]))
