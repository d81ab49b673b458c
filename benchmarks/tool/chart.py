"""Memory by size of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bnfold.report.plots.style import AFTER, BEFORE, INK, new_figure, quiet, save


def draw(curve: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the picture: anonymous memory of bnfold, and of loading and saving with onnx."""
    sizes = [point["bytes"] / 1e6 for point in curve]
    with new_figure(6.4, 3.4) as figure:
        axes = figure.subplots()
        for name, colour in (("load and save", BEFORE), ("bnfold, no proof", AFTER)):
            axes.plot(sizes, [point[name]["anonymous"] / 1e6 for point in curve], "o-", color=colour, label=name)
        axes.plot(sizes, sizes, "--", color=INK, linewidth=0.8, label="the file itself")
        axes.set(xlabel="file (MB)", ylabel="anonymous memory (MB)", ylim=(0, None))
        axes.legend(frameon=False, labelcolor=INK)
        quiet(axes)
        save(figure, path)
