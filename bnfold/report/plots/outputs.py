"""Outputs of two models beside each other: how many representable numbers apart, and value against value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bnfold.report.plots.style import AFTER, HALF, INK, new_figure, quiet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Pairs = Sequence[tuple[float, float]]


def ulp_histogram(counts: Mapping[str, int]) -> Figure:
    """The share of elements that are so many representable numbers apart, by bin."""
    total = max(1, sum(counts.values()))
    with new_figure(HALF, 2.7) as figure:
        axes = figure.subplots()
        shares = [100 * count / total for count in counts.values()]
        bars = axes.bar(range(len(counts)), shares, color=AFTER, alpha=0.75, width=0.8)
        labels = [f"{share:.0f}" if share >= 1 else "<1" if share else "" for share in shares]
        axes.bar_label(bars, labels, fontsize=8.5, color=INK, padding=1)
        axes.set_xticks(range(len(counts)), [label.replace("-", "–") for label in counts], fontsize=8, rotation=35)
        axes.set_xlabel("representable numbers apart")
        axes.set_ylabel("% of elements")
        quiet(axes)
    return figure


def scatter(pairs: Pairs) -> Figure:
    """Above, the folded model's values over the original's; below, their differences."""
    x, y = np.array(pairs, np.float64).T
    with new_figure(HALF, 3.6) as figure:
        above, below = figure.subplots(2, sharex=True, height_ratios=[3, 2])
        ends = [min(x.min(), y.min()), max(x.max(), y.max())]
        above.plot(ends, ends, color=INK, linewidth=0.8, alpha=0.6)
        above.plot(x, y, "o", color=AFTER, markersize=3, alpha=0.55, markeredgewidth=0)
        above.set_ylabel("folded")
        below.axhline(0, color=INK, linewidth=0.8, alpha=0.6)
        below.plot(x, y - x, "o", color=AFTER, markersize=3, alpha=0.55, markeredgewidth=0)
        largest = np.abs(y - x).max() or 1.0
        below.set_ylim(-1.15 * largest, 1.15 * largest)
        below.ticklabel_format(axis="y", scilimits=(-3, 3))
        below.locator_params(axis="x", nbins=5)
        below.set_ylabel("difference")
        below.set_xlabel("original")
        for axes in (above, below):
            quiet(axes)
    return figure
