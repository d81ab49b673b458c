"""The error of every tensor along the network, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bnfold.errors import UsageError
from bnfold.report.plots.style import AFTER, BAD, BOUND, WHOLE, name_ends, new_figure, quiet, save
from bnfold.verification.verdict import Verification

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bnfold.verification.trace import Site

LOWEST = 1e-17
"""Smaller errors, and 0, are drawn at the foot of the picture."""


def draw(found: Verification, path: Path) -> None:
    """Write the picture; the ending of `path` decides its format.

    Raises:
        UsageError: the models have no tensor in common, or the file cannot be written.
    """
    if not found.sites:
        raise UsageError("There is nothing to draw: no tensor of the two models could be compared in float64.")
    save(growth(found.sites, None if found.blame is None else found.blame.site), path)


def growth(sites: Sequence[Site], guilty: Site | None = None) -> Figure:
    """The error of every tensor over what rounding explains, the first beyond it named."""
    with new_figure(WHOLE, 3.8) as figure:
        axes = figure.subplots()
        _lines(axes, sites)
        if guilty is not None:
            _mark(axes, sites, guilty)
        _dress(axes, sites)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=3, frameon=False)
    return figure


def _lines(axes: Axes, sites: Sequence[Site]) -> None:
    place = np.arange(len(sites))
    bounds = [site.bound for site in sites]
    errors = np.clip([site.error for site in sites], LOWEST, 1e3)
    axes.fill_between(place, LOWEST / 3, bounds, step="mid", color=BOUND, alpha=0.12, linewidth=0)
    axes.step(place, bounds, where="mid", color=BOUND, linewidth=1.4, label="what rounding explains")
    good = np.array([site.holds for site in sites])
    axes.plot(place, errors, color=AFTER, linewidth=0.8, alpha=0.6)
    axes.plot(place[good], errors[good], "o", color=AFTER, markersize=3.5, label="found")
    if not good.all():
        axes.plot(place[~good], errors[~good], "o", color=BAD, markersize=4.5, label="found, beyond that")


def _mark(axes: Axes, sites: Sequence[Site], guilty: Site) -> None:
    place = sites.index(guilty)
    left = place > 0.6 * len(sites)
    height = min(max(guilty.error, LOWEST), 1e3)
    axes.annotate(
        f"first: {guilty.tensor}",
        (place, height),
        (-12 if left else 12, 14),
        textcoords="offset points",
        ha="right" if left else "left",
        color=BAD,
        fontsize=10,
        arrowprops={"arrowstyle": "-", "color": BAD, "linewidth": 0.8, "shrinkB": 3},
        parse_math=False,
    )


def _dress(axes: Axes, sites: Sequence[Site]) -> None:
    axes.set_yscale("log")
    errors = [site.error for site in sites if np.isfinite(site.error)]
    top = max(1e-6, *(10 * site.bound for site in sites), *(10 * error for error in errors))
    lowest = min([error for error in errors if error > LOWEST] or [LOWEST]) / 10
    axes.set_ylim(max(LOWEST / 3, lowest), min(top, 3e3))
    axes.set_xlim(-0.6, max(len(sites) - 0.4, 0.6))
    axes.set_ylabel("error / largest value")
    axes.set_xlabel("tensors of both models, from the input to the output")
    name_ends(axes, [site.tensor for site in sites])
    quiet(axes)
