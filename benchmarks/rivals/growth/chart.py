"""The tables as a picture: processor seconds and memory over the size of the model, a line a program."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.rivals.growth.programs import BASE, NAMES
from bnfold.report.plots.style import AFTER, INK, new_figure, save

MARKERS = ("o", "_", "s", "^", "D", "v", "P", "*", "X")
"""One a program, so that the picture needs no colour."""


def draw(data: dict[str, Any], path: Path) -> None:
    """Write the picture; a line ends before the size at which its program fails."""
    points = sorted(data["points"].values(), key=lambda point: point["bytes"])
    with new_figure(9.6, 4.6) as figure:
        left, right = figure.subplots(1, 2)
        _lines(left, points, lambda runs: median(run["processor"] for run in runs))
        _lines(right, points, lambda runs: max(run["anonymous"] for run in runs) / 1e6)
        sizes = [point["bytes"] / 1e6 for point in points]
        right.plot(sizes, sizes, color=INK, linewidth=0.8, linestyle=(0, (1, 3)))
        right.annotate("the file itself", (sizes[0], sizes[0]), xytext=(6, -4), textcoords="offset points")
        for axes, label in ((left, "processor seconds"), (right, "anonymous memory (MB)")):
            axes.set(xscale="log", yscale="log", xlabel="model (MB)", ylabel=label)
            axes.grid(color=INK, alpha=0.18, linewidth=0.7)
            axes.tick_params(length=0, which="both")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
                axis.set_minor_formatter(NullFormatter())
        figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=5, frameon=False)
    save(figure, path)


def _lines(axes: Any, points: list[dict[str, Any]], value: Callable[[list[dict[str, float]]], float]) -> None:
    for name, marker in zip(NAMES, MARKERS, strict=True):
        found = [(point["bytes"] / 1e6, point["programs"].get(name, {"fails": ""})) for point in points]
        done = [(size, value(each["runs"])) for size, each in found if "fails" not in each]
        ours = name == "bnfold"
        axes.plot(
            [size for size, _ in done],
            [height for _, height in done],
            marker=marker,
            color=AFTER if ours else INK,
            linestyle="--" if name == BASE else "-",
            linewidth=2.2 if ours else 0.9,
            markersize=7 if ours else 6,
            fillstyle="full" if ours else "none",
            zorder=3 if ours else 2,
            label=name,
        )
