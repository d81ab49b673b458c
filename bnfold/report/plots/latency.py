"""Latency as pictures: how run times spread, and speed-ups with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bnfold.report.plots.style import AFTER, BAD, BEFORE, HALF, INK, name_rows, new_figure, quiet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = 0.95
"""The share of run times, from the fastest, that a picture shows: single stalls would squeeze all the rest."""


@dataclass(frozen=True)
class Times:
    """Run times of one file at one optimization level, in seconds.

    Attributes:
        name: label of the file; the first of a level is the reference.
        level: graph optimization level.
        fastest, p50, p90: of all runs.
        runs: every run, in any order; empty where only the summary is known.
    """

    name: str
    level: str
    fastest: float
    p50: float
    p90: float
    runs: Sequence[float] = ()


@dataclass(frozen=True)
class SpeedUp:
    """Reference time / candidate time, with its 95 % interval.

    Attributes:
        name: label of the candidate.
        level: graph optimization level.
        value, low, high: the ratio and its interval.
        noise: the interval of the same ratio of the reference with itself.
        verdict: "faster", "slower" or "no difference".
    """

    name: str
    level: str
    value: float
    low: float
    high: float
    noise: tuple[float, float]
    verdict: str


def distributions(times: Sequence[Times]) -> Figure:
    """A row per file, levels apart: the density of its run times, the middle half and the median.

    Where single runs are not known, a line from the fastest run to the 90th percentile.
    """
    levels = list(dict.fromkeys(item.level for item in times))
    rows = [[item for item in times if item.level == level] for level in levels]
    with new_figure(HALF, 0.5 + sum(0.55 + 0.42 * len(row) for row in rows)) as figure:
        heights = [0.55 + 0.42 * len(row) for row in rows]
        for axes, level, row in zip(
            figure.subplots(len(rows), squeeze=False, height_ratios=heights)[:, 0], levels, rows, strict=True
        ):
            spread(axes, row)
            axes.set_title(f"optimization level {level}", loc="left")
        axes.set_xlabel("ms a run")
    return figure


def spread(axes: Axes, row: Sequence[Times]) -> None:
    """Draw the times of the contestants of one level, the first of them the reference."""
    ends = []
    for place, item in enumerate(row):
        colour = AFTER if place else BEFORE
        if len(item.runs):
            ends.append(_density(axes, np.asarray(item.runs) * 1e3, place, colour))
        else:
            axes.plot([item.fastest * 1e3, item.p90 * 1e3], [place, place], color=colour, linewidth=5, alpha=0.4)
            ends.append(item.p90 * 1e3)
        axes.plot(item.p50 * 1e3, place, "|", color=colour, markersize=13, markeredgewidth=2)
    low = min(item.fastest for item in row) * 1e3
    room = 0.04 * (max(ends) - low) or 0.01 * low
    axes.set_xlim(low - room, max(ends) + room)
    axes.set_ylim(len(row) - 0.7, -0.7)
    name_rows(axes, [item.name for item in row])
    axes.spines["left"].set_visible(False)
    quiet(axes, grid="x")


def _density(axes: Axes, runs: np.ndarray, place: int, colour: str) -> float:
    """Draw one row; return where it ends."""
    end = float(np.quantile(runs, SHOWN))
    parts = axes.violinplot(
        runs[runs <= end], positions=[place], orientation="horizontal", side="low", widths=1.1, showextrema=False
    )
    bodies: Any = parts["bodies"]
    for body in bodies:
        body.set(facecolor=colour, edgecolor=colour, alpha=0.35, linewidth=0.8)
    axes.plot(np.quantile(runs, [0.25, 0.75]), [place, place], color=colour, linewidth=3, solid_capstyle="butt")
    return end


def speed_ups(found: Sequence[SpeedUp]) -> Figure:
    """A row per candidate and level: the ratio with its interval, over what noise alone shows, in grey."""
    with new_figure(HALF, 0.75 + 0.42 * len(found)) as figure:
        axes = figure.subplots()
        ratios(axes, found)
        axes.set_ylim(len(found) - 0.5, -0.5)
        name_rows(axes, [f"{item.name}, {item.level}" for item in found])
        axes.set_xlabel("reference time / candidate time")
        axes.use_sticky_edges = False
        axes.margins(x=0.06)
    return figure


def ratios(axes: Axes, found: Sequence[SpeedUp], first: int = 0) -> None:
    """Draw speed-ups one below the other, from the row `first` on."""
    for place, item in enumerate(found, first):
        colour = {"faster": AFTER, "slower": BAD}.get(item.verdict, INK)
        low, high = item.noise
        axes.barh(place, high - low, left=low, height=0.6, color=INK, alpha=0.22, linewidth=0)
        axes.errorbar(
            item.value,
            place,
            xerr=[[item.value - item.low], [item.high - item.value]],
            fmt="o",
            color=colour,
            markersize=5,
            linewidth=1.8,
        )
    axes.axvline(1, color=INK, linewidth=1)
    axes.spines["left"].set_visible(False)
    quiet(axes, grid="x")
