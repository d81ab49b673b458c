"""The error of every tensor along the network, as a picture.

The background is transparent and every colour a middle tone, so it can stand on a white and on a dark page.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bnfold.errors import MissingExtraError, UsageError
from bnfold.verification.trace import Site
from bnfold.verification.verdict import Verification

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ENDINGS = (".svg", ".png", ".pdf")
LOWEST = 1e-17
"""Smaller errors, and 0, are drawn at the foot of the picture."""
INK, FOUND, BOUND, GUILTY = "#7d8590", "#2f81f7", "#3fb950", "#f85149"
SETTINGS: Any = {
    "font.family": "sans-serif",
    "font.size": 10.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "growth",
}


def check(path: Path) -> None:
    """Raise before any work is done if the picture cannot be drawn.

    Raises:
        UsageError: the ending names no kind of picture, or there is no such folder.
        MissingExtraError: matplotlib is not installed.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"--plot {path} must end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}.")
    if not path.parent.is_dir():
        raise UsageError(f"The folder {path.parent} for the picture does not exist; create it first.")
    try:
        import matplotlib as mpl
    except ImportError:
        raise MissingExtraError("Drawing", "plot") from None
    del mpl


def draw(found: Verification, path: Path) -> None:
    """Write the picture; the ending of `path` decides its format.

    Raises:
        UsageError: the models have no tensor in common, or the file cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    if not found.sites:
        raise UsageError("There is nothing to draw: no tensor of the two models could be compared in float64.")
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(9.6, 3.8), layout="constrained")
        axes = figure.subplots()
        _lines(axes, found.sites)
        if found.blame is not None:
            _mark(axes, found.sites, found.blame.site)
        _dress(axes, found.sites)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=3, frameon=False)
        metadata: Any = {"Date": None} if path.suffix.lower() == ".svg" else None
        try:
            figure.savefig(path, transparent=True, dpi=160, metadata=metadata)
        except OSError as error:
            raise UsageError(f"The picture cannot be written to {path}: {error.strerror}.") from None


def _lines(axes: Axes, sites: Sequence[Site]) -> None:
    place = np.arange(len(sites))
    bounds = [site.bound for site in sites]
    errors = np.clip([site.error for site in sites], LOWEST, 1e3)
    axes.fill_between(place, LOWEST / 3, bounds, step="mid", color=BOUND, alpha=0.12, linewidth=0)
    axes.step(place, bounds, where="mid", color=BOUND, linewidth=1.4, label="what rounding explains")
    good = np.array([site.holds for site in sites])
    axes.plot(place, errors, color=FOUND, linewidth=0.8, alpha=0.6)
    axes.plot(place[good], errors[good], "o", color=FOUND, markersize=3.5, label="found")
    if not good.all():
        axes.plot(place[~good], errors[~good], "o", color=GUILTY, markersize=4.5, label="found, beyond that")


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
        color=GUILTY,
        fontsize=10,
        arrowprops={"arrowstyle": "-", "color": GUILTY, "linewidth": 0.8, "shrinkB": 3},
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
    axes.set_xticks([0, len(sites) - 1] if len(sites) > 1 else [0])
    axes.set_xticklabels([sites[0].tensor, sites[-1].tensor] if len(sites) > 1 else [sites[0].tensor])
    for label, side in zip(axes.get_xticklabels(), ("left", "right"), strict=False):
        label.set(horizontalalignment=side)
    axes.grid(axis="y", color=INK, alpha=0.18, linewidth=0.7)
    axes.tick_params(length=0)
