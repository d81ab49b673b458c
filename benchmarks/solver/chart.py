"""The picture of the results: processor seconds over batch normalizations, beside a line of slope one.

The background is transparent and every colour a middle tone, so it can stand on a white and on a dark page.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter, NullFormatter

from bnfold.report.plots.style import INK, new_figure, save

STYLES = {
    "textbook": ("#2f81f7", "o", "residual blocks, all folded"),
    "preactivation": ("#3fa45b", "s", "pre-activation stream, all folded"),
    "opaque": ("#db6d28", "^", "half of them refused"),
    "clashing": ("#a371f7", "D", "a stream with clashing signs"),
}


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Write the picture; the ending of `path` decides its format."""
    points = results["points"]
    with new_figure(7.2, 4.6) as figure:
        axes = figure.subplots()
        for family, (color, marker, label) in STYLES.items():
            own = [point for point in points if point["family"] == family]
            if own:
                norms = [point["norms"] for point in own]
                seconds = [point["solve"]["processor"] for point in own]
                axes.plot(norms, seconds, color=color, marker=marker, markersize=5, linewidth=1.8, label=label)
        _guide(axes, points)
        resnet = results["resnet50"]
        seconds = resnet["steps"]["solve"]["processor"]
        axes.plot(resnet["affine"], seconds, color=INK, marker="*", markersize=12, linestyle="none")
        axes.annotate("ResNet-50", (resnet["affine"], seconds), xytext=(0, 9), textcoords="offset points", ha="center")
        axes.margins(x=0.08)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("batch normalizations of 64 channels")
        axes.set_ylabel("seconds of one processor core")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}" if value < 1 else f"{value:,.0f}"))
            axis.set_minor_formatter(NullFormatter())
        axes.grid(color=INK, alpha=0.2, linewidth=0.8)
        axes.tick_params(length=0, which="both")
        axes.legend(frameon=False, loc="upper left")
    save(figure, path)


def _guide(axes: Any, points: list[Mapping[str, Any]]) -> None:
    """A line of slope one below all points."""
    ends = np.array([min(p["norms"] for p in points), max(p["norms"] for p in points)], float)
    rate = 0.6 * min(point["solve"]["processor"] / point["norms"] for point in points)
    axes.plot(ends, rate * ends, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.annotate("linear", (ends[1], rate * ends[1]), xytext=(0, -26), textcoords="offset points", ha="right")
