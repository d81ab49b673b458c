"""Per-channel ranges of weights along the network, before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bnfold.report.plots.style import AFTER, BEFORE, WHOLE, name_ends, new_figure, quiet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAST = 1e-12
"""A channel without weights is drawn here at most."""


def ranges(
    before: Sequence[tuple[float, Sequence[float]]],
    after: Sequence[tuple[float, Sequence[float]]],
    *,
    layers: Sequence[str],
) -> Figure:
    """The largest absolute weight of every channel, layer by layer: all channels as a band, their median as a line.

    Args:
        before, after: the place of each layer along the axis, and the largest absolute weight of each of its channels.
        layers: names of the layers at the places 0, 1, 2 ...
    """
    with new_figure(WHOLE, 3.2) as figure:
        axes = figure.subplots()
        for found, colour, name in ((before, BEFORE, "before"), (after, AFTER, "after")):
            _band(axes, found, colour, name)
        axes.set_yscale("log")
        axes.set_xlim(-0.6, max(len(layers) - 0.4, 0.6))
        axes.set_xlabel("layers, from the input to the output")
        name_ends(axes, layers)
        axes.set_ylabel("largest |weight| of a channel")
        quiet(axes)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=2, frameon=False)
    return figure


def _band(axes: Axes, found: Sequence[tuple[float, Sequence[float]]], colour: str, name: str) -> None:
    alive = [(place, [value for value in values if value > LEAST]) for place, values in found]
    alive = [(place, values) for place, values in alive if values]
    places = [place for place, _ in alive]
    low, middle, high = ([f(values) for _, values in alive] for f in (min, np.median, max))
    axes.vlines(places, low, high, color=colour, alpha=0.4, linewidth=3)
    axes.plot(places, middle, "o-", color=colour, linewidth=1, markersize=3, label=name)
