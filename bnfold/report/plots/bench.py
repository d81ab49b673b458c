"""A whole benchmark as one picture: how times spread and the speed-ups, setting by setting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnfold.latency.results import BenchResult, Measured
from bnfold.report.plots.latency import SpeedUp, Times, ratios, spread
from bnfold.report.plots.style import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROW, BAND, FOOT = 0.38, 0.55, 0.4
"""Inches that a contestant, a setting beside its contestants, and the last axis take."""


def benchmark(result: BenchResult, *, width: float = 9.6) -> Figure:
    """A band for every setting: times of each contestant on the left, speed-ups on the right."""
    settings = result.settings()
    count = len(result.contestants) // len(settings)
    with new_figure(width, len(settings) * (BAND + ROW * count) + FOOT) as figure:
        grid = figure.subplots(len(settings), 2, squeeze=False, width_ratios=(3, 2))
        for setting, (left, right) in zip(settings, grid, strict=True):
            rows = [each for each in result.contestants if each.setting == setting]
            spread(left, [_times(each) for each in rows])
            ratios(right, [_speed_up(result, each) for each in rows[1:]], first=1)
            left.set_title(f"{setting.level}, {setting.conditions}", loc="left")
            right.set_ylim(left.get_ylim())
            right.set_yticks([])
        grid[-1][0].set_xlabel("ms a run")
        grid[-1][1].set_xlabel("times as fast; grey: the reference against itself")
    return figure


def _times(each: Measured) -> Times:
    run = each.run
    return Times(each.name, each.setting.level, run.min, run.p50, run.p90, each.runs.ravel().tolist())


def _speed_up(result: BenchResult, each: Measured) -> SpeedUp:
    found = result.comparison(each)
    assert found is not None, "every contestant but the reference is compared"
    ratio, noise = found.run.speedup, found.run.control
    verdict = found.run.verdict
    level = each.setting.level
    return SpeedUp(each.name, level, ratio.value, ratio.low, ratio.high, (noise.low, noise.high), verdict)
