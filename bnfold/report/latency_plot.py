"""Latency as a picture: how the times of every contestant are spread, and the speed-ups with their intervals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bnfold.errors import UsageError
from bnfold.latency.results import BenchResult, Measured
from bnfold.latency.statistics import Times
from bnfold.report.growth import BOUND, FOUND, GUILTY, INK, SETTINGS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW, BAND, FOOT = 0.3, 0.5, 0.5
"""Inches that a contestant, a setting beside its contestants, and the axis take."""
TAILS = (0.01, 0.99)
VERDICTS = {"faster": BOUND, "slower": GUILTY, "no difference": INK}


def draw(result: BenchResult, path: Path) -> None:
    """Write the picture; the ending of `path` decides its format.

    Raises:
        UsageError: the file cannot be written.
    """
    import matplotlib as mpl

    with mpl.rc_context({**SETTINGS, "svg.hashsalt": "latency"}):
        metadata: Any = {"Date": None} if path.suffix.lower() == ".svg" else None
        try:
            figure(result).savefig(path, transparent=True, dpi=160, metadata=metadata)
        except OSError as error:
            raise UsageError(f"The picture cannot be written to {path}: {error.strerror}.") from None


def figure(result: BenchResult) -> Figure:
    """A band for every setting: times of each contestant on the left, speed-ups on the right."""
    from matplotlib.figure import Figure

    settings = result.settings()
    count = len(result.contestants) // len(settings)
    drawn = Figure(figsize=(9.6, len(settings) * (BAND + ROW * count) + FOOT), layout="constrained")
    grid = drawn.subplots(len(settings), 2, squeeze=False, width_ratios=(3, 2), sharex="col" if count > 1 else False)
    for setting, (times, ratios) in zip(settings, grid, strict=True):
        rows = [each for each in result.contestants if each.setting == setting]
        _spread(times, rows)
        _ratios(ratios, result, rows)
        times.set_title(f"{setting.level}, {setting.conditions}", loc="left", fontsize=9.5, color=INK)
        times.set_yticks(range(count), [each.name for each in rows])
        ratios.set_yticks([])
        for axes in (times, ratios):
            axes.set_ylim(count - 0.4, -0.6)
            axes.tick_params(length=0, which="both")
            axes.grid(axis="x", color=INK, alpha=0.18, linewidth=0.7)
    grid[-1][0].set_xlabel("ms a run; a tick is the median of a block")
    grid[-1][1].set_xlabel("speed-up, 95 %; grey: the A/A control")
    return drawn


def _spread(axes: Axes, rows: list[Measured]) -> None:
    """A violin of all times between the 1st and the 99th percentile, the median of every block, and of all times."""
    for place, each in enumerate(rows):
        times = 1e3 * each.runs.ravel()
        low, high = np.quantile(times, TAILS)
        inside = np.log10(times[(times >= low) & (times <= high)])
        if len(inside) > 1 and inside.min() < inside.max():
            _violin(axes, place, inside)
        medians = 1e3 * np.median(each.runs, axis=1)
        axes.plot(medians, np.full(len(medians), place), "|", color=FOUND, markersize=5, alpha=0.5)
        axes.plot(1e3 * each.run.p50, place, "o", color=FOUND, markersize=4)
    _plain_log(axes)


def _violin(axes: Axes, place: int, logarithms: Times) -> None:
    """Density of the logarithms of times, as matplotlib estimates it."""
    from matplotlib.mlab import GaussianKDE

    grid = np.linspace(logarithms.min(), logarithms.max(), 100)
    density = GaussianKDE(logarithms).evaluate(grid)
    half = 0.4 * density / density.max()
    axes.fill_between(10**grid, place - half, place + half, color=FOUND, alpha=0.3, linewidth=0)


def _ratios(axes: Axes, result: BenchResult, rows: list[Measured]) -> None:
    """Speed-ups with their intervals, over the control's interval in grey."""
    axes.axvline(1, color=INK, linewidth=0.8)
    for place, each in enumerate(rows):
        found = result.comparison(each)
        if found is None:
            continue
        control, ratio = found.run.control, found.run.speedup
        axes.barh(place, control.high - control.low, left=control.low, height=0.7, color=INK, alpha=0.2)
        color = VERDICTS[found.run.verdict]
        axes.plot([ratio.low, ratio.high], [place, place], color=color, linewidth=2)
        axes.plot(ratio.value, place, "o", color=color, markersize=5)
    _plain_log(axes)


def _plain_log(axes: Axes) -> None:
    """A logarithmic axis with plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

    axes.set_xscale("log")
    low, high = axes.get_xlim()
    wide = high > 4 * low
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)) if wide else MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda _, __: ""))
