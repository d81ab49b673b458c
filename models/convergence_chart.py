"""The picture of `convergence.py`: training loss over epochs, one panel per learning rate."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from bnfold.report.plots import style

LOST = 0.8
STYLES = {
    True: {"name": "with batch normalization", "color": style.AFTER, "dashes": "-"},
    False: {"name": "without", "color": style.BAD, "dashes": (0, (4, 1.5))},
}


def draw(runs: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the picture of all runs; the ending of `path` decides its format."""
    rates = sorted({run["learning_rate"] for run in runs})
    with style.new_figure(9.6, 3.7) as figure:
        panels = figure.subplots(1, len(rates), sharey=True, squeeze=False)[0]
        for axes, rate in zip(panels, rates, strict=True):
            for batch_norm in STYLES:
                chosen = [r for r in runs if r["learning_rate"] == rate and r["batch_norm"] is batch_norm]
                _lines(axes, chosen, batch_norm=batch_norm)
            _dress(axes, f"learning rate {rate:g}")
        panels[0].set_ylabel("training loss")
        handles = panels[0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside upper left", ncols=2, frameon=False, fontsize=11)
        figure.text(0.995, 0.945, "percentages: held-out error after the last epoch", ha="right", va="center")
        style.save(figure, path)


def _lines(axes: Axes, runs: Sequence[Mapping[str, Any]], *, batch_norm: bool) -> None:
    """Draw each seed thinly and their median boldly, with the median held-out error at its end."""
    look = STYLES[batch_norm]
    color = look["color"]
    losses = np.array([run["training_loss"] for run in runs], dtype=float)
    errors = np.array([run["held_out_error"][-1] for run in runs], dtype=float)
    epochs = np.arange(1, losses.shape[1] + 1)
    median = np.median(losses, axis=0)
    axes.plot(epochs, losses.T, color=color, linewidth=1, alpha=0.45)
    axes.plot(epochs, median, color=color, linewidth=2.4, linestyle=look["dashes"], label=look["name"])
    beside = {"textcoords": "offset points", "color": color, "annotation_clip": False}
    axes.annotate(
        f"{np.median(errors):.1%}",
        (epochs[-1], median[-1]),
        xytext=(6, 0),
        va="center",
        fontweight="bold",
        **beside,
    )
    if lost := int((errors > LOST).sum()):
        axes.annotate(
            f"no learning in {lost} of {len(runs)} seeds",
            (epochs[-1], losses[:, -1].max()),
            xytext=(0, 5),
            ha="right",
            fontsize=9.5,
            **beside,
        )


def _dress(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=11.5, loc="left")
    axes.set_xlabel("epoch")
    axes.set_yscale("log")
    axes.set_ylim(0.007, 4.5)
    # The percentages stand to the right of the last epoch.
    axes.set_xlim(0, axes.dataLim.xmax * 1.2)
    axes.set_xticks([1, 10, 20, 30])
    axes.set_yticks([0.01, 0.03, 0.1, 0.3, 1, 3])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    style.quiet(axes)
    axes.spines["left"].set_visible(False)
