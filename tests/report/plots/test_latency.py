"""Pictures of latency show the numbers they are given."""

import io

import numpy as np
import pytest
from matplotlib.figure import Figure

from bnfold.report.plots.latency import SpeedUp, Times, distributions, speed_ups


def drawn(figure: Figure) -> str:
    """The picture as SVG, its text as text."""
    import matplotlib as mpl

    target = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none"}):
        figure.savefig(target, format="svg")
    return target.getvalue()


def times(name: str, level: str, scale: float, count: int = 200) -> Times:
    runs = scale * np.random.default_rng(0).lognormal(0, 0.05, count)
    return Times(name, level, runs.min(), float(np.median(runs)), float(np.quantile(runs, 0.9)), tuple(runs))


def test_every_file_and_level_has_its_row() -> None:
    levels = ("disabled", "all")
    figure = distributions([times(name, level, 0.01) for level in levels for name in ("original", "folded")])
    assert [axes.get_title(loc="left") for axes in figure.axes] == [f"optimization level {level}" for level in levels]
    for axes in figure.axes:
        assert [label.get_text() for label in axes.get_yticklabels()] == ["original", "folded"]
        medians = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "|"]
        assert medians == pytest.approx([times("", "", 0.01).p50 * 1e3] * 2)


def test_the_slowest_runs_do_not_squeeze_the_rest() -> None:
    item = times("a", "all", 0.01)
    stalled = Times("a", "all", item.fastest, item.p50, item.p90, (*item.runs, 5.0))
    (axes,) = distributions([stalled]).axes
    assert axes.get_xlim()[1] < 20


@pytest.mark.parametrize("runs", [(), (0.01,), (0.01,) * 50])
def test_without_spread_or_single_runs_there_is_still_a_picture(runs: tuple[float, ...]) -> None:
    (axes,) = distributions([Times("a", "all", 0.01, 0.01, 0.01, runs)]).axes
    low, high = axes.get_xlim()
    assert low < 10 < high


def test_names_are_no_mathematics() -> None:
    assert "$x_1$" in drawn(distributions([times("$x_1$", "all", 0.01)]))
    assert "$x_1$" in drawn(speed_ups([SpeedUp("$x_1$", "all", 1.0, 0.9, 1.1, (0.98, 1.02), "no difference")]))


def test_intervals_are_where_the_numbers_are() -> None:
    found = [
        SpeedUp("folded", "disabled", 1.3, 1.2, 1.4, (0.97, 1.02), "faster"),
        SpeedUp("folded", "all", 1.0, 0.98, 1.02, (0.99, 1.01), "no difference"),
    ]
    (axes,) = speed_ups(found).axes
    bars = [bar.lines[2][0].get_segments()[0][:, 0].tolist() for bar in axes.containers if hasattr(bar, "lines")]
    assert bars == [[pytest.approx(item.low), pytest.approx(item.high)] for item in found]
