"""The tables as two pictures: what each tool leaves, and how fast its result runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.rivals.tools import NAMES
from bnfold.report.plots.style import AFTER, INK, name_rows, new_figure, quiet, save

ROW, FOOT = 0.42, 0.9
"""Inches that a row, and the axis with the legend, take."""
FEWER = 1e-9


def draw(data: dict[str, Any], folder: Path) -> None:
    """Write rivals_left.svg and rivals_speed.svg."""
    _left(data["models"], folder / "rivals_left.svg")
    if any("onnxruntime" in model for model in data["models"].values()):
        _speed(data["models"], folder / "rivals_speed.svg")


def _left(models: dict[str, Any], path: Path) -> None:
    """A row a model: the share of its affine operators that each tool leaves."""
    with new_figure(9.6, FOOT + ROW * len(models)) as figure:
        axes = figure.subplots()
        for row, model in enumerate(models.values()):
            before = max(model["original"]["affine"], FEWER)
            shares = {tool: each["affine"] / before for tool, each in model["tools"].items() if "affine" in each}
            _dots(axes, row, shares)
        _dress(axes, list(models), "share of affine operators left")
        axes.set_xlim(-0.03, 1.06)
    save(figure, path)


def _speed(models: dict[str, Any], path: Path) -> None:
    """A row a model: the speed-up of what each tool wrote, bnfold's with its interval."""
    measured = {name: model["onnxruntime"]["tools"] for name, model in models.items() if "onnxruntime" in model}
    with new_figure(9.6, FOOT + ROW * len(measured)) as figure:
        axes = figure.subplots()
        for row, found in enumerate(measured.values()):
            _dots(axes, row, {tool: each["speedup"]["value"] for tool, each in found.items()})
            ours = found["bnfold"]["speedup"]
            axes.plot([ours["low"], ours["high"]], [row, row], color=AFTER, linewidth=2)
        axes.axvline(1, color=INK, linewidth=0.8)
        _dress(axes, list(measured), "times as fast as the original, ONNX Runtime, full optimization, one thread")
        axes.set_xscale("log")
        axes.set_xticks([0.8, 1, 1.25, 1.5, 2, 3, 4], ["0.8", "1", "1.25", "1.5", "2", "3", "4"])
        axes.set_xticks([], minor=True)
    save(figure, path)


def _dots(axes: Any, row: int, values: dict[str, float]) -> None:
    for tool, value in values.items():
        ours = tool == "bnfold"
        axes.plot(
            value,
            row,
            marker="o" if ours else MARKERS[NAMES.index(tool)],
            color=AFTER if ours else INK,
            markersize=8 if ours else 6,
            fillstyle="full" if ours else "none",
            linestyle="",
            zorder=3 if ours else 2,
        )


MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""One a tool, so that the picture needs no colour."""


def _dress(axes: Any, names: list[str], label: str) -> None:
    for tool, marker in zip(NAMES, MARKERS, strict=True):
        ours = tool == "bnfold"
        style = {"color": AFTER if ours else INK, "fillstyle": "full" if ours else "none", "linestyle": ""}
        axes.plot([], [], marker=marker, label=tool, **style)
    axes.figure.legend(loc="outside upper left", ncols=len(NAMES), frameon=False)
    axes.set_ylim(len(names) - 0.5, -0.5)
    name_rows(axes, names)
    axes.set_xlabel(label)
    quiet(axes, grid="x")
